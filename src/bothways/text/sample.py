"""What a vocabulary is learned from: a bounded sample of the text, and counts over it."""

import hashlib
import heapq
import re
from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np

SAMPLE_BYTES = 100_000_000
"""More text than this teaches a vocabulary little; a sample by hash of content is taken."""

_FREQUENT = 10
"""How often a word must occur to count as frequent."""
_BATCH_CHARACTERS = 4_000_000
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|\w+|[^\w\s]")


def take_sample(texts: Iterable[str], most_bytes: int = SAMPLE_BYTES) -> list[str]:
    """Return the texts in order, or as many of those with the smallest hashes as stay within `most_bytes`.

    The choice depends on the contents alone; there is always at least one. Memory: `most_bytes` and one text.
    """
    kept: list[tuple[int, int, str]] = []  # a heap with the largest hash on top
    size, limit = 0, 2**64
    for number, text in enumerate(texts):
        content = text.encode("utf-8")
        rank = int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "big")
        if rank >= limit:
            continue
        heapq.heappush(kept, (-rank, number, text))
        size += len(content)
        while size > most_bytes and len(kept) > 1:
            rank, _, dropped = heapq.heappop(kept)
            # What comes later with a larger hash would not have stayed either.
            limit = -rank
            size -= len(dropped.encode("utf-8"))
    return [text for _, _, text in sorted(kept, key=lambda item: item[1])]


def count_characters(texts: Iterable[str]) -> Counter[str]:
    """Return how often each character that is not white space occurs."""
    counts = np.zeros(0x110000, dtype=np.int64)
    for batch in _batches(texts):
        codes = np.frombuffer(batch.encode("utf-32-le"), dtype=np.uint32)
        counts += np.bincount(codes, minlength=counts.size)
    return Counter(
        {chr(code): int(counts[code]) for code in np.flatnonzero(counts) if not chr(code).isspace()}
    )


def num_frequent_words(texts: Iterable[str], enough: int, lowercase: bool) -> int:
    """Return how many different words (CJK characters, marks) occur at least 10 times.

    Counting stops when there are `enough`.
    """
    counts: Counter[str] = Counter()
    num_frequent = 0
    for batch in _batches(texts):
        counts.update(_WORD.findall(batch.lower() if lowercase else batch))
        num_frequent = sum(count >= _FREQUENT for count in counts.values())
        if num_frequent >= enough:
            break
    return num_frequent


def _batches(texts: Iterable[str]) -> Iterator[str]:
    batch: list[str] = []
    size = 0
    for text in texts:
        batch.append(text)
        size += len(text)
        if size >= _BATCH_CHARACTERS:
            yield "\n".join(batch)
            batch, size = [], 0
    yield "\n".join(batch)
