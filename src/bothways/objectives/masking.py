"""Choosing what to hide: tokens, words, or runs of words, with an exact count in every row."""

import itertools
from collections.abc import Iterable, Iterator

import numpy as np

from bothways.batch import Examples
from bothways.vocabulary import Vocabulary


def goals(tokens: np.ndarray, vocabulary: Vocabulary, rate: float) -> np.ndarray:
    """Return how many tokens to hide in each row, int64 [rows].

    The share is of the whole row without padding, special tokens included, as in BERT's released code; at least one,
    and never more than there are ordinary tokens.
    """
    real = (tokens != vocabulary.pad).sum(axis=1)
    ordinary = (~vocabulary.is_special[tokens]).sum(axis=1)
    return np.minimum(np.maximum(1, np.rint(rate * real).astype(np.int64)), ordinary)


def read_backward(positions: np.ndarray) -> np.ndarray:
    """Say which rows are read from right to left, bool [rows]: those whose `positions` begin by falling."""
    return np.any(positions[:, :1] > positions[:, 1:2], axis=1)


def word_numbers(examples: Examples, vocabulary: Vocabulary) -> np.ndarray:
    """Number the words of each row from 0, int64 [rows, slots]; special tokens and padding have -1.

    Rows that are read from right to left hold the last piece of a word first: their words are found on the row
    turned round.
    """
    starts = vocabulary.starts_word[examples.tokens]
    is_special = vocabulary.is_special[examples.tokens]
    backward = read_backward(examples.positions)
    starts = np.where(backward[:, None], _word_ends_in_reading_order(starts), starts)
    starts |= is_special
    starts[:, 0] = True
    numbers = np.cumsum(starts, axis=1) - 1
    return np.where(is_special, -1, numbers)


def _word_ends_in_reading_order(starts: np.ndarray) -> np.ndarray:
    """In a reversed row a new word begins after each piece that starts a word."""
    begins = np.ones_like(starts)
    begins[:, 1:] = starts[:, :-1]
    return begins


def choose_tokens(allowed: np.ndarray, goal: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Choose exactly `goal[row]` of the `allowed` slots (bool [rows, slots]), all equally likely."""
    order = np.argsort(np.where(allowed, rng.random(allowed.shape), 2.0), axis=1)
    chosen = np.zeros_like(allowed)
    np.put_along_axis(chosen, order, np.arange(allowed.shape[1]) < goal[:, None], axis=1)
    return chosen


def choose_words(words: np.ndarray, goal: np.ndarray, longest: int, rng: np.random.Generator) -> np.ndarray:
    """Choose runs of 1 to `longest` whole words until exactly `goal[row]` tokens are hidden.

    `words` holds word numbers int64 [rows, slots]; P(run of n words) is proportional to 1/n (for `longest` 1: single
    words). A run stops before a word that would overshoot; only when nothing fits any more are single tokens taken.
    """
    chosen = np.zeros(words.shape, dtype=bool)
    for row, numbers in enumerate(words):
        count = len(np.unique(numbers[numbers >= 0]))
        _hide_runs(numbers, int(goal[row]), _anywhere(count, longest, rng), chosen[row])
    return chosen


def choose_spans(
    words: np.ndarray, goal: np.ndarray, longest: int, context: int, rng: np.random.Generator
) -> np.ndarray:
    """Choose spans of n in 1..`longest` words, P(n) ∝ 1/n, each within a context of n·`context` words.

    Yang et al. 2019, section 2.3: contexts tile the row one after the other, a span lies anywhere in its own. Spans
    are taken in random order until exactly `goal[row]` tokens are hidden; a row that falls short is topped up with
    spans at random places.
    """
    chosen = np.zeros(words.shape, dtype=bool)
    for row, numbers in enumerate(words):
        count = len(np.unique(numbers[numbers >= 0]))
        tiled = spans_in_contexts(count, longest, context, rng)
        candidates = itertools.chain(tiled, _anywhere(count, longest, rng))
        _hide_runs(numbers, int(goal[row]), candidates, chosen[row])
    return chosen


def spans_in_contexts(
    count: int, longest: int, context: int, rng: np.random.Generator
) -> list[tuple[int, int]]:
    """Tile `count` words with contexts and return (first word, words) of each span, in random order."""
    lengths = run_lengths(longest, count // context + 1, rng)
    begins = np.cumsum(lengths * context) - lengths * context
    firsts = begins + rng.integers(0, lengths * (context - 1) + 1)
    inside = firsts + lengths <= count
    order = rng.permutation(int(inside.sum()))
    return list(zip(firsts[inside][order].tolist(), lengths[inside][order].tolist(), strict=True))


def choose_spans_as_released(
    starts: np.ndarray, goal: int, longest: int, context: int, rng: np.random.Generator
) -> np.ndarray:
    """Choose the targets of one block as XLNet's 2019 code does, bool [slots].

    Spans begin where a word does (`starts`, bool [slots]) but count *subwords*, not words; what is missing in the
    end is drawn as single slots, special tokens included. Kept for reproduction: the authors called it unintended.
    """
    chosen = np.zeros(len(starts), dtype=bool)
    place, left = 0, goal
    while left and place < len(starts):
        length = min(int(run_lengths(longest, 1, rng)[0]), left)
        before = int(rng.integers(0, length * context))
        following = np.flatnonzero(starts[place + before :])
        if not len(following) or (begin := place + before + int(following[0])) + length >= len(starts):
            break
        chosen[begin : begin + length] = True
        left -= length
        place = begin + length + length * context - before
    free = np.flatnonzero(~chosen)
    chosen[rng.permutation(free)[:left]] = True
    return chosen


def run_lengths(longest: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw `count` lengths from 1 to `longest` with P(n) proportional to 1/n, int64 [count]."""
    chances = np.cumsum(1 / np.arange(1, longest + 1))
    return 1 + np.searchsorted(chances / chances[-1], rng.random(count), side="right")


def _anywhere(count: int, longest: int, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
    """Propose a run from each of `count` words, in random order."""
    order = rng.permutation(count)
    yield from zip(order.tolist(), run_lengths(longest, count, rng).tolist(), strict=True)


def _bounds(numbers: np.ndarray, slots: np.ndarray) -> list[tuple[int, int]]:
    """Return the first slot and the slot after the last of every word, in order; `slots` are those with words."""
    is_first = np.diff(numbers[slots], prepend=-2) != 0
    is_last = np.append(is_first[1:], True)[: len(slots)]
    return list(zip(slots[is_first].tolist(), (slots[is_last] + 1).tolist(), strict=True))


def _hide_runs(
    numbers: np.ndarray, goal: int, candidates: Iterable[tuple[int, int]], chosen: np.ndarray
) -> None:
    """Hide candidate runs of words in one row until `goal` tokens are; fills `chosen` in place."""
    slots = np.flatnonzero(numbers >= 0)
    bounds = _bounds(numbers, slots)
    left = goal
    for first, length in candidates:
        if not left:
            return
        left -= _hide_run(bounds, first, length, left, chosen)
    chosen[slots[~chosen[slots]][:left]] = True


def _hide_run(bounds: list[tuple[int, int]], first: int, length: int, left: int, chosen: np.ndarray) -> int:
    """Hide up to `length` words from `first` on while they are free, adjacent and fit; return the tokens taken."""
    taken, place = 0, bounds[first][0]
    for begin, end in bounds[first : first + length]:
        if begin != place or chosen[begin] or taken + end - begin > left:
            break
        chosen[begin:end] = True
        taken += end - begin
        place = end
    return taken
