"""A reading: the documents of an epoch, in shuffled order, as one endless ring of tokens with random access.

Every document is followed by a separator, which counts as its last token. A document's *rank* is its place in
the reading. Offsets run over the whole reading and wrap around at its end; `document_starts` and
`document_stops` keep them unwrapped, so that intervals can be compared.
"""

import functools

import numpy as np

from bothways.errors import DataError
from bothways.formats.protocol import Source
from bothways.formats.shuffle import key_of, permute


def count_reading(source: Source) -> int:
    """Return the tokens of every reading of `source`, separators included; raise `DataError` without any."""
    lengths = np.asarray(source.document_lengths)
    full = lengths[lengths > 0]
    if not full.size:
        raise DataError("the token shards hold no text; point data.train at a corpus that is not empty")
    return int(full.sum() + full.size)


class Reading:
    """One shuffled reading of all documents that are not empty."""

    def __init__(self, source: Source, separator: int, seed: int, epoch: int) -> None:
        order = permute(
            np.arange(source.num_documents), source.num_documents, key_of(seed, "documents", epoch)
        )
        self._source = source
        self._separator = separator
        self._order = order[np.asarray(source.document_lengths)[order] > 0]
        lengths = np.asarray(source.document_lengths, dtype=np.int64)[self._order] + 1
        self._starts = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths)])
        self.num_documents = self._order.size
        self.num_tokens = int(self._starts[-1])
        self._sentences = functools.lru_cache(maxsize=256)(self._index_sentences)

    def ranks(self, offsets: np.ndarray) -> np.ndarray:
        """Return the rank of the document at each offset (int64)."""
        return np.searchsorted(self._starts, offsets % self.num_tokens, side="right") - 1

    def document_starts(self, offsets: np.ndarray) -> np.ndarray:
        """Return where the documents at `offsets` start: int64, never after the offset."""
        starts: np.ndarray = offsets - offsets % self.num_tokens + self._starts[self.ranks(offsets)]
        return starts

    def document_stops(self, offsets: np.ndarray) -> np.ndarray:
        """Return where the documents at `offsets` stop: int64, always after the offset."""
        stops: np.ndarray = offsets - offsets % self.num_tokens + self._starts[self.ranks(offsets) + 1]
        return stops

    def read(self, offsets: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
        """Return `length` tokens (int32) and ranks (int64) from each offset on, both [offsets, length]."""
        tokens = np.empty((len(offsets), length), dtype=np.int32)
        ranks = np.empty((len(offsets), length), dtype=np.int64)
        for row, (offset, rank) in enumerate(
            zip(offsets.tolist(), self.ranks(offsets).tolist(), strict=True)
        ):
            self._fill(tokens[row], ranks[row], rank, offset % self.num_tokens - int(self._starts[rank]))
        return tokens, ranks

    def inner_sentence_starts(self, start: int, length: int) -> np.ndarray:
        """Return where sentences start within `length` tokens, first sentences of documents excluded.

        int64, relative to `start`, each in 1 .. length - 1: the places where a text of one document can be
        cut.
        """
        rank = int(self.ranks(np.array([start]))[0])
        base = int(self._starts[rank]) - start % self.num_tokens
        found = [np.empty(0, dtype=np.int64)]
        while base < length:
            inner = self._sentences(rank)[1:-1] + base
            found.append(inner[np.searchsorted(inner, 1) : np.searchsorted(inner, length)])
            base += int(self._starts[rank + 1] - self._starts[rank])
            rank = (rank + 1) % self.num_documents
        return np.concatenate(found)

    def sentence_around(self, offset: int) -> tuple[int, int]:
        """Return start and stop of the sentence at `offset`; the separator belongs to the last one."""
        rank = int(self.ranks(np.array([offset]))[0])
        start = offset - offset % self.num_tokens + int(self._starts[rank])
        bounds = self._sentences(rank)
        after = int(np.searchsorted(bounds, offset - start, side="right"))
        return start + int(bounds[after - 1]), start + int(bounds[after])

    def _fill(self, tokens: np.ndarray, ranks: np.ndarray, rank: int, begin: int) -> None:
        """Fill one row in place, from token `begin` of the document at `rank` on."""
        filled, length = 0, len(tokens)
        while filled < length:
            piece = self._source.document(int(self._order[rank]))[begin : begin + length - filled]
            stop = filled + len(piece)
            tokens[filled:stop] = piece
            if stop < length:
                tokens[stop] = self._separator
                stop += 1
            ranks[filled:stop] = rank
            filled, begin, rank = stop, 0, (rank + 1) % self.num_documents

    def _index_sentences(self, rank: int) -> np.ndarray:
        """Return the bounds of a document's sentences, from 0 to its length with the separator (int64)."""
        lengths = self._source.sentence_lengths(int(self._order[rank]))
        bounds = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths, dtype=np.int64)])
        bounds[-1] += 1
        return np.unique(bounds)
