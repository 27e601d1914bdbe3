"""The shift from distances to keys, its gradient, and the encodings of signed distances."""

import dataclasses

import pytest
import torch
from model_cases import make_encoder, make_objective, rng, stream

from bothways.model.kernels.shift import shift
from bothways.model.positions import RelativePositions, positions_of, relative_encodings, sinusoids

SHAPES = [(5, 0, 0), (5, 3, 0), (5, 3, 4), (1, 0, 1), (1, 4, 2), (2, 7, 1)]


def relative_of(slots: int, memory: int, probes: int, rows: int = 2):
    """What the shift needs of a batch of this shape."""
    encoder = make_encoder("transformer_xl")
    batch = make_objective("masked", encoder).corrupt(stream(0, columns=rows).examples, rng())
    batch = dataclasses.replace(
        batch,
        tokens=batch.tokens[:, :slots],
        segments=batch.segments[:, :slots],
        probes=torch.randint(0, slots, (rows, probes)) if probes else None,
    )
    return positions_of(batch, memory, 32, 3, torch.float64)


def shifted(every: torch.Tensor, relative: RelativePositions) -> torch.Tensor:
    """Shift as attention does."""
    return shift(every, relative.slots, relative.keys, relative.probes)


@pytest.mark.parametrize(("slots", "memory", "probes"), SHAPES)
def test_the_shift_equals_looking_up_the_distance_of_each_query_and_key(slots, memory, probes):
    relative = relative_of(slots, memory, probes)
    distances = 2 * slots + memory - 1
    every = torch.randn(2, 3, slots + probes, distances, dtype=torch.float64, requires_grad=True)
    place = torch.arange(slots).expand(2, slots)
    if probes:
        place = torch.cat([place, relative.probes], dim=1)
    distance = memory + place[:, :, None] - torch.arange(memory + slots)
    column = (memory + slots - 1 - distance)[:, None].expand(-1, 3, -1, -1)
    expected = every.gather(3, column)
    found = shifted(every, relative)
    assert torch.equal(found, expected)
    weights = torch.randn_like(expected)
    (ours,) = torch.autograd.grad((found * weights).sum(), every)
    (plain,) = torch.autograd.grad((expected * weights).sum(), every)
    assert torch.equal(ours, plain)


@pytest.mark.parametrize(("slots", "memory", "probes"), SHAPES)
def test_the_gradient_of_the_shift_is_right(slots, memory, probes):
    relative = relative_of(slots, memory, probes)
    every = torch.randn(2, 2, slots + probes, 2 * slots + memory - 1, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda tensor: shifted(tensor, relative), every)


def test_the_shift_reads_tensors_that_are_not_contiguous():
    relative = relative_of(5, 3, 2)
    every = torch.randn(7, 2, 2, 12, dtype=torch.float64).permute(1, 2, 0, 3)
    assert not every.is_contiguous()
    assert torch.equal(shifted(every, relative), shifted(every.contiguous(), relative))


def test_columns_of_the_encodings_fall_from_the_furthest_memory_to_the_last_slot():
    device = torch.device("cpu")
    encodings = relative_encodings(4, 3, 8, both=True, dtype=torch.float64, device=device)
    distances = torch.arange(6, -4, -1, dtype=torch.float64)
    assert torch.equal(encodings[0], sinusoids(distances, 8))
    assert torch.equal(encodings[1], sinusoids(-distances, 8))
    one = relative_encodings(4, 3, 8, both=False, dtype=torch.float64, device=device)
    assert torch.equal(one, encodings[:1])


def test_distances_beyond_the_clamp_share_its_encoding_in_both_directions():
    device = torch.device("cpu")
    encodings = relative_encodings(4, 3, 8, both=True, dtype=torch.float64, device=device, clamp=2)
    distances = torch.tensor([2, 2, 2, 2, 2, 1, 0, -1, -2, -2], dtype=torch.float64)
    assert torch.equal(encodings[0], sinusoids(distances, 8))
    assert torch.equal(encodings[1], sinusoids(-distances, 8))


def test_sinusoids_are_all_sines_then_all_cosines():
    table = sinusoids(torch.tensor([3.0], dtype=torch.float64), 4)
    expected = torch.tensor([3.0, 0.03, 3.0, 0.03], dtype=torch.float64)
    assert torch.allclose(table[0], torch.cat([expected[:2].sin(), expected[2:].cos()]))


def test_half_precision_still_tells_long_distances_apart():
    device = torch.device("cpu")
    halves = relative_encodings(600, 0, 8, both=False, dtype=torch.bfloat16, device=device)
    full = relative_encodings(600, 0, 8, both=False, dtype=torch.float32, device=device)
    assert halves.dtype == torch.bfloat16
    assert (halves.float() - full).abs().max() < 0.005


def test_memory_counts_as_segment_zero_and_a_probe_has_the_segment_of_its_slot():
    encoder = make_encoder("transformer_xl", memory=8)
    examples = stream(0).examples
    batch = make_objective("permutation", encoder).corrupt(examples, rng())
    relative = positions_of(batch, 5, 32, 3, torch.float32)
    assert relative.key_segments[:, :5, 0].all()
    assert torch.equal(relative.key_segments[:, 5:].int().argmax(-1), batch.segments)
    probed = relative.query_segments[:, batch.num_slots :].int().argmax(-1)
    assert torch.equal(probed, batch.segments.gather(1, batch.probes))


def test_some_queries_of_a_batch_stand_where_they_stood_and_keep_their_segments():
    encoder = make_encoder("transformer_xl", memory=8)
    batch = make_objective("permutation", encoder).corrupt(stream(0).examples, rng())
    relative = positions_of(batch, 5, 32, 3, torch.float64)
    queries = batch.num_slots + batch.num_probes
    wanted = torch.tensor([[0, 15, queries - 1], [3, 3, 16], [queries - 1, 7, 17], [1, 0, 2]])
    every = torch.randn(4, 2, queries, 2 * 16 + 5 - 1, dtype=torch.float64)
    rows = torch.arange(4)[:, None]
    some = relative.at(wanted)
    taken = every.transpose(1, 2)[rows, wanted].transpose(1, 2)
    kept = shifted(every, relative).transpose(1, 2)[rows, wanted].transpose(1, 2)
    assert torch.equal(shifted(taken, some), kept)
    assert torch.equal(some.query_segments, relative.query_segments[rows, wanted])
    assert torch.equal(some.key_segments, relative.key_segments)
