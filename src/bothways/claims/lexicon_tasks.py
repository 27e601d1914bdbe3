"""Three small tasks over one lexicon: whoever learns a word's colour from one task knows it in the others.

Each of `NUM_WORDS` words is good or bad, which a seed decides. The tasks ask

    mood      of `MOOD` words: are most of them good?
    opening   of `OPENING` words: is the first one good?
    contest   of two texts of `SIDE` words: which of them has more good words?
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from bothways.records.types import TextRecord

NUM_WORDS = 80
WORDS = tuple(f"word{number}" for number in range(NUM_WORDS))
MOOD, OPENING, SIDE = 5, 4, 3


@dataclass(frozen=True)
class Lexicon:
    """Which words are good."""

    is_good: np.ndarray
    """bool [`NUM_WORDS`]"""

    @classmethod
    def drawn(cls, draw: np.random.Generator) -> "Lexicon":
        """Draw a lexicon of which half is good."""
        return cls(draw.permutation(NUM_WORDS) < NUM_WORDS // 2)

    def num_good(self, words: np.ndarray) -> int:
        """Count the good ones of some words, int64 [words]."""
        return int(self.is_good[words].sum())


def mood(lexicon: Lexicon, draw: np.random.Generator) -> TextRecord:
    """Draw a text and say whether most of its words are good; their number is odd."""
    words = draw.integers(NUM_WORDS, size=MOOD)
    return TextRecord("", _text(words), label=_verdict(lexicon.num_good(words) > MOOD // 2))


def opening(lexicon: Lexicon, draw: np.random.Generator) -> TextRecord:
    """Draw a text and say whether its first word is good."""
    words = draw.integers(NUM_WORDS, size=OPENING)
    return TextRecord("", _text(words), label=_verdict(bool(lexicon.is_good[words[0]])))


def contest(lexicon: Lexicon, draw: np.random.Generator) -> TextRecord:
    """Draw two texts, one of which has more good words, and say whether it is the first."""
    while True:
        first, second = draw.integers(NUM_WORDS, size=(2, SIDE))
        lead = lexicon.num_good(first) - lexicon.num_good(second)
        if lead:
            return TextRecord("", _text(first), _text(second), label="first" if lead > 0 else "second")


LEXICON_TASKS: Mapping[str, tuple[Callable[[Lexicon, np.random.Generator], TextRecord], tuple[str, str]]] = {
    "mood": (mood, ("bad", "good")),
    "opening": (opening, ("bad", "good")),
    "contest": (contest, ("first", "second")),
}
"""Task -> how a record is drawn, and its labels."""


def _text(words: np.ndarray) -> str:
    return " ".join(WORDS[word] for word in words.tolist())


def _verdict(is_good: bool) -> str:
    return "good" if is_good else "bad"
