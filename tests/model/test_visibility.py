"""The one rule, against a triple loop and against the mask construction of XLNet's code of 2019."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from model_cases import CLS, SEP, make_encoder, make_objective, packed, rng, stream, words

from bothways.batch import IGNORED, NEVER, Batch, Examples, Memory
from bothways.model.visibility import nearer, visible, windowed

ROWS, SLOTS, PROBES, REMEMBERED = 2, 6, 3, 4


def by_loops(batch: Batch, memory: Memory | None) -> torch.Tensor:
    """The rule in its slowest form, key by key."""
    remembered = 0 if memory is None else memory.length
    queries = batch.num_slots + batch.num_probes
    sees = torch.zeros(len(batch.tokens), queries, remembered + batch.num_slots, dtype=torch.bool)
    for row in range(len(batch.tokens)):
        for query in range(queries):
            place = query if query < batch.num_slots else int(batch.probes[row, query - batch.num_slots])
            now = 0 if batch.now is None else int(batch.now[row, query])
            for key in range(remembered + batch.num_slots):
                slot = key - remembered
                ranked = True
                if slot >= 0:
                    enters = -NEVER if batch.enters is None else int(batch.enters[row, slot])
                    leaves = NEVER if batch.leaves is None else int(batch.leaves[row, slot])
                    ranked = enters <= now < leaves
                same = True
                if batch.documents is not None:
                    other = memory.documents[row, key] if slot < 0 else batch.documents[row, slot]
                    same = int(batch.documents[row, place]) == int(other)
                sees[row, query, key] = ranked and same
    return sees


@given(st.lists(st.booleans(), min_size=6, max_size=6), st.integers(0, 2**32 - 1))
def test_the_rule_equals_a_triple_loop_for_any_choice_of_vectors(given_vectors, seed):
    enters, leaves, now, documents, memory, probes = given_vectors
    draw = torch.Generator().manual_seed(seed)

    def random(low: int, high: int, length: int) -> torch.Tensor:
        return torch.randint(low, high, (ROWS, length), generator=draw)

    ranks = random(0, 5, SLOTS)
    ranks[random(0, 4, SLOTS) == 0] = NEVER
    batch = Batch(
        tokens=random(0, 9, SLOTS),
        segments=random(0, 2, SLOTS),
        positions=random(0, 9, SLOTS),
        scored=torch.tensor([], dtype=torch.long),
        targets=torch.tensor([], dtype=torch.long),
        probes=random(0, SLOTS, PROBES) if probes else None,
        documents=random(0, 2, SLOTS) if documents else None,
        enters=ranks if enters else None,
        leaves=random(1, 6, SLOTS) if leaves else None,
        now=random(-1, 5, SLOTS + PROBES * probes) if now else None,
    )
    state = torch.zeros(ROWS, REMEMBERED, 1)
    carried = Memory((state,), random(0, 2, REMEMBERED) if documents else None) if memory else None
    sees = visible(batch, carried)
    expected = by_loops(batch, carried)
    if sees is None:
        assert expected.all()
    else:
        assert torch.equal(sees, expected)


@given(st.integers(1, SLOTS), st.booleans(), st.booleans(), st.integers(0, 2**32 - 1))
def test_a_window_adds_that_positions_are_near_whatever_they_are(window, given_ranks, probes, seed):
    draw = torch.Generator().manual_seed(seed)
    places = torch.stack([torch.randperm(SLOTS, generator=draw) for _ in range(ROWS)])
    places[1] *= -1
    batch = Batch(
        tokens=places,
        segments=places,
        positions=places,
        scored=torch.tensor([], dtype=torch.long),
        targets=torch.tensor([], dtype=torch.long),
        probes=torch.randint(0, SLOTS, (ROWS, PROBES), generator=draw) if probes else None,
        enters=torch.randint(0, 3, (ROWS, SLOTS), generator=draw) if given_ranks else None,
        now=torch.ones(ROWS, SLOTS + PROBES * probes, dtype=torch.long),
    )
    found = windowed(batch, visible(batch), window)
    expected = by_loops(batch, None)
    for row in range(ROWS):
        for query in range(expected.shape[1]):
            slot = query if query < SLOTS else int(batch.probes[row, query - SLOTS])
            for key in range(SLOTS):
                near = abs(int(places[row, slot]) - int(places[row, key])) <= window
                expected[row, query, key] = bool(expected[row, query, key]) and near
    assert expected.all() if found is None else torch.equal(found, expected)


def test_a_row_no_longer_than_the_window_costs_no_further_mask():
    batch = make_objective("masked", make_encoder("bert")).corrupt(packed(), rng())
    seen = visible(batch)
    assert windowed(batch, seen, 15) is seen
    assert windowed(batch, seen, 3) is not seen


def test_a_batch_with_documents_refuses_a_memory_without_them():
    examples = stream(0).examples
    encoder = make_encoder("transformer_xl", memory=8)
    batch = make_objective("masked", encoder).corrupt(examples, rng())
    with pytest.raises(ValueError, match="document numbers"):
        visible(batch, Memory((torch.zeros(4, 8, 32),)))


@pytest.mark.parametrize("remembered", [0, 3, 5])
def test_same_length_lets_a_query_see_the_last_keys_only_and_never_more_than_the_limit(remembered):
    limit = 5
    tokens = torch.arange(8).expand(2, 8)
    nothing = torch.tensor([], dtype=torch.long)
    batch = Batch(tokens, tokens, tokens, nothing, nothing, enters=tokens, now=tokens)
    memory = Memory((torch.zeros(2, remembered, 1),)) if remembered else None
    sees = visible(batch, memory) & nearer(batch, remembered, limit)
    for query in range(8):
        own = remembered + query
        expected = [own - limit < key <= own for key in range(remembered + 8)]
        assert sees[0, query].tolist() == sees[1, query].tolist() == expected
    if remembered == limit:
        assert (sees.sum(-1) == limit).all()


def test_a_probe_looks_as_far_back_as_the_slot_at_whose_place_it_stands():
    encoder = make_encoder("transformer_xl", memory=8)
    batch = make_objective("permutation", encoder).corrupt(stream(0).examples, rng())
    near = nearer(batch, 8, 6)
    slots, probes = near.split([batch.num_slots, batch.num_probes], dim=1)
    for row in range(len(near)):
        assert torch.equal(probes[row], slots[row, batch.probes[row]])


def mask_of_2019(order: np.ndarray, is_target: np.ndarray, is_functional: np.ndarray) -> np.ndarray:
    """What XLNet's code of 2019 hides within one block: bool [query, key].

    `order[i]` is the place of slot i in the drawn permutation of the block. Ordinary text that is no target stands
    before everything. A slot hides those targets and functional tokens that do not stand before it; a functional
    token counts itself as standing before itself, a target does not.
    """
    is_text = ~is_target & ~is_functional
    place = np.where(is_text, -1, order)
    looks_from = np.where(is_target, place, place + 1)
    return (looks_from[:, None] <= place[None, :]) & ~is_text[None, :]


@pytest.mark.parametrize("select", ["span", "released", "token"])
def test_the_original_policy_hides_exactly_what_the_code_of_2019_hides(select):
    encoder = make_encoder("transformer_xl", memory=8)
    objective = make_objective("permutation", encoder, select=select, specials="original", one_in=3)
    draw = rng(5)
    checked = 0
    for step in range(6):
        examples = stream(step).examples
        batch = objective.corrupt(examples, draw)
        sees = visible(batch).numpy()
        slots, half = batch.num_slots, examples.second_block
        for row in range(len(sees)):
            probed = batch.probes[row][batch.targets.view(batch.probes.shape)[row] != IGNORED].numpy()
            is_target = np.zeros(slots, dtype=bool)
            is_target[probed] = True
            is_functional = np.isin(examples.tokens[row], [CLS, SEP])
            hidden = np.zeros((slots, slots), dtype=bool)
            hidden[:half, half:] = True
            for block in (slice(0, half), slice(half, slots)):
                order = _any_order_with(
                    batch.enters[row, block].numpy(), is_target[block] | is_functional[block], draw
                )
                hidden[block, block] = mask_of_2019(order, is_target[block], is_functional[block])
            np.testing.assert_array_equal(sees[row, :slots], ~hidden | np.eye(slots, dtype=bool))
            np.testing.assert_array_equal(sees[row, slots : slots + len(probed)], ~hidden[probed])
            checked += len(probed)
    assert checked > 80


def _any_order_with(ranks: np.ndarray, permuted: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Return a permutation of the whole block in which the permuted slots stand in the order of their ranks."""
    places = np.empty(len(ranks), dtype=np.int64)
    drawn = draw.permutation(len(ranks))
    slots = np.flatnonzero(permuted)
    places[slots[np.argsort(ranks[slots])]] = np.sort(drawn[: len(slots)])
    places[~permuted] = drawn[len(slots) :]
    return places


def test_a_second_block_sees_all_of_the_first_which_never_sees_it():
    encoder = make_encoder("transformer_xl", memory=8)
    for name in ("masked", "permutation"):
        examples = stream(0).examples
        batch = make_objective(name, encoder).corrupt(examples, rng())
        sees, half = visible(batch), examples.second_block
        place = torch.cat([torch.arange(16).expand(4, 16), torch.empty(4, 0, dtype=torch.long)], dim=1)
        if batch.probes is not None:
            place = torch.cat([place, batch.probes], dim=1)
        in_first = place < half
        real = torch.cat([torch.ones(4, 16, dtype=torch.bool), _real_probes(batch)], dim=1)
        assert not sees[in_first & real][:, half:].any()
        assert sees[~in_first & real][:, :half].all()


def _real_probes(batch: Batch) -> torch.Tensor:
    if batch.probes is None:
        return torch.ones(4, 0, dtype=torch.bool)
    return batch.targets.view(batch.probes.shape) != IGNORED


def test_without_vectors_everything_is_visible_and_no_mask_is_built():
    tokens = words(8, rows=2)
    positions = np.tile(np.arange(8), (2, 1))
    examples = Examples(tokens, np.zeros_like(tokens), positions)
    batch = make_objective("masked", make_encoder("bert")).corrupt(examples, rng())
    assert visible(batch) is None


def test_padding_is_seen_by_nobody():
    tokens = np.array([[CLS, 9, 12, SEP, 0, 0], [CLS, 9, SEP, 0, 0, 0]], dtype=np.int32)
    examples = Examples(tokens, np.zeros_like(tokens), np.tile(np.arange(6), (2, 1)))
    for name in ("masked", "permutation"):
        objective = make_objective(name, make_encoder("transformer_xl"))
        batch = objective.corrupt(examples, rng())
        sees = visible(dataclasses.replace(batch, now=None if batch.now is None else batch.now + 100))
        padding = torch.from_numpy(tokens == 0)[:, None].expand(sees.shape)
        assert not sees[padding].any()
        assert sees[~padding].all()
