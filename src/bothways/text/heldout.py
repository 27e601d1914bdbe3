"""Which documents are never trained on: one in N by hash, so that the choice does not depend on order."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator

from bothways.text.corpus import Document
from bothways.text.duplicates import grams

_LAST_SHARE = 0.05
"""How much of a corpus of one document is held out: its end."""


def split(
    documents: Iterable[Document], one_in: int, by_source: bool = False
) -> Iterator[tuple[bool, Document]]:
    """Yield every document with whether it is held out, one in `one_in` by hash of its content (or source).

    Neither part is left empty: where all documents fall on one side, the one with the smallest hash changes
    sides, and a corpus of a single document is cut, its last 5% held out. For this one document is kept back
    until both sides have one, so the order may change; the parts depend on nothing but the documents.
    """
    waiting: tuple[int, bool, Document] | None = None
    num_documents = 0
    has_both = False
    for document in documents:
        num_documents += 1
        rank = _rank(document.source if by_source else document.text)
        item = rank, rank % one_in == 0, document
        if waiting is None and not has_both:
            waiting = item
            continue
        if waiting is not None and waiting[1] != item[1]:
            has_both = True
            yield waiting[1:]
            waiting = None
        elif waiting is not None:
            waiting, item = sorted((waiting, item), key=lambda pair: pair[0])
        yield item[1:]
    if waiting is not None:
        yield from [(not waiting[1], waiting[2])] if num_documents > 1 else _cut(waiting[2])


def overlap(train: Iterable[str], held_out: Iterable[str]) -> float:
    """Return the share (0 to 1) of the held-out texts' word 8-grams that also occur in the training texts."""
    wanted = Counter(gram for text in held_out for gram in grams(text))
    num_grams = wanted.total()
    for text in train:
        for gram in grams(text):
            wanted.pop(gram, None)
    return (num_grams - wanted.total()) / num_grams if num_grams else 0.0


def _cut(document: Document) -> Iterator[tuple[bool, Document]]:
    """Cut one document at the line end, sentence end or space that is nearest before its last 5%."""
    text = document.text
    goal = max(1, int(len(text) * (1 - _LAST_SHARE)))
    places = (text.rfind(mark, goal // 2, goal + 1) for mark in ("\n", ". ", " "))
    cut = next((place + 1 for place in places if place >= 0), goal)
    train, valid = text[:cut].strip(), text[cut:].strip()
    if train and valid:
        yield False, Document(train, document.source)
        yield True, Document(valid, document.source)
    else:
        yield False, document


def _rank(key: str) -> int:
    return int.from_bytes(
        hashlib.blake2b(key.encode("utf-8"), digest_size=8, person=b"held out").digest(), "big"
    )
