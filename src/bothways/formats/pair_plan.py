"""How an epoch's documents are cut into pairs, computed from sentence lengths alone.

As in BERT (Devlin et al. 2019, appendix A.2, and its released `create_pretraining_data`): the sentences of a
document are gathered until they reach a target length, and the gathered chunk is cut at a random sentence
boundary into A and what truly continues it. If A is to be followed by a random text instead, the rest of the
chunk is put back and begins the next one. So every sentence is once in an A or in a true continuation.

Mended: the target is shortened for 10% of the *examples*; the released code decides once a document.

All documents are cut at the same time, one chunk each in every turn. To bound the number of turns, a long
document is planned in parts of `PART` sentences, at whose ends a chunk may be shorter.
"""

from dataclasses import dataclass

import numpy as np

from bothways.errors import DataError
from bothways.formats.protocol import Source
from bothways.formats.shuffle import draw_below, draw_unit, key_of

PART = 512
"""Sentences that are planned one after the other."""


@dataclass(frozen=True)
class Sentences:
    """All sentences of a corpus, one after the other; documents without text are left out."""

    documents: np.ndarray
    """int64 [documents]: their numbers in the source."""
    first: np.ndarray
    """int64 [documents + 1]: the first sentence of each document."""
    offsets: np.ndarray
    """int64 [sentences + 1]: the tokens before each sentence."""
    document_offsets: np.ndarray
    """int64 [documents + 1]: the tokens before each document."""

    @classmethod
    def of(cls, source: Source) -> "Sentences":
        """Index a corpus; raise `DataError` where it holds no text."""
        documents = np.flatnonzero(np.asarray(source.document_lengths) > 0)
        if not documents.size:
            raise DataError("the token shards hold no text; point data.train at a corpus that is not empty")
        lengths = [np.asarray(source.sentence_lengths(document)) for document in documents.tolist()]
        lengths = [length[length > 0] for length in lengths]
        first = _running([len(length) for length in lengths])
        offsets = _running(np.concatenate(lengths))
        return cls(documents, first, offsets, offsets[first])

    def owners(self, sentences: np.ndarray) -> np.ndarray:
        """Return the place in `documents` of each sentence's document (int64)."""
        return np.searchsorted(self.first, sentences, side="right") - 1


@dataclass(frozen=True)
class Chunks:
    """Chunks of an epoch, as sentence numbers (int64 [chunks]): A is start..middle, the rest middle..stop."""

    starts: np.ndarray
    middles: np.ndarray
    """Equal to `stops` where the chunk is one sentence."""
    stops: np.ndarray
    targets: np.ndarray
    """int64 [chunks]: how many tokens A and B are to have together."""
    chosen: np.ndarray
    """bool [chunks]: half of the chunks: B is a random text (`next`), or comes before A (`order`)."""

    def __len__(self) -> int:
        return len(self.starts)

    def take(self, index: np.ndarray) -> "Chunks":
        """Return some of the chunks."""
        return Chunks(
            self.starts[index],
            self.middles[index],
            self.stops[index],
            self.targets[index],
            self.chosen[index],
        )


@dataclass(frozen=True)
class Cutting:
    """How chunks are cut."""

    longest: int
    """Tokens of A and B together."""
    short_share: float
    """Share of examples with a shorter target, uniform in 2 .. longest."""
    puts_back: bool
    """Whether a chosen chunk uses its A alone; a chunk of one sentence is then always chosen."""


def plan_chunks(sentences: Sentences, cutting: Cutting, seed: int, number: int) -> Chunks:
    """Cut all documents into chunks; a pure function of (seed, number)."""
    starts, ends = _parts(sentences.first)
    turns = []
    while starts.size:
        chunks = _next_chunks(sentences, starts, ends, cutting, (seed, number))
        turns.append(chunks)
        following = (
            np.where(chunks.chosen, chunks.middles, chunks.stops) if cutting.puts_back else chunks.stops
        )
        unfinished = following < ends
        starts, ends = following[unfinished], ends[unfinished]
    return Chunks(
        *(
            np.concatenate([getattr(chunks, name) for chunks in turns])
            for name in ("starts", "middles", "stops", "targets", "chosen")
        )
    )


def _next_chunks(
    sentences: Sentences, starts: np.ndarray, ends: np.ndarray, cutting: Cutting, seeds: tuple[int, int]
) -> Chunks:
    """Gather one chunk from each of `starts` on, at most to `ends` (int64 [chunks])."""
    is_short = draw_unit(key_of("short", *seeds), starts) < cutting.short_share
    shorter = 2 + draw_below(key_of("target", *seeds), starts, cutting.longest - 1)
    targets = np.where(is_short, shorter, cutting.longest)
    reached = np.searchsorted(sentences.offsets, sentences.offsets[starts] + targets)
    stops = np.clip(reached, starts + 1, ends)
    inner = stops - starts - 1
    middles = starts + 1 + draw_below(key_of("middle", *seeds), starts, np.maximum(inner, 1))
    chosen = draw_unit(key_of("chosen", *seeds), starts) < 0.5
    return Chunks(starts, middles, stops, targets, chosen | (inner == 0) if cutting.puts_back else chosen)


def _parts(first: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first and the stop sentence of each part of each document (int64)."""
    counts = -(-np.diff(first) // PART)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    starts = np.repeat(first[:-1], counts) + within * PART
    return starts, np.minimum(starts + PART, np.repeat(first[1:], counts))


def _running(lengths: np.ndarray | list[int]) -> np.ndarray:
    """Return the sums before each length, and the whole sum."""
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths, dtype=np.int64)])
