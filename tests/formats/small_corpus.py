"""Corpora whose tokens are all different, so that a token says where it comes from."""

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from bothways.vocabulary import Vocabulary

TEXT = 10
"""The first token of text; smaller ones are special."""

VOCABULARY = Vocabulary(
    size=2**24,
    pad=0,
    unk=1,
    cls=2,
    sep=3,
    mask=4,
    end_of_document=5,
    is_special=np.arange(16) < TEXT,
    starts_word=np.ones(16, dtype=bool),
)


@dataclass(frozen=True)
class SmallCorpus:
    """Documents of sentences; token `TEXT + n` is the n-th of the corpus."""

    sentences: list[list[int]]

    @property
    def num_documents(self) -> int:
        return len(self.sentences)

    @property
    def document_lengths(self) -> np.ndarray:
        return np.array([sum(lengths) for lengths in self.sentences], dtype=np.int64)

    @property
    def num_tokens(self) -> int:
        return int(self.document_lengths.sum())

    @property
    def starts(self) -> np.ndarray:
        return np.cumsum(self.document_lengths) - self.document_lengths

    def document(self, index: int) -> np.ndarray:
        return TEXT + self.starts[index] + np.arange(self.document_lengths[index], dtype=np.int32)

    def sentence_lengths(self, index: int) -> np.ndarray:
        return np.array(self.sentences[index], dtype=np.int64)

    def documents_of(self, tokens: np.ndarray) -> np.ndarray:
        """Return the document of each token of text."""
        return np.searchsorted(np.cumsum(self.document_lengths), tokens - TEXT, side="right")

    def sentence_starts(self) -> set[int]:
        """Return the first token of each sentence."""
        lengths = [length for document in self.sentences for length in document]
        return {TEXT + int(start) for start in np.cumsum(lengths) - lengths}


corpora = st.lists(st.lists(st.integers(1, 12), min_size=1, max_size=8), min_size=2, max_size=12).map(
    SmallCorpus
)

splits = st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3))
"""World, micro-batches a rank, rows a micro-batch."""


def prose(num_documents: int = 60, seed: int = 0, sentence: int = 12, sentences: int = 20) -> SmallCorpus:
    """Return documents of random lengths; `sentence` and `sentences` are means."""
    draw = np.random.default_rng(seed)
    return SmallCorpus(
        [
            (1 + draw.poisson(sentence - 1, 1 + draw.poisson(sentences - 1))).tolist()
            for _ in range(num_documents)
        ]
    )


def is_plausible(hits: int, trials: int, probability: float) -> bool:
    """Whether a count is within five standard deviations of a binomial's mean."""
    deviation = (trials * probability * (1 - probability)) ** 0.5
    return abs(hits - trials * probability) <= 5 * deviation
