"""Which documents are never trained on: one in N by hash, so that the choice does not depend on order."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator

from bothways.text.corpus import Document
from bothways.text.duplicates import grams

_LAST_SHARE = 0.05
"""How much of a corpus of one document is held out: its end."""


def split(documents: Iterable[Document], one_in: int, by_source: bool = False) -> Iterator[tuple[bool, Document]]:
    """Yield every document with whether it is held out, one in `one_in` by hash of its content (or source).

    At least one document is held out: where the hash chooses none, the one with the smallest hash is; a
    corpus of a single document is cut and its last 5% held out. Until the first one is found, one document
    is kept back, so the order may change; the result depends on nothing but the documents.
    """
    has_held_out = False
    waiting: tuple[int, Document] | None = None
    num_documents = 0
    for document in documents:
        num_documents += 1
        rank = _rank(document.source if by_source else document.text)
        if rank % one_in == 0:
            has_held_out = True
            yield True, document
        elif has_held_out:
            yield False, document
        elif waiting is None or rank < waiting[0]:
            if waiting is not None:
                yield False, waiting[1]
            waiting = rank, document
        else:
            yield False, document
        if has_held_out and waiting is not None:
            yield False, waiting[1]
            waiting = None
    if waiting is not None:
        yield from [(True, waiting[1])] if num_documents > 1 else _cut(waiting[1])


def overlap(train: Iterable[str], held_out: Iterable[str]) -> float:
    """Return the share (0 to 1) of the held-out texts' word 8-grams that also occur in the training texts."""
    wanted = Counter(gram for text in held_out for gram in grams(text))
    num_grams = wanted.total()
    for text in train:
        for gram in grams(text):
            wanted.pop(gram, None)
    return 1 - wanted.total() / num_grams if num_grams else 0.0


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
    return int.from_bytes(hashlib.blake2b(key.encode("utf-8"), digest_size=8, person=b"held out").digest(), "big")
