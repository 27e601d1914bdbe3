"""What is drawn: how many tokens, which, what stands in their place, in which order."""

import dataclasses

import numpy as np
import pytest
from model_cases import (
    ANYWHERE,
    CLS,
    MASK,
    OBJECTIVE_CASES,
    SEP,
    VOCABULARY,
    make_encoder,
    make_objective,
    rng,
    stream,
    stream_examples,
    take,
    whole,
    words,
)
from scipy import stats
from scored import objective_named, scored_slots

from bothways.batch import Examples
from bothways.model.visibility import visible
from bothways.objectives.words import word_numbers


def test_fifteen_percent_are_hidden_exactly_in_every_row():
    examples = whole(rows=20, length=100)
    for select in ("token", "word", "ngram", "span"):
        objective = make_objective("masked", make_encoder("bert", max_positions=100), select=select)
        assert (scored_slots(objective.corrupt(examples, rng())).sum(axis=1) == 15).all()
    for named in ("mpnet token", "mpnet word", "mpnet ngram"):
        assert (scored_slots(objective_named(named).corrupt(examples, rng())).sum(axis=1) == 15).all()


def test_eighty_ten_ten_and_random_tokens_are_ordinary_and_uniform():
    examples = whole(rows=100, length=512)
    objective = make_objective("masked", make_encoder("bert", max_positions=512))
    batch = objective.corrupt(examples, rng())
    hidden = scored_slots(batch)
    shown, true = batch.tokens.numpy()[hidden], examples.tokens[hidden]
    assert (batch.tokens.numpy()[~hidden] == examples.tokens[~hidden]).all()
    count = hidden.sum()
    assert count == 100 * 77
    masked, kept = shown == MASK, shown == true
    swapped = ~masked & ~kept
    ordinary = VOCABULARY.size - MASK - 1
    for part, share in ((masked, 0.8), (swapped, 0.1 * (1 - 1 / ordinary)), (kept, 0.1 * (1 + 1 / ordinary))):
        assert stats.binomtest(int(part.sum()), int(count), share).pvalue > 1e-3
    drawn = shown[swapped]
    assert (drawn > MASK).all()
    assert stats.chisquare(np.bincount(drawn, minlength=VOCABULARY.size)[MASK + 1 :]).pvalue > 1e-3


def test_chance_decides_between_mask_random_and_kept_once_a_span():
    examples = whole(rows=200, length=512)
    objective = objective_named("masked span")
    batch = objective.corrupt(examples, rng())
    hidden = scored_slots(batch)
    shown, true = batch.tokens.numpy(), examples.tokens
    edges = np.diff(hidden.astype(int), axis=1, prepend=0, append=0)
    rows, begins = np.nonzero(edges == 1)
    ends = np.nonzero(edges == -1)[1]
    fates = {"masked": 0, "kept": 0, "random": 0}
    for row, begin, end in zip(rows.tolist(), begins.tolist(), ends.tolist(), strict=True):
        mine, real = shown[row, begin:end], true[row, begin:end]
        fate = "masked" if (mine == MASK).all() else "kept" if (mine == real).all() else "random"
        assert fate != "random" or (mine > MASK).all()
        fates[fate] += 1
    assert stats.binomtest(fates["masked"], len(rows), 0.8).pvalue > 1e-3
    # A span of one token may be replaced by itself: one in 56 of those.
    assert fates["kept"] / len(rows) == pytest.approx(0.1, abs=0.02)
    drawn = np.concatenate(
        [
            shown[row, begin:end]
            for row, begin, end in zip(rows, begins, ends, strict=True)
            if (shown[row, begin:end] > MASK).all() and (shown[row, begin:end] != true[row, begin:end]).any()
        ]
    )
    assert stats.chisquare(np.bincount(drawn, minlength=VOCABULARY.size)[MASK + 1 :]).pvalue > 1e-3
    assert (ends - begins).mean() > 3


def test_what_is_hidden_is_drawn_anew_each_time_and_covers_everything():
    examples = whole(rows=2, length=32)
    for named in ANYWHERE:
        objective, draw = objective_named(named), rng()
        hidden = [scored_slots(objective.corrupt(examples, draw)) for _ in range(150)]
        assert len({part.tobytes() for part in hidden}) > 100
        assert (np.any(hidden, axis=0) == (examples.tokens > MASK)).all()


@pytest.mark.parametrize(
    "named",
    [
        *("masked word", "masked ngram", "masked span", "permutation span context"),
        *("mpnet word", "mpnet ngram"),
    ],
)
@pytest.mark.parametrize("backward", [False, True])
def test_hidden_words_are_whole_in_rows_of_either_direction(named, backward):
    tokens = words(64, rows=8)
    positions = np.tile(np.arange(64, dtype=np.int32), (8, 1)) * (-1 if backward else 1)
    examples = Examples(tokens, np.zeros_like(tokens), positions)
    numbers = word_numbers(examples, VOCABULARY)
    batch = objective_named(named).corrupt(examples, rng())
    assert (batch.backward is not None) == backward
    hidden = scored_slots(batch)
    broken = 0
    for row in range(8):
        sizes = np.bincount(numbers[row])
        found = np.bincount(numbers[row][hidden[row]], minlength=len(sizes))
        broken += ((found > 0) & (found < sizes)).sum()
    assert broken == 0


def test_released_spans_begin_where_the_text_begins_a_word_in_backward_rows_too():
    tokens = np.tile(np.array([5, 6, 6, 6], dtype=np.int32), (4, 64))
    positions = np.tile(np.arange(256, dtype=np.int32), (4, 1))
    objective = objective_named("permutation released context", longest=2)
    for backward in (False, True):
        text = tokens[:, ::-1] if backward else tokens
        examples = Examples(text, np.zeros_like(tokens), -positions if backward else positions)
        hidden = scored_slots(objective.corrupt(examples, rng()))
        starts = examples.tokens == 5
        first = hidden & starts
        after = np.roll(hidden & ~starts, 1 if backward else -1, axis=1) & first
        assert first.sum() > 0.5 * hidden.sum() / 2
        assert after.sum() > 0.2 * first.sum()
        # No more than the few single slots of the top-up lie on the other side of a word's first piece.
        before = np.roll(hidden & ~starts, -1 if backward else 1, axis=1) & first
        assert before.sum() < 0.3 * first.sum()


def test_a_stream_row_of_512_predicts_43_and_42_tokens():
    row = stream(0, columns=2, length=512).examples
    for named in ("permutation span context", "permutation token original"):
        hidden = scored_slots(objective_named(named).corrupt(row, rng()))
        assert (hidden[:, :256].sum(axis=1) == 43).all()
        assert (hidden[:, 256:].sum(axis=1) == 42).all()
    released = scored_slots(objective_named("permutation released context").corrupt(row, rng()))
    assert (released[:, :256].sum(axis=1) == 43).all()
    # Special tokens among the 42 are dropped from the loss, as in the code of 2019.
    assert (released[:, 256:].sum(axis=1) <= 42).all()


@pytest.mark.parametrize("second_block", range(1, 16))
def test_two_blocks_of_any_size_share_the_goal_exactly(second_block):
    examples = dataclasses.replace(whole(rows=3), second_block=second_block, tokens=words(16, rows=3))
    for one_in in (2, 3, 5):
        objective = objective_named("permutation token context", one_in=one_in)
        hidden = scored_slots(objective.corrupt(examples, rng()))
        assert (hidden.sum(axis=1) == round(16 / one_in)).all()
        first = np.ceil(round(16 / one_in) * second_block / 16 - 1e-9)
        assert (hidden[:, :second_block].sum(axis=1) == first).all()


@pytest.mark.parametrize(
    ("named", "share"), [("permutation token context", {"one_in": 4}), ("mpnet token", {"rate": 0.25})]
)
def test_ranks_are_a_uniform_random_order_of_the_targets(named, share):
    examples = take(whole(rows=1, length=12), [0] * 2000, slice(None))
    batch = objective_named(named, **share).corrupt(examples, rng())
    ranks = batch.enters.numpy()[:, :12]
    hidden = scored_slots(batch)
    assert (np.sort(ranks, axis=1)[:, -3:] == [1, 2, 3]).all()
    assert ((ranks > 0) == hidden).all()
    orders = ranks[hidden].reshape(-1, 3)
    _, counts = np.unique(orders, axis=0, return_counts=True)
    assert len(counts) == 6
    assert stats.chisquare(counts).pvalue > 1e-3


def test_special_tokens_are_context_or_have_their_own_place_in_the_order():
    examples = stream(0).examples
    special = np.isin(examples.tokens, [CLS, SEP])
    for select in ("span", "released", "token"):
        for seed in range(10):
            objective = objective_named("permutation span context", select=select)
            context = objective.corrupt(examples, rng(seed)).enters.numpy()
            assert (context[special] == context[:, 8:].min()).all()
            objective = objective_named("permutation span original", select=select)
            batch = objective.corrupt(examples, rng(seed))
            original = batch.enters.numpy()
            assert (original[special] > original[:, 8:].min()).all()
            assert len(set(original[0][special[0]])) == special[0].sum()
            sees = visible(batch).numpy()[:, :16]
            text = (original == original[:, 8:].min(axis=1, keepdims=True)) & ~special
            assert not sees[np.broadcast_to(text[:, :, None] & special[:, None], sees.shape)].any()


def test_true_tokens_stay_in_the_content_slots_of_a_permutation():
    for named in OBJECTIVE_CASES:
        if "permutation" in named:
            examples = stream_examples()
            batch = objective_named(named).corrupt(examples, rng())
            assert (batch.tokens.numpy() == examples.tokens).all()
