"""How many are chosen, which are, and how long the spans are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_cases import CLS, MASK, PAD, SEP, VOCABULARY, rng
from scipy import stats

from bothways.batch import Examples
from bothways.objectives import masking
from bothways.objectives.masking import (
    choose_geometric_spans,
    choose_spans,
    choose_spans_as_released,
    choose_tokens,
    choose_words,
    geometric_lengths,
    goals,
    run_lengths,
    spans_in_contexts,
)
from bothways.objectives.words import find_words, read_backward, word_numbers

ONE_IN_N = np.array([1 / n for n in range(1, 6)]) / sum(1 / n for n in range(1, 6))

token_rows = st.integers(1, 24).flatmap(
    lambda length: st.lists(
        st.lists(st.integers(0, 12), min_size=length, max_size=length), min_size=1, max_size=3
    ).map(lambda rows: np.array(rows, dtype=np.int32))
)
"""Small ids, so that special tokens, padding, single words and long words all come up often."""


def examples_of(tokens: np.ndarray, *, backward: bool = False) -> Examples:
    positions = np.tile(np.arange(tokens.shape[1], dtype=np.int32), (len(tokens), 1))
    return Examples(tokens, np.zeros_like(tokens), -positions if backward else positions)


def words_by_loop(tokens: list[int], backward: bool) -> list[int]:
    """Number words in the slowest way; numbers themselves do not matter, only which slots share one."""
    order = range(len(tokens) - 1, -1, -1) if backward else range(len(tokens))
    numbers, number, before = [-1] * len(tokens), 0, True
    for slot in order:
        if VOCABULARY.is_special[tokens[slot]]:
            before = True
            continue
        number += bool(before or VOCABULARY.starts_word[tokens[slot]])
        numbers[slot], before = number, False
    return numbers


def same_partition(one: list[int], other: list[int]) -> bool:
    """Say whether two numberings put the same slots together, and leave out the same."""
    pairs = set(zip(one, other, strict=True))
    return len(pairs) == len(set(one)) == len(set(other)) and all((a < 0) == (b < 0) for a, b in pairs)


@given(token_rows, st.booleans())
def test_words_are_found_in_the_order_of_the_text_whichever_way_a_row_is_read(tokens, backward):
    if tokens.shape[1] < 2:
        backward = False
    found = word_numbers(examples_of(tokens, backward=backward), VOCABULARY)
    for row, numbers in zip(tokens.tolist(), found.tolist(), strict=True):
        assert same_partition(numbers, words_by_loop(row, backward))


def test_rows_are_read_backward_when_their_positions_fall_and_a_single_slot_is_read_forward():
    positions = np.array([[0, 1, 2], [0, -1, -2], [9, 8, 7], [0, 0, 1]])
    assert read_backward(positions).tolist() == [False, True, True, False]
    assert read_backward(positions[:, :1]).tolist() == [False] * 4


@given(token_rows, st.floats(0.01, 1))
def test_the_goal_is_a_share_of_the_row_at_least_one_and_never_more_than_there_is(tokens, rate):
    ordinary = (tokens > MASK).sum(axis=1)
    goal = goals(tokens, VOCABULARY, rate)
    assert (goal <= ordinary).all()
    assert (goal >= np.minimum(1, ordinary)).all()
    share = np.rint(rate * (tokens != PAD).sum(axis=1))
    assert ((goal == share) | (goal == ordinary) | ((share == 0) & (goal == 1))).all()


@settings(max_examples=150)
@given(token_rows, st.floats(0.01, 1), st.integers(1, 5), st.integers(1, 7), st.integers(0, 99))
def test_every_way_of_choosing_hides_exactly_the_goal_and_no_special_token(
    tokens, rate, longest, context, seed
):
    words = word_numbers(examples_of(tokens), VOCABULARY)
    goal = goals(tokens, VOCABULARY, rate)
    before = words.copy()
    for chosen in (
        choose_tokens(words >= 0, goal, rng(seed)),
        choose_words(words, goal, longest, rng(seed)),
        choose_spans(words, goal, longest, context, rng(seed)),
        choose_geometric_spans(words, goal, longest, 1 / (1 + context), rng(seed)),
    ):
        assert (chosen.sum(axis=1) == goal).all()
        assert not chosen[tokens <= MASK].any()
    assert np.array_equal(words, before)


@settings(max_examples=150)
@given(token_rows, st.integers(0, 24), st.integers(1, 5), st.integers(1, 7), st.integers(0, 99))
def test_the_released_choice_hides_exactly_the_goal(tokens, goal, longest, context, seed):
    starts = VOCABULARY.starts_word[tokens[0]]
    goal = min(goal, len(starts))
    assert choose_spans_as_released(starts, goal, longest, context, rng(seed)).sum() == goal


@given(token_rows, st.floats(0.05, 0.6), st.integers(1, 4), st.integers(0, 99))
def test_words_stay_whole_unless_the_last_ones_do_not_fit(tokens, rate, longest, seed):
    words = word_numbers(examples_of(tokens), VOCABULARY)
    goal = goals(tokens, VOCABULARY, rate)
    for chosen in (
        choose_words(words, goal, longest, rng(seed)),
        choose_spans(words, goal, longest, 6, rng(seed)),
        choose_geometric_spans(words, goal, longest, 0.2, rng(seed)),
    ):
        for row in range(len(words)):
            sizes = np.bincount(words[row][words[row] >= 0])
            hidden = np.bincount(words[row][chosen[row]], minlength=len(sizes))
            partly = (hidden > 0) & (hidden < sizes)
            whole = sizes[hidden == sizes].sum()
            # Single tokens are a last resort: whole words of the row could not have filled the goal any further.
            free = sizes[(hidden < sizes) & (sizes > 0)]
            if partly.any():
                assert free.min() > goal[row] - whole


def test_a_single_word_longer_than_the_goal_is_hidden_in_part():
    tokens = np.array([[5, 6, 6, 6, 6, 6, 6, 6]], dtype=np.int32)
    words = word_numbers(examples_of(tokens), VOCABULARY)
    assert (words == words[0, 0]).all()
    assert choose_words(words, np.array([2]), 3, rng())[0].sum() == 2


def test_all_tokens_are_equally_likely_to_be_chosen():
    allowed = np.ones((4000, 10), dtype=bool)
    allowed[:, 0] = False
    chosen = choose_tokens(allowed, np.full(4000, 3), rng()).sum(axis=0)
    assert chosen[0] == 0
    assert stats.chisquare(chosen[1:]).pvalue > 1e-3


@pytest.mark.parametrize("longest", [2, 3, 5])
def test_run_lengths_have_probability_one_in_n(longest):
    counts = np.bincount(run_lengths(longest, 50_000, rng()), minlength=longest + 1)[1:]
    assert len(counts) == longest
    expected = ONE_IN_N[:longest] / ONE_IN_N[:longest].sum() * 50_000
    assert stats.chisquare(counts, expected).pvalue > 1e-3
    assert (run_lengths(1, 100, rng()) == 1).all()


@pytest.mark.parametrize(("longest", "stop"), [(10, 0.2), (3, 0.5), (10, 0.05)])
def test_geometric_lengths_stop_after_each_word_with_the_same_chance(longest, stop):
    lengths = geometric_lengths(longest, stop, 50_000, rng())
    chances = np.array([stop * (1 - stop) ** (n - 1) for n in range(1, longest + 1)])
    expected = chances / chances.sum() * len(lengths)
    assert stats.chisquare(np.bincount(lengths, minlength=longest + 1)[1:], expected).pvalue > 1e-3
    assert (geometric_lengths(1, stop, 100, rng()) == 1).all()


def test_published_spans_are_of_3_8_words_on_average():
    # Joshi et al. 2020, section 3.1.
    assert geometric_lengths(10, 0.2, 200_000, rng()).mean() == pytest.approx(3.8, abs=0.02)


def test_geometric_spans_begin_at_all_words_alike_and_keep_their_law_when_they_are_hidden():
    words = np.tile(np.arange(4000), (300, 1))
    # So few that hardly two touch; the last of each row is cut to meet the goal.
    chosen = choose_geometric_spans(words, np.full(300, 60), 10, 0.2, rng())
    edges = np.diff(chosen.astype(int), axis=1, prepend=0, append=0)
    begins, ends = np.nonzero(edges == 1)[1], np.nonzero(edges == -1)[1]
    chances = 0.2 * 0.8 ** np.arange(10)
    shares = np.bincount(ends - begins, minlength=11)[1:11] / len(begins)
    assert shares == pytest.approx(chances / chances.sum(), abs=0.04)
    assert stats.chisquare(np.bincount(begins // 500, minlength=8)).pvalue > 1e-3


def spans_of_one_lap(count: int, context: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Return first word and length of the spans of the first lap through one row, in the order of the text."""
    first, lengths, lap = spans_in_contexts(np.array([count]), 5, context, rng())
    kept = (lap == 0) & (lengths > 0)
    return first[kept], lengths[kept]


def test_spans_lie_within_contexts_that_tile_the_row_and_have_probability_one_in_n():
    count, context = 60_000, 6
    firsts, lengths = spans_of_one_lap(count, context)
    counts = np.bincount(lengths, minlength=6)[1:]
    assert stats.chisquare(counts, ONE_IN_N * len(lengths)).pvalue > 1e-3
    begins = np.cumsum(lengths * context) - lengths * context
    # A span that would leave the row is dropped, and only the last context can hold such a one.
    assert (firsts >= begins).all()
    assert (firsts + lengths <= begins + lengths * context).all()
    assert begins[-1] + lengths[-1] * context > count - 5 * context
    for length in range(1, 6):
        offsets = (firsts - begins)[lengths == length]
        places = np.bincount(offsets, minlength=length * (context - 1) + 1)
        assert len(places) == length * (context - 1) + 1
        assert stats.chisquare(places).pvalue > 1e-3
    hidden = lengths.sum() / count
    assert hidden == pytest.approx(1 / context, abs=0.001)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=4), st.integers(1, 6), st.integers(1, 7))
def test_spans_of_any_row_stay_in_it_and_tile_it_at_least_once(counts, longest, context):
    first, lengths, lap = spans_in_contexts(np.array(counts), longest, context, rng())
    for row, count in enumerate(counts):
        real = lengths[row] > 0
        assert (first[row][real] + lengths[row][real] <= count).all()
        assert (first[row][real] >= 0).all()
        assert (lengths[row] <= longest).all()
        assert (np.diff(lap[row]) >= 0).all()
        assert count == 0 or lap[row, -1] > 0 or first[row, -1] + context * longest >= count
        for turn in np.unique(lap[row]):
            spans = [
                range(begin, begin + length)
                for begin, length in zip(
                    first[row][lap[row] == turn], lengths[row][lap[row] == turn], strict=True
                )
            ]
            hidden = [word for span in spans for word in span]
            assert len(set(hidden)) == len(hidden)


def test_spans_are_taken_in_random_order():
    """A goal that needs half of the spans finds them anywhere in the row."""
    words = np.tile(np.arange(480), (400, 1))
    chosen = choose_spans(words, np.full(400, 40), 5, 6, rng())
    places = np.nonzero(chosen)[1]
    assert stats.chisquare(np.bincount(places // 120, minlength=4)).pvalue > 1e-4


def test_a_span_that_is_hidden_whole_has_probability_one_in_n():
    words = np.tile(np.arange(1200), (200, 1))
    # Half of what the contexts would hide, so that hardly two spans touch, and only the last of a row is cut.
    chosen = choose_spans(words, np.full(200, 20), 5, 60, rng())
    edges = np.flatnonzero(np.diff(chosen.astype(int), axis=1, prepend=0, append=0))
    lengths = np.diff(edges)[::2]
    counts = np.bincount(lengths, minlength=6)[1:6]
    assert counts / counts.sum() == pytest.approx(ONE_IN_N, abs=0.06)


def hidden_by_loop(sizes: list[int], goal: int) -> list[bool]:
    """Take items one after the other if they fit."""
    taken = []
    for size in sizes:
        taken.append(0 < size <= goal)
        goal -= size * taken[-1]
    return taken


@given(
    st.lists(st.lists(st.integers(0, 5), min_size=7, max_size=7), min_size=1, max_size=4), st.integers(0, 20)
)
def test_items_that_fit_are_taken_in_order_as_a_loop_would(sizes, goal):
    taken, left = masking._take_in_order(np.array(sizes), np.full(len(sizes), goal))
    assert taken.tolist() == [hidden_by_loop(row, goal) for row in sizes]
    assert left.tolist() == [goal - sum(np.array(row)[mine]) for row, mine in zip(sizes, taken, strict=True)]


def turns_by_loop(numbers: list[int], runs: list[tuple[int, int, int]]) -> dict[int, int]:
    """Return the earliest turn of every word that a run reaches, by the slot at which the word begins."""
    bounds: list[list[int]] = []
    for slot, number in enumerate(numbers):
        if number >= 0 and (slot == 0 or numbers[slot - 1] != number):
            bounds.append([slot, slot])
        if number >= 0:
            bounds[-1][1] = slot + 1
    turns: dict[int, int] = {}
    for first, length, turn in runs:
        place = None
        for begin, end in bounds[first : first + length]:
            if place not in (None, begin):
                break
            turns[begin] = min(turn, turns.get(begin, turn))
            place = end
    return turns


@given(token_rows, st.data())
def test_words_get_the_turn_of_the_earliest_run_that_reaches_them(tokens, data):
    words = word_numbers(examples_of(tokens), VOCABULARY)
    found = find_words(words)
    run = st.tuples(st.integers(0, 25), st.integers(0, 4), st.integers(0, 2**28 - 1))
    runs = [data.draw(st.lists(run, min_size=5, max_size=5)) for _ in words]
    first, lengths, turn = np.moveaxis(np.array(runs), 2, 0)
    # A run begins at a word of its row.
    lengths = np.where(first < found.counts[:, None], lengths, 0)
    turns = masking._turns_of_runs(found, first, lengths, turn)
    for row, numbers in enumerate(words.tolist()):
        mine = zip(first[row].tolist(), lengths[row].tolist(), turn[row].tolist(), strict=True)
        slots = turns[row][turns[row] != masking._NEVER]
        got = {int(slot % 2**32) - row * words.shape[1]: int(slot >> 32) for slot in slots}
        assert got == turns_by_loop(numbers, [each for each in mine if each[1]])


@given(token_rows, st.integers(0, 30), st.integers(0, 1000))
def test_tokens_are_chosen_as_by_sorting_their_draws(tokens, goal, seed):
    allowed = tokens > MASK
    wanted = np.minimum(goal, allowed.sum(axis=1))
    draws = np.where(allowed, rng(seed).random(allowed.shape), 2.0)
    chosen = choose_tokens(allowed, wanted, rng(seed))
    for row in range(len(tokens)):
        assert set(np.flatnonzero(chosen[row])) == set(np.argsort(draws[row])[: wanted[row]])


def test_released_spans_begin_with_a_word_and_count_subwords():
    starts = rng().random(4096) < 0.75
    chosen = choose_spans_as_released(starts, 300, 5, 6, rng(1))
    begins = np.flatnonzero(chosen & ~np.concatenate([[False], chosen[:-1]]))
    assert starts[begins].all()
    assert (np.diff(np.flatnonzero(np.diff(chosen.astype(int), prepend=0, append=0)))[::2] <= 5).all()


def test_runs_of_words_do_not_jump_over_special_tokens(monkeypatch):
    monkeypatch.setattr(masking, "run_lengths", lambda longest, count, rng: np.full(count, longest))
    tokens = np.array([[CLS, 5, 7, SEP, 8, 10, SEP]], dtype=np.int32)
    words = word_numbers(examples_of(tokens), VOCABULARY)
    chosen = [choose_words(words, np.array([2]), 2, rng(seed))[0, [2, 4]].all() for seed in range(1200)]
    # Only a run that begins at slot 2, followed by one at slot 4; every run from slot 2 if it jumped.
    assert stats.binomtest(sum(chosen), len(chosen), 1 / 4 / 3).pvalue > 1e-3
