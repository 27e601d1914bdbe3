"""How many words two texts share (Jaccard 1912): what similarity of texts is without understanding."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bothways.metrics.ratio import ratio

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_WORD = re.compile(r"[㐀-鿿]|[^\W㐀-鿿]+")
"""A run of letters and digits, or one Chinese character."""


class SharedWords:
    """The words of texts of two sides; each similarity is shared words over all words, from 0 to 1."""

    def __init__(self, first: Sequence[str], second: Sequence[str]) -> None:
        known: dict[str, int] = {}
        words = [[sorted(_words(text)) for text in side] for side in (first, second)]
        for text in (text for side in words for text in side):
            for word in text:
                known.setdefault(word, len(known))
        self._first, self._second = (_occurrences(side, known) for side in words)

    def of_pairs(self) -> np.ndarray:
        """Return the similarity of each first text and the second one beside it, float64 [texts]."""
        shared = self._first.multiply(self._second).sum(axis=1)
        return _share(np.asarray(shared).ravel(), _sizes(self._first), _sizes(self._second))

    def with_all(self, part: slice) -> np.ndarray:
        """Return that of some first texts with every second one, float64 [some, texts]."""
        some = self._first[part]
        shared = (some @ self._second.T).toarray()
        return _share(shared, _sizes(some)[:, None], _sizes(self._second))


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))


def _occurrences(texts: list[list[str]], known: dict[str, int]) -> "csr_matrix":
    """Return 1 where a text has a word, float64 [texts, words]."""
    from scipy.sparse import csr_matrix  # half a second that only those pay who ask for it

    bounds = np.cumsum([0, *map(len, texts)])
    columns = [known[word] for text in texts for word in text]
    return csr_matrix((np.ones(len(columns)), columns, bounds), shape=(len(texts), len(known)))


def _sizes(occurrences: Any) -> np.ndarray:
    return np.asarray(occurrences.sum(axis=1)).ravel()


def _share(shared: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return ratio(shared, first + second - shared)
