"""Rotary positions against complex numbers, and what they promise: only distances count."""

import dataclasses

import pytest
import torch
from model_cases import make_encoder, make_objective, packed, pairs, rng, whole

from bothways.batch import Batch
from bothways.model.kernels.runs import Runs
from bothways.model.rotary import turn, turns_of

HEADS, HEAD = 3, 10


def batch_at(places: torch.Tensor) -> Batch:
    nothing = torch.tensor([], dtype=torch.long)
    return Batch(places, torch.zeros_like(places), places, nothing, nothing)


def turned(heads: torch.Tensor, places: torch.Tensor, base: float = 100.0) -> torch.Tensor:
    return turn(heads, turns_of(batch_at(places), HEAD, base, heads.dtype).keys)


def heads(dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(2, 7, HEADS, HEAD, generator=torch.Generator().manual_seed(0), dtype=dtype)


PLACES = torch.tensor([[0, 1, 2, 3, 4, 5, 6], [8, -3, 500, 8, 0, -70, 1]])


def test_turning_is_a_product_with_complex_numbers_of_length_one():
    given = heads()
    planes = torch.complex(given[..., : HEAD // 2], given[..., HEAD // 2 :])
    speeds = 100.0 ** (-torch.arange(HEAD // 2, dtype=torch.float64) * 2 / HEAD)
    expected = planes * torch.exp(1j * PLACES[:, :, None, None] * speeds)
    found = turned(given, PLACES)
    torch.testing.assert_close(found, torch.cat([expected.real, expected.imag], -1), atol=1e-12, rtol=0.0)
    torch.testing.assert_close(found.norm(dim=-1), given.norm(dim=-1), atol=1e-12, rtol=0.0)


def test_scores_depend_on_the_difference_of_places_alone():
    query, key = heads(), heads().flip(0)

    def scores(query_places, key_places):
        return torch.einsum("bqhd,bkhd->bhqk", turned(query, query_places), turned(key, key_places))

    before = scores(PLACES, PLACES)
    torch.testing.assert_close(scores(PLACES + 1000, PLACES + 1000), before, atol=1e-10, rtol=0.0)
    assert (scores(PLACES + 1, PLACES) - before).abs().max() > 0.01
    mirrored = scores(-PLACES, -PLACES)
    assert (mirrored - before).abs().max() > 0.01, "what stands before is told from what stands behind"


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_far_places_are_told_apart_in_half_precision_too(dtype):
    given = heads(dtype)
    far = PLACES.abs() + 8000
    found = turned(given, far, 10_000.0)
    assert found.dtype == dtype
    exact = turned(given.double(), far, 10_000.0)
    assert (found.double() - exact).abs().max() < {torch.bfloat16: 0.02, torch.float32: 5e-3}[dtype]


def test_a_probe_is_turned_to_the_place_of_its_slot():
    batch = make_objective("permutation", make_encoder("modern")).corrupt(packed(), rng())
    turns = turns_of(batch, HEAD, 100.0, torch.float64)
    slots, probes = turns.queries.split([batch.num_slots, batch.num_probes], dim=1)
    assert torch.equal(slots, turns.keys)
    for row in range(len(probes)):
        assert torch.equal(probes[row], slots[row, batch.probes[row]])
    some = turns.at(torch.tensor([[3, 17]] * 4))
    assert torch.equal(some.queries, turns.queries[:, [3, 17]])
    assert torch.equal(some.keys, turns.keys)


def test_a_shift_of_all_positions_changes_no_state():
    encoder = make_encoder("modern", layers=4)
    batch = make_objective("permutation", encoder).corrupt(whole(), rng())
    moved = dataclasses.replace(batch, positions=batch.positions + 77)
    torch.testing.assert_close(encoder(moved)[0], encoder(batch)[0], atol=1e-11, rtol=0.0)
    stretched = dataclasses.replace(batch, positions=batch.positions * 2)
    assert (encoder(stretched)[0] - encoder(batch)[0]).abs().max() > 0.01


def test_local_layers_turn_faster_and_see_less():
    encoder = make_encoder("modern", layers=4)
    assert encoder.settings.windows == [None, 3, 3, None]
    assert [block.attention.is_local for block in encoder.blocks] == [False, True, True, False]
    batch = make_objective("masked", encoder).corrupt(packed(), rng())
    sight = encoder.look(batch, None, torch.float64)
    assert ((sight.near.hiding < 0) >= (sight.hiding < 0)).all()
    assert (sight.near.hiding < 0).sum() > (sight.hiding < 0).sum()
    slowest = [turns.queries[..., -1].asin() for turns in (sight.turns, sight.near.turns)]
    places = batch.positions.double()
    head = encoder.settings.width // encoder.settings.heads
    for angle, theta in zip(slowest, (160_000.0, 10_000.0), strict=True):
        torch.testing.assert_close(angle, places * theta ** (2 / head - 1), atol=1e-12, rtol=0.0)


def test_rows_shorter_than_the_window_share_one_mask():
    encoder = make_encoder("modern", window=64)
    sight = encoder.look(make_objective("masked", encoder).corrupt(packed(), rng()), None, torch.float64)
    assert sight.near.hiding is sight.hiding


def test_runs_say_where_documents_begin_and_rows_of_one_document_are_runs_within_a_window():
    masked = make_objective("masked", make_encoder("modern"))
    of_documents, of_rows, padded = (masked.corrupt(rows(), rng()) for rows in (packed, whole, pairs))
    assert torch.equal(Runs.of(of_documents, 3).begins, of_documents.runs)
    assert Runs.of(of_documents).window is None
    assert Runs.of(of_rows) is None
    assert Runs.of(of_rows, 3).begins.tolist() == [0, 16, 32, 48, 64]
    assert Runs.of(of_rows, 3).begins.dtype == torch.int32
    assert Runs.of(padded, 3) is None
    permuted = make_objective("permutation", make_encoder("modern"))
    assert Runs.of(permuted.corrupt(whole(), rng()), 3) is None
