"""What every word costs given all others of its document: one number for how much of the language a model knows."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from bothways.claims.language import Document, Language
from bothways.claims.reader import Blank, Reader

DOCUMENTS = 60
"""Documents whose words are asked, all of them."""


def questions() -> list[Document]:
    """Return the documents that models of the plan's language are asked about."""
    return Language().questions(DOCUMENTS)


def nats(run: Path) -> float:
    """Return the mean nats a word of a trained model."""
    blanks = [
        Blank(document.words, (place,), (place,))
        for document in questions()
        for place in range(len(document.words))
    ]
    return float(Reader.of(run).nats(blanks).mean())


@cache
def true_nats() -> float:
    """Return what the best possible model pays for the same words."""
    return mean_nats(Language(), questions())


def mean_nats(language: Language, documents: Sequence[Document]) -> float:
    """Return the exact mean over all words of some documents of a language."""
    return float(
        np.mean(
            [
                language.nats(document.words, (place,), (place,))
                for document in documents
                for place in range(len(document.words))
            ]
        )
    )
