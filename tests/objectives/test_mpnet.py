"""Masked and permuted: what sees what, written out; one thing at each place; what is text; clozes."""

import dataclasses

import numpy as np
import pytest
import torch
from model_cases import (
    BACKBONE_CASES,
    CLS,
    FORMATS,
    MASK,
    PAD,
    SEP,
    goes_with,
    make_encoder,
    make_objective,
    packed,
    pairs,
    rng,
    stream_examples,
    whole,
)
from scored import objective_named, scored_slots

from bothways.batch import IGNORED, NEVER, Batch, Examples
from bothways.model.visibility import visible

FORMS = [name for name in FORMATS if "stream" not in name]
every_form = pytest.mark.parametrize("rows", FORMS)
every_backbone_that_can = pytest.mark.parametrize(
    "backbone", [backbone for backbone in BACKBONE_CASES if goes_with("mpnet", backbone)]
)

SEES = {
    # who          x1 x2 x3 x4  x5 x6 x7  m5 m6 m7
    **dict.fromkeys(("x1", "x2", "x3", "x4"), "1111 000 111"),
    "x5": "1111 100 011",
    "x6": "1111 110 001",
    "x7": "1111 111 000",
    **dict.fromkeys(("m5", "m6", "m7"), "1111 000 111"),
    "probe of x5": "1111 000 111",
    "probe of x6": "1111 100 011",
    "probe of x7": "1111 110 001",
}
"""x1 to x4 are known, then x5, x6 and x7 are predicted: the example in the released code."""


def test_who_sees_whom_is_the_mask_of_the_released_code():
    tokens = np.array([[CLS, SEP, SEP, SEP, 9, 10, 11]], dtype=np.int32)
    examples = Examples(tokens, np.zeros_like(tokens), np.arange(7, dtype=np.int32)[None])
    batch = objective_named("mpnet token").left_to_right(examples)
    expected = [[mark == "1" for mark in row.replace(" ", "")] for row in SEES.values()]
    assert visible(batch)[0].tolist() == expected
    assert batch.positions[0].tolist() == [*range(7), 4, 5, 6]
    assert batch.tokens[0].tolist() == [*tokens[0], MASK, MASK, MASK]
    assert batch.probes[0].tolist() == [4, 5, 6]
    assert batch.targets.tolist() == [9, 10, 11]


def seen_by(query: str, place: int, order: list[int], row: list[int]) -> set[tuple[str, int]]:
    """Return what a query at a place sees, as the paper says it.

    `row` holds the places of one document, `order` those of it that are predicted. What comes before in the order is
    seen as a token, and so is what a token slot itself holds; what is still to come, as a placeholder.
    """
    is_ranked = place in order and query != "placeholder"
    before = order.index(place) + (query == "token") if is_ranked else 0
    known = [("token", other) for other in row if other not in order[before:]]
    return {*known, *(("placeholder", other) for other in order[before:])}


@every_form
@pytest.mark.parametrize("named", ["mpnet token", "mpnet word", "mpnet ngram"])
def test_every_drawn_order_gives_what_the_paper_says(named, rows):
    examples = FORMATS[rows](6, 32)
    batch = objective_named(named).corrupt(examples, rng())
    sees, slots = visible(batch), batch.num_slots - batch.placeholders
    texts = examples.documents if examples.documents is not None else np.zeros_like(examples.tokens)
    checked = 0
    for row, ranks in enumerate(batch.enters[:, :slots].tolist()):
        real = [slot for slot in range(slots) if examples.tokens[row, slot] != PAD]
        order = sorted((slot for slot in real if ranks[slot]), key=lambda slot: ranks[slot])
        places = [*range(slots), *sorted(order), *[None] * (batch.placeholders - len(order))]
        keys = [("token" if key < slots else "placeholder", place) for key, place in enumerate(places)]
        queries = [key for key in keys if key[1] in real]
        queries += [("probe", place) for place in batch.probes[row, : len(order)].tolist()]
        indices = [index for index, key in enumerate(keys) if key[1] in real]
        indices += [batch.num_slots + index for index in range(len(order))]
        for (query, place), index in zip(queries, indices, strict=True):
            document = [slot for slot in real if texts[row, slot] == texts[row, place]]
            of_document = [slot for slot in order if slot in document]
            seen = {keys[key] for key in sees[row, index].nonzero()[:, 0].tolist()}
            assert seen == seen_by(query, place, of_document, document)
            checked += 1
    assert checked > 6 * 30


@every_form
def test_every_query_sees_exactly_one_thing_at_every_place_of_its_text(rows):
    """The compensation of positions: no token without its place, no place twice."""
    examples = FORMATS[rows](6, 32)
    batch = objective_named("mpnet word").corrupt(examples, rng())
    slots, texts = batch.num_slots - batch.placeholders, batch.documents
    place = _places(batch)
    seen = torch.zeros(*visible(batch).shape[:2], slots, dtype=torch.long)
    seen.scatter_add_(2, place[:, None].expand(-1, seen.shape[1], -1), visible(batch).long())
    expected = torch.from_numpy(examples.tokens != PAD)[:, None].expand_as(seen)
    if texts is not None:
        expected = expected & (batch.at_queries(texts)[:, :, None] == texts[:, None, :slots])
    is_filler = torch.zeros(batch.now.shape, dtype=torch.bool)
    is_filler[:, batch.num_slots :] = batch.targets.view(batch.probes.shape) == IGNORED
    assert torch.equal(seen[~is_filler], expected.long()[~is_filler])
    assert not seen[is_filler].any()


def _places(batch: Batch) -> torch.Tensor:
    """Return the slot of text that each slot stands for, int64 [rows, slots]."""
    text = torch.arange(batch.num_slots - batch.placeholders).expand(len(batch.tokens), -1)
    return torch.cat([text, batch.probes], dim=1)


def test_placeholders_and_padding_are_no_text_where_rows_predict_different_numbers():
    examples = pairs(8, 32)
    examples.tokens[5, 12:] = PAD
    batch = objective_named("mpnet token").corrupt(examples, rng())
    counts = scored_slots(batch).sum(axis=1)
    assert len(set(counts)) > 1
    assert batch.placeholders == counts.max()
    assert batch.num_tokens == (examples.tokens != PAD).sum()
    filled = (batch.enters[:, -batch.placeholders :] < NEVER).sum(dim=1)
    assert filled.tolist() == counts.tolist()
    assert (batch.targets != IGNORED).sum() == counts.sum()
    unpadded = objective_named("mpnet token").corrupt(whole(8, 32), rng())
    assert unpadded.num_tokens == 8 * 32


@every_form
def test_the_row_stays_as_it_is_and_placeholders_repeat_all_but_the_token(rows):
    examples = FORMATS[rows]()
    batch = objective_named("mpnet word").corrupt(examples, rng())
    slots = examples.tokens.shape[1]
    assert (batch.tokens[:, :slots].numpy() == examples.tokens).all()
    assert torch.equal(batch.enters[:, slots:] == NEVER, batch.tokens[:, slots:] == PAD)
    assert set(batch.tokens[:, slots:].unique().tolist()) <= {MASK, PAD}
    for name in ("segments", "positions", "documents"):
        value = getattr(batch, name)
        if value is not None:
            assert torch.equal(value[:, slots:], value[:, :slots].gather(1, batch.probes)), name


@every_backbone_that_can
@pytest.mark.parametrize("rows", [whole, pairs, packed])
def test_a_cloze_is_what_two_streams_answer_when_all_that_is_hidden_comes_first(backbone, rows):
    encoder = make_encoder(backbone)
    objective = make_objective("mpnet", encoder)
    examples = rows()
    hidden = (examples.tokens > MASK) & (rng(3).random(examples.tokens.shape) < 0.3)
    asked = hidden & (rng(4).random(hidden.shape) < 0.7)
    answers = objective.predict(encoder, objective.cloze(examples, hidden, asked))
    streams = objective.in_order(examples, hidden.astype(np.int64))
    kept = torch.from_numpy(asked[hidden])
    both = objective.predict(encoder, streams)[streams.targets != IGNORED][kept]
    torch.testing.assert_close(both, answers, atol=1e-12, rtol=0.0)


@every_backbone_that_can
def test_the_place_of_what_is_still_to_come_is_known_and_its_token_is_not(backbone):
    encoder = make_encoder(backbone)
    objective = make_objective("mpnet", encoder, rate=0.3)
    examples = whole(rows=1)
    batch = objective.corrupt(examples, rng())
    first = int(batch.now[0, batch.num_slots :].argmin())
    last = int(batch.probes[0, batch.now[0, batch.num_slots :].argmax()])
    answer = encoder(batch)[0][0, batch.num_slots + first]

    def changed(**values: torch.Tensor) -> bool:
        again = encoder(dataclasses.replace(batch, **values))[0][0, batch.num_slots + first]
        return not torch.equal(again, answer)

    other = batch.tokens.clone()
    other[0, last] += 1 if other[0, last] < 50 else -1
    assert not changed(tokens=other)
    moved = batch.positions.clone()
    moved[0, -batch.placeholders :][batch.probes[0] == last] += 3
    assert changed(positions=moved)


def test_rows_of_two_blocks_are_refused():
    with pytest.raises(ValueError, match="takes no placeholders"):
        objective_named("mpnet word").corrupt(stream_examples(), rng())
