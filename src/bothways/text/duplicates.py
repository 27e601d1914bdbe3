"""Exact and near duplicates of text."""

import hashlib
import re

_WORD = re.compile(r"\w+")
GRAM = 8
"""Words in a row that two texts hardly share by chance."""


def digest(text: str) -> bytes:
    """Return 16 bytes that identify a text (BLAKE2b)."""
    return hashlib.blake2b(text.encode("utf-8"), digest_size=16).digest()


def grams(text: str) -> list[int]:
    """Return a hash of every run of 8 words, in lower case; a shorter text is one run.

    The hashes hold within one process only: Python salts them.
    """
    words = _WORD.findall(text.lower())
    if len(words) < GRAM:
        return [hash(tuple(words))]
    return [hash(run) for run in zip(*(words[start:] for start in range(GRAM)), strict=False)]


class NearDuplicates:
    """Remembers the word 8-grams of the texts it has been shown (about 60 bytes a word)."""

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def is_new(self, text: str) -> bool:
        """Remember the text and return True, unless more than half of it was seen before."""
        found = grams(text)
        if 2 * sum(map(self._seen.__contains__, found)) > len(found):
            return False
        self._seen.update(found)
        return True
