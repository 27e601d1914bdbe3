"""Where the words of each row are, for all rows at once."""

from dataclasses import dataclass

import numpy as np

from bothways.batch import Examples
from bothways.vocabulary import Vocabulary


def read_backward(positions: np.ndarray) -> np.ndarray:
    """Say which rows are read from right to left, bool [rows]: those whose `positions` begin by falling."""
    return positions[:, 0] > positions[:, min(1, positions.shape[1] - 1)]


def word_numbers(examples: Examples, vocabulary: Vocabulary) -> np.ndarray:
    """Number the words of each row from 0, int64 [rows, slots]; special tokens and padding have -1.

    Rows that are read from right to left hold the last piece of a word first: their words are found on the row
    turned round.
    """
    starts = vocabulary.starts_word[examples.tokens]
    is_special = vocabulary.is_special[examples.tokens]
    backward = read_backward(examples.positions)
    if backward.any():
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


@dataclass(frozen=True)
class Words:
    """Where the words of all rows are; slots are counted through the rows (int64 arrays)."""

    begins: np.ndarray
    """[words]: the first slot of each."""
    sizes: np.ndarray
    """[words], in tokens."""
    before: np.ndarray
    """[rows]: how many words the rows before have."""
    counts: np.ndarray
    """[rows]: how many words a row has."""
    pieces: np.ndarray
    """[words and gaps]: the first slot of each word and of each gap between words."""
    piece_sizes: np.ndarray
    """[words and gaps], in slots; adds up to all slots."""
    shape: tuple[int, int]
    """Rows and slots."""


def find_words(words: np.ndarray) -> Words:
    """Find the words in word numbers int64 [rows, slots]; -1 marks gaps."""
    rows, slots = words.shape
    is_first = np.ones(words.shape, dtype=bool)
    np.not_equal(words[:, 1:], words[:, :-1], out=is_first[:, 1:])
    pieces = is_first.ravel().nonzero()[0]
    piece_sizes = np.empty_like(pieces)
    np.subtract(pieces[1:], pieces[:-1], out=piece_sizes[:-1])
    piece_sizes[-1:] = words.size - pieces[-1:]
    is_word = words.ravel()[pieces] >= 0
    begins = pieces[is_word]
    before = begins.searchsorted(np.arange(0, words.size + 1, slots))
    counts = before[1:] - before[:-1]
    return Words(begins, piece_sizes[is_word], before[:-1], counts, pieces, piece_sizes, (rows, slots))
