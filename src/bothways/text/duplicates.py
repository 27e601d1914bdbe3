"""Exact and near duplicates of text."""

import hashlib
import re
from collections.abc import Iterator

_WORD = re.compile(r"\w+")
GRAM = 8
"""Words in a row that two texts hardly share by chance."""


def digest(text: str) -> bytes:
    """Return 16 bytes that identify a text (BLAKE2b)."""
    return hashlib.blake2b(text.encode("utf-8"), digest_size=16).digest()


def grams(text: str) -> Iterator[int]:
    """Yield a hash of every run of 8 words, case folded; a shorter text is one run.

    The hashes hold within one process only: Python salts them.
    """
    words = _WORD.findall(text.lower())
    for start in range(max(1, len(words) - GRAM + 1)):
        yield hash(tuple(words[start : start + GRAM]))


class NearDuplicates:
    """Remembers the word 8-grams of the texts it has been shown (about 60 bytes a word)."""

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def share_seen(self, text: str) -> float:
        """Return the share (0 to 1) of the text's 8-grams that were seen before."""
        found = list(grams(text))
        return sum(gram in self._seen for gram in found) / len(found)

    def is_new(self, text: str) -> bool:
        """Remember the text and return True, unless more than half of it was seen before."""
        found = list(grams(text))
        if 2 * sum(gram in self._seen for gram in found) > len(found):
            return False
        self._seen.update(found)
        return True
