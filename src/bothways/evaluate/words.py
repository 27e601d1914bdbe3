"""Whole words in nats per character: the one number that compares models with different tokenizers.

Windows and words are cut from the *text*, at white space, so they are the same whatever the tokenizer. A
word is hidden with all of its tokens and asked left to right; what it costs is divided by its characters.
Two prices: the position and number of the hidden tokens give the word's length away, a little more so with
short pieces; and a word with an unknown token cannot be scored, so its count must stand beside the number.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from tokenizers import Tokenizer

from bothways.evaluate.asking import Subject
from bothways.evaluate.joint import joint_nats
from bothways.evaluate.windows import Span

_WORDS = 20  # stream of random numbers for the words

WINDOW_WORDS = 40
"""Words a window; few enough that nearly every tokenizer fits them into 126 tokens."""


@dataclass(frozen=True)
class Word:
    """One word of a text window, by its characters."""

    text: str
    """The whole window."""
    begin: int
    end: int
    window: int


def select_words(texts: Iterable[str], count: int, seed: int) -> list[Word]:
    """Draw words evenly from all windows of `texts`; depends on the text and the seed alone."""
    words: list[Word] = []
    window = 0
    for text in texts:
        found = list(re.finditer(r"\S+", text))
        for first in range(0, len(found), WINDOW_WORDS):
            inside = found[first : first + WINDOW_WORDS]
            if len(inside) < 2:
                continue
            begin = inside[0].start()
            piece = text[begin : inside[-1].end()]
            words += [Word(piece, word.start() - begin, word.end() - begin, window) for word in inside]
            window += 1
    rng = np.random.default_rng([seed, _WORDS])
    chosen = np.sort(rng.choice(len(words), size=min(count, len(words)), replace=False))
    return [words[index] for index in chosen]


def tokens_of(word: Word, tokenizer: Tokenizer) -> tuple[np.ndarray, tuple[int, ...]]:
    """Return the window's tokens (int32 [tokens]) and the positions of those that overlap the word."""
    encoding = tokenizer.encode(word.text, add_special_tokens=False)
    positions = tuple(
        position
        for position, (begin, end) in enumerate(encoding.offsets)
        if begin < word.end and end > word.begin
    )
    return np.array(encoding.ids, dtype=np.int32), positions


@dataclass(frozen=True)
class ScoredWords:
    """Words that could be asked; every vector has one entry a word."""

    nats: np.ndarray
    """float64"""
    characters: np.ndarray
    """int64"""
    windows: np.ndarray
    """int64: the text window each word lies in."""


def word_nats(
    subject: Subject, tokenizer: Tokenizer, words: Sequence[Word], *, limit: int, seed: int, rows: int
) -> ScoredWords | None:
    """Score whole words; those that cannot be asked (longer than `limit`, an unknown token) are left out.

    Compare two models on how many characters were scored, too. None where nothing was.
    """
    windows: list[np.ndarray] = []
    spans: list[Span] = []
    scored: list[Word] = []
    for word in words:
        tokens, positions = _crop(*tokens_of(word, tokenizer), limit)
        is_special = subject.vocabulary.is_special[tokens[list(positions)]]
        if not positions or len(tokens) > limit or is_special.any():
            continue
        spans.append(Span(len(windows), positions))
        windows.append(tokens)
        scored.append(word)
    if not scored:
        return None
    nats = joint_nats(subject, windows, spans, orders=0, seed=seed, rows=rows).chain
    characters = np.array([word.end - word.begin for word in scored])
    return ScoredWords(nats, characters, np.array([word.window for word in scored]))


def _crop(tokens: np.ndarray, positions: tuple[int, ...], limit: int) -> tuple[np.ndarray, tuple[int, ...]]:
    """Cut the far ends off a window that is longer than `limit` tokens, keeping the word in the middle."""
    if len(tokens) <= limit or not positions or len(positions) > limit:
        return tokens, positions
    room = limit - len(positions)
    begin = min(max(0, positions[0] - room // 2), len(tokens) - limit)
    return tokens[begin : begin + limit], tuple(position - begin for position in positions)
