"""Held-out text, cut into windows, and what is scored in them.

A window holds consecutive tokens of one document and no special token. What is chosen depends on the tokens
and the seed alone, never on the model or on where its layout puts `[CLS]`: models that share a tokenizer are
scored on the same tokens.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from bothways.errors import DataError
from bothways.vocabulary import Vocabulary

SPECIALS = 2
"""Special tokens around a window in either layout."""

SPAN_WORDS = (2, 3, 4)
"""How many whole words a hidden span may hold."""

RUN_WINDOWS = 8
"""How many consecutive windows of a document are read in one go when memory is carried."""

_WINDOWS, _TOKENS, _SPANS, _RUNS = range(4)  # one stream of random numbers for each choice


class HeldOutText(Protocol):
    """Documents as tokens; `text.shards.Shards` is one."""

    @property
    def num_documents(self) -> int: ...

    def document(self, index: int, /) -> np.ndarray:
        """Return int [tokens], without special tokens."""
        ...


@dataclass(frozen=True)
class Documents:
    """Held-out documents that are already in the computer's memory."""

    tokens: Sequence[np.ndarray]

    @property
    def num_documents(self) -> int:
        return len(self.tokens)

    def document(self, index: int, /) -> np.ndarray:
        return self.tokens[index]


@dataclass(frozen=True)
class Span:
    """Tokens of one window that are hidden together."""

    window: int
    positions: tuple[int, ...]
    """Ascending positions in the window's text."""


def cut_document(tokens: np.ndarray, starts_word: np.ndarray, limit: int) -> Iterator[np.ndarray]:
    """Yield consecutive pieces of at most `limit` tokens that end where a word ends.

    A word longer than `limit` is cut, for want of anything better. `starts_word` is bool [vocabulary].
    """
    starts = np.concatenate([[0], np.flatnonzero(starts_word[tokens]), [len(tokens)]])
    begin = 0
    while begin < len(tokens):
        end = int(starts[np.searchsorted(starts, begin + limit, side="right") - 1])
        if end <= begin:
            end = min(begin + limit, len(tokens))
        yield tokens[begin:end]
        begin = end


def select_windows(
    text: HeldOutText, vocabulary: Vocabulary, *, limit: int, pool_tokens: int, seed: int
) -> list[np.ndarray]:
    """Return windows of 2 to `limit` tokens from randomly chosen documents, `pool_tokens` tokens at most.

    Raises `DataError` where the text has no two tokens in a row.
    """
    rng = np.random.default_rng([seed, _WINDOWS])
    windows: list[np.ndarray] = []
    left = pool_tokens
    for index in rng.permutation(text.num_documents):
        if left <= 0:
            break
        document = np.asarray(text.document(int(index)))[:left]
        left -= len(document)
        windows += [
            piece for piece in cut_document(document, vocabulary.starts_word, limit) if len(piece) > 1
        ]
    if not windows:
        raise DataError("held-out text: no document has two tokens, so nothing can be scored; give more text")
    return windows


def select_tokens(windows: Sequence[np.ndarray], vocabulary: Vocabulary, count: int, seed: int) -> np.ndarray:
    """Return int64 [count, 2]: window and position of tokens drawn evenly from all that are not special.

    Drawing from all windows, not all tokens of a few, keeps the interval small for the same number of rows.
    """
    every = np.concatenate(
        [
            np.stack([np.full(len(positions), index), positions], axis=1)
            for index, window in enumerate(windows)
            for positions in [np.flatnonzero(~vocabulary.is_special[window])]
        ]
    )
    if not len(every):
        raise DataError("held-out text: every token is unknown; use the tokenizer the text was prepared with")
    rng = np.random.default_rng([seed, _TOKENS])
    chosen = rng.choice(len(every), size=min(count, len(every)), replace=False)
    return every[np.sort(chosen)]


def select_spans(windows: Sequence[np.ndarray], vocabulary: Vocabulary, count: int, seed: int) -> list[Span]:
    """Draw spans of two to four whole words (each length alike where it fits), with no special token in them.

    The list is empty where no window has two whole words and something beside them.
    """
    found = [
        np.concatenate([np.full((len(bounds), 1), index), bounds], axis=1)
        for index, window in enumerate(windows)
        for bounds in [_span_bounds(window, vocabulary)]
    ]
    every = np.concatenate(found)
    rng = np.random.default_rng([seed, _SPANS])
    chosen = np.sort(rng.choice(len(every), size=min(count, len(every)), replace=False))
    return [Span(int(index), tuple(range(begin, end))) for index, begin, end in every[chosen].tolist()]


def _span_bounds(window: np.ndarray, vocabulary: Vocabulary) -> np.ndarray:
    """Return int64 [spans, 2]: first and end position of every allowed span of one window."""
    edges = np.append(np.flatnonzero(vocabulary.starts_word[window]), len(window))
    specials_before = np.append(0, np.cumsum(vocabulary.is_special[window]))
    bounds = np.concatenate([np.stack([edges[:-words], edges[words:]], axis=1) for words in SPAN_WORDS])
    begins, ends = bounds[:, 0], bounds[:, 1]
    allowed = (specials_before[ends] == specials_before[begins]) & (ends - begins < len(window))
    fitting: np.ndarray = bounds[allowed]
    return fitting


def select_runs(
    text: HeldOutText, *, limit: int, count: int, pool_tokens: int, seed: int, windows: int = RUN_WINDOWS
) -> list[list[np.ndarray]]:
    """Return runs of at most `windows` consecutive windows of one document, `count` tokens or slightly more.

    All windows of a run but the last hold exactly `limit` tokens: memory is carried by whole columns.
    """
    rng = np.random.default_rng([seed, _RUNS])
    stretches: list[np.ndarray] = []
    left = pool_tokens
    for index in rng.permutation(text.num_documents):
        if left <= 0:
            break
        document = np.asarray(text.document(int(index)))[:left]
        left -= len(document)
        length = limit * windows
        stretches += [document[begin : begin + length] for begin in range(0, len(document), length)]
    runs: list[list[np.ndarray]] = []
    for index in rng.permutation(len(stretches)):
        if count <= 0:
            break
        stretch = stretches[index]
        runs.append([stretch[begin : begin + limit] for begin in range(0, len(stretch), limit)])
        count -= len(stretch)
    return runs
