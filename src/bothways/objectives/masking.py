"""Choosing what to hide: tokens, words, or runs of words, with an exact count in every row.

All rows are done at once: a loop over rows in Python would take longer than a small model's step on a GPU. Runs of
words are put in order by numbers that name both their turn and their slot, so one sort per row decides.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Literal

import numpy as np

from bothways.batch import Examples
from bothways.objectives.words import Words, find_words, word_numbers
from bothways.vocabulary import Vocabulary


def goals(tokens: np.ndarray, vocabulary: Vocabulary, rate: float) -> np.ndarray:
    """Return how many tokens to hide in each row, int64 [rows].

    The share is of the whole row without padding, special tokens included, as in BERT's released code; at least one,
    and never more than there are ordinary tokens.
    """
    real = (tokens != vocabulary.pad).sum(axis=1)
    ordinary = (~vocabulary.is_special[tokens]).sum(axis=1)
    return np.minimum(np.maximum(1, np.rint(rate * real).astype(np.int64)), ordinary)


def choose_tokens(allowed: np.ndarray, goal: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Choose exactly `goal[row]` of the `allowed` slots (bool [rows, slots]), all equally likely."""
    drawn = np.where(allowed, rng.random(allowed.shape), 2.0)
    highest = np.sort(drawn, axis=1)[np.arange(len(goal)), goal - 1]
    return drawn <= np.where(goal > 0, highest, -1.0)[:, None]


def choose_tokens_repeatedly(allowed: np.ndarray, goal: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw `goal[row]` times one of the `allowed` slots (bool [rows, slots]); one drawn twice counts once.

    So ELECTRA's released code does, and hides 13.9% where 15% were meant.
    """
    rows, slots = allowed.shape
    is_drawn = np.arange(goal.max(initial=0)) < goal[:, None]
    number = (rng.random(is_drawn.shape) * allowed.sum(axis=1, keepdims=True)).astype(np.int64)
    order = np.argsort(~allowed, axis=1, kind="stable")
    chosen = np.zeros((rows, slots), dtype=bool)
    row, draw = np.nonzero(is_drawn)
    chosen[row, order[row, number[row, draw]]] = True
    return chosen


def choose_words(words: np.ndarray, goal: np.ndarray, longest: int, rng: np.random.Generator) -> np.ndarray:
    """Choose runs of 1 to `longest` whole words until exactly `goal[row]` tokens are hidden, bool [rows, slots].

    `words` holds word numbers int64 [rows, slots]; P(run of n words) is proportional to 1/n (for `longest` 1: single
    words). A run begins at any word and stops at a special token. A word that would overshoot is left out; only when
    nothing fits any more are single tokens taken.
    """
    if longest > 1:
        return _choose_runs(words, goal, partial(run_lengths, longest), rng)
    found = find_words(words)
    chosen, left = _hide(found, _turns_of_words(found, rng), goal)
    for row in np.flatnonzero(left):
        free = np.flatnonzero((words[row] >= 0) & ~chosen[row])
        chosen[row, free[: left[row]]] = True
    return chosen


def choose_tokens_or_words(
    select: Literal["token", "word", "ngram"],
    longest: int,
    examples: Examples,
    vocabulary: Vocabulary,
    goal: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Choose single tokens, whole words, or runs of 1 to `longest` words (`ngram`), bool [rows, slots]."""
    if select == "token":
        return choose_tokens(~vocabulary.is_special[examples.tokens], goal, rng)
    words = word_numbers(examples, vocabulary)
    return choose_words(words, goal, longest if select == "ngram" else 1, rng)


def choose_geometric_spans(
    words: np.ndarray, goal: np.ndarray, longest: int, stop: float, rng: np.random.Generator
) -> np.ndarray:
    """Choose runs of whole words as `choose_words` does, but as long as a geometric law says.

    Joshi et al. 2020, section 3.1. All words are equally likely to begin a run; in the released code all subwords are,
    which prefers long words, and the last run may be cut within a word.
    """
    return _choose_runs(words, goal, partial(geometric_lengths, longest, stop), rng)


def choose_spans(
    words: np.ndarray, goal: np.ndarray, longest: int, context: int, rng: np.random.Generator
) -> np.ndarray:
    """Choose spans of n in 1..`longest` words, P(n) ∝ 1/n, each within a context of n·`context` words.

    Yang et al. 2019, section 2.3: contexts tile the row one after the other, a span lies anywhere in its own. Spans
    are taken in random order until exactly `goal[row]` tokens are hidden (bool [rows, slots]); a row that falls short
    is tiled again and, if need be, topped up with single words. What does not fit is treated as in `choose_words`.
    """
    found = find_words(words)
    first, lengths, lap = spans_in_contexts(found.counts, longest, context, rng)
    turn = (np.minimum(lap, _LAPS) + rng.random(lap.shape)) * _TURNS
    turns = _turns_of_runs(found, first, lengths, turn.astype(np.int64))
    return _top_up(*_hide(found, turns, goal), words, rng)


def spans_in_contexts(
    counts: np.ndarray, longest: int, context: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tile rows of `counts` words (int64 [rows]) with contexts, over and over; lay a span somewhere in each.

    Returns each span's first word, its number of words, and in which lap of the row it lies (int64 [rows, spans]).
    A span that would leave its row has no words.
    """
    # Enough for one lap if all spans are of one word, which is rather two laps.
    most = int(counts.max(initial=0)) // context + 1
    lengths = run_lengths(longest, len(counts) * most, rng).reshape(-1, most)
    room = lengths * context
    before = (rng.random(room.shape) * (room - lengths + 1)).astype(np.int64)
    first = room.cumsum(axis=1) - room + before
    words = counts[:, None]
    lap = first // np.maximum(words, 1)
    first -= lap * words
    return first, lengths * (first + lengths <= words), lap


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
    return 1 + np.searchsorted(_chances(longest), rng.random(count), side="right")


def geometric_lengths(longest: int, stop: float, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw `count` lengths with P(n) proportional to stop·(1 - stop)^(n-1) for n from 1 to `longest`, int64 [count]."""
    return 1 + np.searchsorted(_geometric_chances(longest, stop), rng.random(count), side="right")


@lru_cache
def _geometric_chances(longest: int, stop: float) -> np.ndarray:
    """Return P(length <= n) for n from 1 to `longest`."""
    chances = 1 - (1 - stop) ** np.arange(1, longest + 1)
    return chances / chances[-1]


@lru_cache
def _chances(longest: int) -> np.ndarray:
    """Return P(length <= n) for n from 1 to `longest`."""
    chances = np.cumsum(1 / np.arange(1, longest + 1))
    return chances / chances[-1]


_SLOT_BITS = 32
"""Bits that name a slot; a turn stands above them."""
_TURNS = 2**28
"""Random turns are whole numbers below this."""
_SLOT = 2**_SLOT_BITS - 1
"""The bits of the slot."""
_NEVER = 2**63 - 1
"""The turn and slot of what is not to be hidden."""
_LAPS = 4
"""Laps whose turns are told apart: a turn has 31 bits."""


def _turns_of_words(found: Words, rng: np.random.Generator) -> np.ndarray:
    """Give every word a random turn: int64 [rows, slots], turn and slot where a word begins, else `_NEVER`."""
    turns = np.full(found.shape, _NEVER)
    turns.ravel()[found.begins] = (rng.integers(0, _TURNS, len(found.begins)) << _SLOT_BITS) | found.begins
    return turns


def _choose_runs(
    words: np.ndarray,
    goal: np.ndarray,
    draw_lengths: Callable[[int, np.random.Generator], np.ndarray],
    rng: np.random.Generator,
) -> np.ndarray:
    """Choose runs of words, as many as reach the goal; a run begins at any word, all equally likely."""
    found = find_words(words)
    runs = int(goal.max(initial=1))
    first = (rng.random((len(words), runs)) * found.counts[:, None]).astype(np.int64)
    lengths = draw_lengths(first.size, rng).reshape(first.shape)
    turns = _turns_of_runs(found, first, lengths, np.arange(first.size).reshape(first.shape))
    return _top_up(*_hide(found, turns, goal), words, rng)


def _turns_of_runs(found: Words, first: np.ndarray, lengths: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Give the words of runs their run's turn, like `_turns_of_words`; others have none.

    Runs of `lengths` words from word `first` of their row on (int64 [rows, runs] as is `turn`) are cut off where a
    special token or the row ends. Where two runs meet, a word belongs to the earlier one.
    """
    turns = np.full(found.shape, _NEVER)
    begins = found.begins
    if not begins.size:
        return turns
    is_last = np.ones(len(begins), dtype=bool)
    np.not_equal(begins[1:], begins[:-1] + found.sizes[:-1], out=is_last[:-1])
    is_last[found.before[1:] - 1] = True
    chain_ends = is_last.nonzero()[0] + 1
    first = (first + found.before[:, None]).ravel()
    chain = chain_ends.searchsorted(first, side="right")
    end = np.minimum(first + lengths.ravel(), chain_ends.take(chain, mode="clip"))
    lengths = np.maximum(end - first, 0)
    total = lengths.cumsum()
    # Counting through all words of all runs: the last of a run has the number `total - 1`.
    slots = begins[(end - total).repeat(lengths) + np.arange(total[-1])]
    np.minimum.at(turns.ravel(), slots, (turn.ravel().repeat(lengths) << _SLOT_BITS) | slots)
    return turns


def _hide(found: Words, turns: np.ndarray, goal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Hide words in order of `turns` (int64 [rows, slots]; sorted in place) as long as they fit into `goal[row]`.

    Returns what is hidden, bool [rows, slots], and what is left of the goals, int64 [rows].
    """
    turns.sort(axis=1)
    most = int((turns < _NEVER).sum(axis=1).max(initial=0))
    slots = turns[:, :most] & _SLOT
    # One more place, of size 0, for the slot that `_NEVER` names in rows with fewer words.
    size_at = np.zeros(turns.size + 1, dtype=np.int64)
    size_at[found.begins] = found.sizes
    is_taken, left = _take_in_order(size_at.take(slots, mode="clip"), goal)
    begins = np.zeros(turns.size, dtype=bool)
    begins[slots[is_taken]] = True
    return begins[found.pieces].repeat(found.piece_sizes).reshape(found.shape), left


def _top_up(chosen: np.ndarray, left: np.ndarray, words: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Hide single words and, if need be, tokens in rows that have not reached their goal; changes `chosen`."""
    short = left.nonzero()[0]
    if short.size:
        free = np.where(chosen[short], -1, words[short])
        chosen[short] |= choose_words(free, left[short], 1, rng)
    return chosen


def _take_in_order(sizes: np.ndarray, goal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Take items of `sizes` (int64 [rows, items]; 0: none) from the left as long as they fit into `goal[row]`.

    Returns which are taken, and what is left of the goals.
    """
    taken, left = np.zeros_like(sizes), goal
    while True:
        fitting = sizes * (sizes.cumsum(axis=1) <= left[:, None])
        taken += fitting
        left = left - fitting.sum(axis=1)
        # What did not fit may still be followed by something smaller.
        sizes = sizes * ((fitting == 0) & (sizes <= left[:, None]))
        if not sizes.any():
            return taken > 0, left
