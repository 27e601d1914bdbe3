"""No scored position can learn its own token, whatever path it takes: through layers, slots, memory, rows.

Possible paths are closed over twelve layers and four consecutive rows of every column. A token is identified by its
offset in the stream, not by its slot, so that text which returns in the next row is still the same text.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
import torch
from model_cases import (
    ANYWHERE,
    FORMATS,
    IN_STREAMS,
    MASK,
    OBJECTIVE_CASES,
    PAD,
    SEP,
    StreamRow,
    ahead,
    every_objective,
    make_encoder,
    make_objective,
    plain_stream,
    rng,
    stream,
)
from reachability import reach

from bothways.batch import IGNORED, Batch, Examples
from bothways.model import visibility

LAYERS = 12
STEPS = 4
COLUMNS = 6
SLOTS = 32
MEMORY = 24


def numbered(offsets: list[np.ndarray]) -> list[np.ndarray]:
    """Number the offsets that each column ever meets from 0; special tokens keep -1."""
    every = np.concatenate(offsets, axis=1)
    numbers = [np.full_like(part, -1) for part in offsets]
    for column in range(len(every)):
        known = np.unique(every[column][every[column] >= 0])
        for number, part in zip(numbers, offsets, strict=True):
            text = part[column] >= 0
            number[column, text] = np.searchsorted(known, part[column][text])
    return numbers


def hidden_from(batch: Batch, ahead: int) -> torch.Tensor:
    """Say which slots each query must learn nothing of: bool [rows, queries, slots].

    A masked model must not learn any hidden token, a causal one none behind the query. A permutation's probe must not
    learn its own, nor one that comes later in the order: the ranks say which, so that the rule of visibility is not
    asked to judge itself.
    """
    slots = batch.num_slots
    if ahead:
        return torch.ones(slots, slots, dtype=torch.bool).triu(ahead).expand(len(batch.tokens), -1, -1)
    if batch.probes is None:
        hidden = torch.zeros(batch.tokens.numel(), dtype=torch.bool)
        hidden[batch.scored] = True
        return hidden.view(len(batch.tokens), 1, slots).expand(-1, slots, -1)
    place = torch.cat([torch.arange(slots).expand(len(batch.tokens), slots), batch.probes], dim=1)
    own_rank = batch.enters.gather(1, place)
    return batch.enters[:, None, :] >= own_rank[:, :, None]


def count_leaks(
    batch: Batch, examples: Examples, known: torch.Tensor, sources: np.ndarray, ahead: int
) -> tuple[int, int]:
    """Return how many targets may know what they must not, and how many targets there are."""
    must_not = hidden_from(batch, ahead)
    leaks, targets = 0, 0
    for index, target in zip(batch.scored.tolist(), batch.targets.tolist(), strict=True):
        if target == IGNORED:
            continue
        row, query = divmod(index, batch.num_slots + batch.num_probes)
        slot = query + ahead if query < batch.num_slots else int(batch.probes[row, query - batch.num_slots])
        assert examples.tokens[row, slot] == target
        assert must_not[row, query, slot]
        forbidden = sources[row, must_not[row, query].numpy()]
        leaks += bool(known[row, query, forbidden[forbidden >= 0]].any())
        targets += 1
    return leaks, targets


def with_placeholders(batch: Batch, sources: np.ndarray) -> np.ndarray:
    """Return the sources of all slots: placeholders hold none, for they show nothing but `[MASK]` or padding."""
    placeholders = batch.tokens[:, batch.num_slots - batch.placeholders :]
    assert ((placeholders == MASK) | (placeholders == PAD)).all()
    return np.pad(sources, ((0, 0), (0, batch.placeholders)), constant_values=-1)


def shown_by(batch: Batch, sources: np.ndarray, count: int, ahead: int) -> torch.Tensor:
    """Say which source each slot's own embedding gives away: bool [rows, slots, sources].

    What a masked model hides counts as hidden even where it stays as it was: that one in ten does is the recipe.
    """
    numbers = torch.from_numpy(sources).clone()
    if batch.probes is None and not ahead:
        numbers.view(-1)[batch.scored] = -1
    return numbers[:, :, None] == torch.arange(count)


def leaks_over_a_stream(
    named: str, *, blocks: bool, seed: int = 0, lay_out: Callable[..., StreamRow] = stream
) -> tuple[int, int]:
    name, values = OBJECTIVE_CASES[named]
    objective = make_objective(name, make_encoder("transformer_xl"), **values)
    rows = [lay_out(step, COLUMNS, SLOTS) for step in range(STEPS)]
    sources = numbered([row.offsets for row in rows])
    count = 1 + max(int(part.max()) for part in sources)
    draw, memory, total = rng(seed), None, np.zeros(2, dtype=int)
    for row, numbers in zip(rows, sources, strict=True):
        examples = row.examples if blocks else dataclasses.replace(row.examples, second_block=None)
        batch = objective.corrupt(examples, draw)
        shown = shown_by(batch, numbers, count, ahead(named))
        known, memory = reach(batch, shown, LAYERS, memory=memory, memory_length=MEMORY)
        total += count_leaks(batch, examples, known, numbers, ahead(named))
    assert memory is not None
    assert memory.layers[0].shape[1] == MEMORY
    return int(total[0]), int(total[1])


every_objective_in_streams = pytest.mark.parametrize("named", IN_STREAMS)


@every_objective_in_streams
def test_no_target_of_four_rows_with_memory_can_reach_itself_or_what_comes_later(named):
    leaks, targets = leaks_over_a_stream(named, blocks=True)
    assert targets > 80
    assert leaks == 0


@every_objective_in_streams
def test_no_target_of_four_plain_rows_with_memory_can_reach_itself_or_what_comes_later(named):
    leaks, targets = leaks_over_a_stream(named, blocks=True, lay_out=plain_stream)
    assert targets > 80
    assert leaks == 0


@pytest.mark.parametrize("named", [named for named in ANYWHERE if named in IN_STREAMS])
def test_without_the_rule_of_two_blocks_this_test_finds_the_known_leak(named):
    leaks, targets = leaks_over_a_stream(named, blocks=False)
    assert leaks > 0.25 * targets


@pytest.mark.parametrize("named", [named for named in OBJECTIVE_CASES if "permutation" in named])
def test_a_mask_that_hides_only_what_is_scored_is_caught(named, monkeypatch):
    """Special tokens that see everything hand the targets to each other, as in a well-known data collator."""
    honest = visibility.visible

    def open_specials(batch, memory=None):
        sees = honest(batch, memory).clone()
        sees[:, : batch.num_slots][batch.tokens <= SEP] = True
        sees[:, :, -batch.num_slots :] |= (batch.tokens <= SEP)[:, None]
        return sees

    monkeypatch.setattr("reachability.visible", open_specials)
    leaks, targets = leaks_over_a_stream(named, blocks=True)
    assert leaks > 0.5 * targets


@every_objective
@pytest.mark.parametrize("rows", [name for name in FORMATS if name != "stream"])
def test_no_target_of_a_row_without_memory_can_reach_itself_or_what_comes_later(named, rows):
    name, values = OBJECTIVE_CASES[named]
    objective = make_objective(name, make_encoder("transformer_xl"), **values)
    for seed in range(5):
        examples = FORMATS[rows](6, SLOTS)
        batch = objective.corrupt(examples, rng(seed))
        slots = np.broadcast_to(np.arange(SLOTS), examples.tokens.shape)
        sources = with_placeholders(batch, np.where(examples.tokens == PAD, -1, slots))
        known, _ = reach(batch, shown_by(batch, sources, SLOTS, ahead(named)), LAYERS)
        leaks, targets = count_leaks(batch, examples, known, sources, ahead(named))
        assert targets > 10
        assert leaks == 0
