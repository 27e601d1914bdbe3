"""What an objective must know of a tokenizer: its size, its special tokens and where words begin."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Vocabulary:
    """Token ids with a meaning, and two tables over all ids."""

    size: int
    pad: int
    unk: int
    cls: int
    sep: int
    mask: int
    end_of_document: int
    """`<eod>` where the tokenizer has one, else the separator."""
    is_special: np.ndarray
    """bool [size]: control tokens, never masked and never drawn as random replacements."""
    starts_word: np.ndarray
    """bool [size]: tokens that begin a word; special tokens count as words of their own."""

    def ordinary(self) -> np.ndarray:
        """Return the ids that stand for text (int64)."""
        return np.flatnonzero(~self.is_special)
