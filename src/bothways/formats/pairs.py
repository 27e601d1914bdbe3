"""Sentence pairs: two segments in a row, of which the second continues the first or does not.

    cls_first   [CLS] A [SEP] B [SEP] [PAD]..       segments 0 0 0 1 1
    cls_last    ..[PAD] A [SEP] B [SEP] [CLS]       segments 0 0 1 1 2

`pair="next"` is BERT's next sentence prediction (Devlin et al. 2019, section 3.1): B is half the time a text
from *another* document. `pair="order"` is ALBERT's sentence order (Lan et al. 2020, section 3.1): A and B are
always neighbours, and swapped half the time. `pair="follow"` only marks two segments, as ELECTRA does (Clark et al.
2020, released code): B always continues A. `pair_plan.py` says how documents are cut.

Departures from BERT's released data: B is never from A's own document (there it may be, after ten tries);
chunks are cut anew in each of `CHUNKINGS` epochs, then again in the same ways, as its `dupe_factor` does, but
random texts and the order of the rows are new in every epoch.
"""

import functools
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field

from bothways.batch import Examples
from bothways.config import Settings
from bothways.errors import DataError
from bothways.formats.pair_plan import Chunks, Cutting, Sentences, plan_chunks
from bothways.formats.protocol import Source, row_numbers
from bothways.formats.shuffle import draw_below, draw_unit, draws, key_of, permute
from bothways.text.tokenizer import Layout
from bothways.vocabulary import Vocabulary

SPECIALS = 3
"""CLS and two SEP."""

CHUNKINGS = 10
"""Different cuttings of the corpus: at most so many are planned again to find the place of a resumed run."""


class PairsSettings(Settings):
    """Rows of two segments."""

    kind: Literal["pairs"] = "pairs"
    """Two segments, of which the second continues the first or does not."""
    length: int = Field(default=128, ge=SPECIALS + 2)
    """Slots per row, special tokens and padding included."""
    pair: Literal["next", "order", "follow"] = "next"
    """`next`: half of second segments are of another document; `order`: half of the pairs are swapped; `follow`: every
    second segment continues the first."""
    short_share: float = Field(default=0.1, ge=0, le=1)
    """Share of pairs whose length is drawn at random, so that short texts are known too."""


@dataclass(frozen=True)
class _Spans:
    """Two segments a row, as token offsets (int64 [rows, 2]: start, stop), and the labels (int64 [rows])."""

    a: np.ndarray
    b: np.ndarray
    labels: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        """int64 [rows, 2]: the tokens of A and of B."""
        return np.stack([self.a[:, 1] - self.a[:, 0], self.b[:, 1] - self.b[:, 0]], axis=1)


class Pairs:
    """Rows of two segments; a pure function of (seed, step, row)."""

    needs = frozenset({"segments"})
    offers = frozenset({"pair labels"})

    def __init__(
        self,
        settings: PairsSettings,
        shards: Source,
        vocabulary: Vocabulary,
        seed: int,
        global_rows: int,
        layout: Layout = "cls_first",
    ) -> None:
        self.length = settings.length
        self._longest = settings.length - SPECIALS
        self._is_next = settings.pair == "next"
        self._is_order = settings.pair == "order"
        self._source = shards
        self._vocabulary = vocabulary
        self._seed = seed
        self._global_rows = global_rows
        self._cls_first = layout == "cls_first"
        self._sentences = Sentences.of(shards)
        if self._is_next and len(self._sentences.documents) < 2:
            raise DataError(
                "the corpus is one document, so no other can follow a first segment; "
                "set format.pair=order or format.kind=packed, or split the text with data.documents"
            )
        cutting = Cutting(self._longest, settings.short_share, puts_back=self._is_next)
        self._chunks = functools.lru_cache(maxsize=2)(
            lambda number: plan_chunks(self._sentences, cutting, seed, number),
        )
        self._count = functools.lru_cache(maxsize=None)(lambda number: len(self._chunks(number)))
        self.rows_per_epoch = self._count(0)
        """Of the first epoch; random cuts make other epochs a little longer or shorter."""
        self.steps_per_epoch = -(-self.rows_per_epoch // global_rows)

    def examples(self, step: int, rows: range) -> Examples:
        """Return rows of a step's global batch."""
        epochs, places = self._locate(step * self._global_rows + row_numbers(rows, self._global_rows))
        tokens = np.full((len(rows), self.length), self._vocabulary.pad, dtype=np.int32)
        segments = np.zeros(tokens.shape, dtype=np.int32)
        starts = np.zeros(len(rows), dtype=np.int64)
        labels = np.zeros(len(rows), dtype=np.int64)
        for epoch in np.unique(epochs).tolist():
            here = np.flatnonzero(epochs == epoch)
            spans = self._trim(self._spans_of_rows(epoch, places[here]), epoch, places[here])
            labels[here] = spans.labels
            for row, a, b in zip(here.tolist(), spans.a.tolist(), spans.b.tolist(), strict=True):
                starts[row] = self._fill(tokens[row], segments[row], self._read(*a), self._read(*b))
        positions = np.maximum(np.arange(self.length) - starts[:, None], 0).astype(np.int32)
        return Examples(tokens=tokens, segments=segments, positions=positions, labels=labels)

    def report(self) -> list[str]:
        """Return sentences that count pairs, padding and truncated tokens of the first epoch."""
        spans = self._spans(self._chunks(0), 0)
        wanted = spans.lengths.sum(axis=1)
        cut = np.maximum(wanted - self._longest, 0).sum()
        slots = np.minimum(wanted, self._longest).sum() + SPECIALS * len(wanted)
        return [
            f"pairs: {len(wanted):,} rows of {self.length} slots in the first epoch "
            f"({len(wanted) / self._global_rows:,.1f} steps), "
            f"{1 - slots / (len(wanted) * self.length):.1%} padding",
            f"pairs: in {spans.labels.mean():.1%} of them the second segment does not continue the first",
            f"pairs: {cut:,} of {wanted.sum():,} tokens are truncated; no sentence and no tail is left out",
        ]

    def _locate(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return epoch and place in the epoch of rows counted from the beginning of training (int64)."""
        stops = [self._count(0)]
        while len(stops) < CHUNKINGS and stops[-1] <= numbers.max():
            stops.append(stops[-1] + self._count(len(stops)))
        cycles, rest = np.divmod(numbers, stops[-1])
        chunkings = np.searchsorted(stops, rest, side="right")
        return cycles * CHUNKINGS + chunkings, rest - np.array([0, *stops])[chunkings]

    def _spans_of_rows(self, epoch: int, places: np.ndarray) -> _Spans:
        chunks = self._chunks(epoch % CHUNKINGS)
        order = permute(places, len(chunks), key_of(self._seed, "rows", epoch))
        return self._spans(chunks.take(order), epoch)

    def _spans(self, chunks: Chunks, epoch: int) -> _Spans:
        """Return both segments of each chunk, before they are trimmed to the row."""
        start, middle, stop = (
            self._sentences.offsets[bound] for bound in (chunks.starts, chunks.middles, chunks.stops)
        )
        if self._is_next:
            a = np.stack([start, middle], axis=1)
            rest = np.stack([middle, stop], axis=1)
            elsewhere = self._elsewhere(chunks, epoch)
            return _Spans(
                a, np.where(chunks.chosen[:, None], elsewhere, rest), chunks.chosen.astype(np.int64)
            )
        # A single sentence has no inner boundary: it is cut in the middle. A single token has no order.
        middle = np.where(chunks.middles < chunks.stops, middle, (start + stop + 1) // 2)
        swapped = (chunks.chosen & (middle < stop) & self._is_order)[:, None]
        one, two = np.stack([start, middle], axis=1), np.stack([middle, stop], axis=1)
        return _Spans(
            np.where(swapped, two, one), np.where(swapped, one, two), swapped[:, 0].astype(np.int64)
        )

    def _elsewhere(self, chunks: Chunks, epoch: int) -> np.ndarray:
        """Return sentences of another document up to the target, or its end (int64 [chunks, 2])."""
        known = self._sentences
        others = draw_below(key_of(self._seed, "other", epoch), chunks.starts, len(known.documents) - 1)
        others += others >= known.owners(chunks.starts)
        first, end = known.first[others], known.first[others + 1]
        begin = first + draw_below(key_of(self._seed, "place", epoch), chunks.starts, end - first)
        missing = chunks.targets - (known.offsets[chunks.middles] - known.offsets[chunks.starts])
        reached = np.searchsorted(known.offsets, known.offsets[begin] + missing)
        return np.stack([known.offsets[begin], known.offsets[np.clip(reached, begin + 1, end)]], axis=1)

    def _trim(self, spans: _Spans, epoch: int, places: np.ndarray) -> _Spans:
        """Shorten the longer segment until both fit, each token from the front or the back at random."""
        length_a, length_b = spans.lengths.T
        kept_a = np.minimum(length_a, np.maximum((self._longest + 1) // 2, self._longest - length_b))
        kept_b = np.minimum(length_b, self._longest - kept_a)
        trimmed = []
        for name, span, excess in (("a", spans.a, length_a - kept_a), ("b", spans.b, length_b - kept_b)):
            front = _count_heads(key_of(self._seed, "trim", name, epoch), places, excess)
            trimmed.append(span + np.stack([front, front - excess], axis=1))
        return _Spans(trimmed[0], trimmed[1], spans.labels)

    def _read(self, start: int, stop: int) -> np.ndarray:
        """Return tokens of one document, by their offsets in the corpus."""
        known = self._sentences
        # An empty segment at the very end of the corpus belongs to the last document.
        owner = (
            min(int(np.searchsorted(known.document_offsets, start, side="right")), len(known.documents)) - 1
        )
        base = int(known.document_offsets[owner])
        return self._source.document(int(known.documents[owner]))[start - base : stop - base]

    def _fill(self, tokens: np.ndarray, segments: np.ndarray, a: np.ndarray, b: np.ndarray) -> int:
        """Lay out one row in place and return the slot where it starts."""
        used = len(a) + len(b) + SPECIALS
        start = 0 if self._cls_first else self.length - used
        begin_a = start + 1 if self._cls_first else start
        begin_b = begin_a + len(a) + 1
        stop_b = begin_b + len(b)
        tokens[begin_a : begin_b - 1] = a
        tokens[begin_b:stop_b] = b
        tokens[[begin_b - 1, stop_b]] = self._vocabulary.sep
        segments[begin_b : stop_b + 1] = 1
        cls = 0 if self._cls_first else self.length - 1
        tokens[cls], segments[cls] = self._vocabulary.cls, 0 if self._cls_first else 2
        return start


def _count_heads(key: int, index: np.ndarray, tosses: np.ndarray) -> np.ndarray:
    """Return how many of `tosses` fair coins fall on heads (int64), for each index."""
    coins = np.arange(tosses.max(initial=0))
    is_head = draw_unit(draws(key, index)[:, None], coins) < 0.5
    heads: np.ndarray = (is_head & (coins < tosses[:, None])).sum(axis=1)
    return heads
