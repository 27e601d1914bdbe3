"""Stream rows: one text in order, memory carried from row to row (Yang et al. 2019, sections 2.4 to 2.6).

    [   reuse text   ][    A    ][SEP][    B    ][SEP][CLS]      segments 0 .. 0 | 1 .. 1 | 2

The documents of an epoch, in shuffled order and each ended by `end_of_document`, form one long text that is
cut into columns. Step t of a column reads its t-th `reuse` tokens, and what follows them as A; B goes on from
A, or comes from elsewhere. The states of the first `reuse` slots are the next row's memory, so memory and row
are one contiguous text. Every token is once an epoch in the first half of a row, in each direction. An A near
the end of a column runs on into the next one.

Plain rows (`rows="plain"`) have no second half: nothing but text, segment 0 throughout, and all of it is the next row's
memory (Transformer-XL's language models, Dai et al. 2019, section 3.2).

With `bidirectional`, row 2i reads column i forward and row 2i + 1 reads it backward, from its end. Direction
is data: backward rows carry negated positions, so any split over ranks and micro-batches is right.

Mended against the released data code: A and a continuing B are contiguous (there, A may be trimmed between
them); B is not copied from the row or its memory (`negatives="released"` names that rule); direction does not
depend on how rows are split over GPUs.
"""

import functools
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from bothways.batch import Examples
from bothways.config import Settings
from bothways.errors import DataError, UsageError
from bothways.formats.protocol import Source, row_numbers
from bothways.formats.reading import Reading, count_reading
from bothways.formats.shuffle import draw_below, draw_unit, key_of
from bothways.text.tokenizer import Layout
from bothways.vocabulary import Vocabulary

SPECIALS = 3
"""Two SEP and CLS."""

_NUMBERS = 2**30
"""Document numbers are counted modulo this: int32, and distinct over two epochs of 2**29 documents."""


class StreamSettings(Settings):
    """Ordered rows with carried memory."""

    kind: Literal["stream"] = "stream"
    """One text in order; each row remembers the ones before."""
    rows: Literal["pair", "plain"] = "pair"
    """`pair`: `reuse` tokens, then A and B (XLNet); `plain`: text alone, all of it reused (Transformer-XL)."""
    length: int = Field(default=512, ge=12)
    """Slots per row, special tokens included."""
    reuse: int = Field(default=256, ge=1, validate_default=True)
    """Tokens by which a row advances; their states become the next row's memory; at most half the length, all of it in
    plain rows."""
    bidirectional: bool = True
    """Whether every other row reads from right to left."""
    memory_scope: Literal["carry", "document"] = "carry"
    """`carry`: memory runs across documents, to the end of an epoch; `document`: documents are not mixed."""
    negatives: Literal["other_document", "released"] = "other_document"
    """Where a B that does not continue A is from: a document outside the row and its memory, or (`released`)
    anywhere in the same column, as in the released code, which may copy targets."""
    negative_share: float = Field(default=0.5, ge=0, le=1)
    """Share of rows whose B does not continue A."""

    @field_validator("reuse")
    @classmethod
    def _fits(cls, reuse: int, info: ValidationInfo) -> int:
        is_plain = info.data.get("rows") == "plain"
        length = info.data.get("length", reuse if is_plain else 2 * reuse)
        if is_plain and reuse != length:
            raise ValueError(
                f"not the length {length}, and plain rows are reused whole; set format.reuse to {length}"
            )
        if not is_plain and 2 * reuse > length:
            raise ValueError(
                f"more than half of the length {length}; set format.reuse to {length // 2} or less"
            )
        return reuse

    @property
    def is_plain(self) -> bool:
        """Whether rows are nothing but text."""
        return self.rows == "plain"

    @property
    def needs(self) -> frozenset[str]:
        """What the backbone must offer."""
        signed = {"signed positions"} if self.bidirectional else set()
        segments = set() if self.is_plain else {"segments"}
        return frozenset({"memory"} | segments | signed)


@dataclass(frozen=True)
class _Place:
    """Where the rows of one examples() call read (arrays are int64 or bool [rows])."""

    reading: Reading
    epoch: int
    columns: np.ndarray
    backward: np.ndarray
    low: np.ndarray
    """Lowest offset of the text of reuse, A and a continuing B, whatever the direction."""
    key: int
    """Of all random draws of the step; rows are told apart by `rows`."""
    rows: np.ndarray


class Stream:
    """Ordered rows with carried memory; a pure function of (seed, step, row)."""

    offers = frozenset({"pair labels"})

    def __init__(
        self,
        settings: StreamSettings,
        shards: Source,
        vocabulary: Vocabulary,
        seed: int,
        global_rows: int,
        layout: Layout = "cls_last",
    ) -> None:
        _check(settings, shards, global_rows, layout)
        self.length = settings.length
        self.needs = settings.needs
        self.longest_memory = 2 * settings.length
        """Tokens of carried memory within which no B is copied from the memory's documents."""
        self._settings = settings
        self._vocabulary = vocabulary
        self._seed = seed
        self._global_rows = global_rows
        self._num_columns = global_rows // 2 if settings.bidirectional else global_rows
        self._text_length = settings.length - (0 if settings.is_plain else SPECIALS)
        self._pair_length = self._text_length - settings.reuse
        self._num_tokens = count_reading(shards)
        self._longest_document = int(np.max(shards.document_lengths)) + 1
        self.steps_per_epoch = self._num_tokens // (self._num_columns * settings.reuse)
        one_step = max(self._num_columns * settings.reuse, settings.length)
        if self._num_tokens < one_step:
            raise DataError(
                f"the corpus has {self._num_tokens:,} tokens, fewer than the {one_step:,} of one step; "
                "lower the rows of a step or format.length and format.reuse, or add text"
            )
        self.rows_per_epoch = self.steps_per_epoch * global_rows
        self._column_length = self.steps_per_epoch * settings.reuse
        self._reading = functools.lru_cache(maxsize=2)(
            lambda epoch: Reading(shards, vocabulary.end_of_document, seed, epoch),
        )

    def examples(self, step: int, rows: range) -> Examples:
        """Return rows of a step's global batch; raise `UsageError` where positions would leave int32."""
        reuse = self._settings.reuse
        place = self._place(step, row_numbers(rows, self._global_rows))
        text, ranks = place.reading.read(place.low, self._text_length)
        text[place.backward] = text[place.backward, ::-1]
        ranks[place.backward] = ranks[place.backward, ::-1]
        if self._settings.is_plain:
            return self._lay_out_plain(place, text, ranks, step)
        cuts, is_boundary = self._cut(place, ranks[:, reuse:])
        labels, elsewhere = self._choose(place, self._pair_length - cuts)
        for row in np.flatnonzero(labels).tolist():
            stop = reuse + int(cuts[row])
            text[row, stop:] = self._read_elsewhere(
                place, row, int(elsewhere[row]), self._text_length - stop, bool(is_boundary[row])
            )
        return self._lay_out(place, text, ranks, reuse + cuts, labels, step)

    def report(self) -> list[str]:
        """Return sentences that count rows, dropped tokens, and where negatives may be missing."""
        read = self._num_columns * self._column_length
        directions = "in each direction" if self._settings.bidirectional else "forward"
        lines = [
            f"stream: {self.rows_per_epoch:,} rows of {self.length} slots an epoch "
            f"({self.steps_per_epoch:,} steps, {self._num_columns} × {self._column_length:,} tokens)",
            f"stream: {read:,} of {self._num_tokens:,} tokens are read once an epoch {directions}; "
            f"a tail of {self._num_tokens - read:,} is left out",
        ]
        widest = self._text_length + self.longest_memory + 2 * self._longest_document + self._pair_length
        has_negatives = not self._settings.is_plain and self._settings.negatives == "other_document"
        if has_negatives and widest > self._num_tokens:
            lines.append(
                "stream: the corpus is small; where no document is outside row and memory, B continues A"
            )
        return lines

    def _place(self, step: int, rows: np.ndarray) -> _Place:
        settings = self._settings
        if (step + 1) * settings.reuse + settings.length >= 2**31:
            raise UsageError(
                f"step {step:,} is beyond the {2**31 // settings.reuse:,} steps that positions can count; "
                "begin a new run with --from this one"
            )
        epoch, turn = divmod(step, self.steps_per_epoch)
        columns = rows // 2 if settings.bidirectional else rows
        backward = rows % 2 == 1 if settings.bidirectional else np.zeros(len(rows), dtype=bool)
        advance = turn * settings.reuse
        first = columns * self._column_length
        last = first + self._column_length - advance - self._text_length
        low = np.where(backward, last, first + advance)
        key = key_of(self._seed, "stream", step)
        return _Place(self._reading(epoch), epoch, columns, backward, low, key, rows)

    def _cut(self, place: _Place, ranks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the length of each row's A (int64 [rows]), and whether a sentence ends there (bool [rows]).

        Any sentence boundary within a document will do. Without one, A ends within a sentence: never between
        two documents, where B would not continue it. `ranks` are those of A and a continuing B [rows, pair
        length].
        """
        begins = place.low + np.where(place.backward, 0, self._settings.reuse)
        cuts = np.empty(len(begins), dtype=np.int64)
        is_boundary = np.ones(len(begins), dtype=bool)
        unit = draw_unit(key_of(place.key, "cut"), place.rows)
        for row, begin in enumerate(begins.tolist()):
            found = place.reading.inner_sentence_starts(begin, self._pair_length)
            if place.backward[row]:
                found = self._pair_length - found
            if not found.size:
                is_boundary[row] = False
                found = 1 + np.flatnonzero(ranks[row, 1:] == ranks[row, :-1])
            cuts[row] = found[int(unit[row] * found.size)]
        return cuts, is_boundary

    def _choose(self, place: _Place, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return labels, and for each row an offset from which `lengths` tokens may be B (int64 [rows])."""
        wanted = draw_unit(key_of(place.key, "label"), place.rows) < self._settings.negative_share
        if self._settings.negatives == "released":
            begin = place.columns * self._column_length
            room = np.full(len(lengths), self._column_length)
        else:
            begin, room = self._outside(place)
        offsets = begin + draw_below(
            key_of(place.key, "elsewhere"), place.rows, np.maximum(room - lengths + 1, 1)
        )
        return (wanted & (room >= lengths)).astype(np.int64), offsets

    def _outside(self, place: _Place) -> tuple[np.ndarray, np.ndarray]:
        """Return begin and size of the text without the documents of each row and its memory (int64 [rows]).

        The documents of a row are neighbours in the reading, so all others are one arc of the ring.
        """
        before = np.where(place.backward, 0, self.longest_memory)
        after = self.longest_memory - before
        start = place.reading.document_starts(place.low - before)
        stop = place.reading.document_stops(place.low + self._text_length - 1 + after)
        return stop, place.reading.num_tokens - (stop - start)

    def _read_elsewhere(
        self, place: _Place, row: int, offset: int, length: int, at_sentence: bool
    ) -> np.ndarray:
        """Return a B in the row's direction, which begins with a sentence where A ends with one."""
        if at_sentence and place.backward[row]:
            offset = place.reading.sentence_around(offset + length - 1)[1] - length
        elif at_sentence:
            offset = place.reading.sentence_around(offset)[0]
        tokens = place.reading.read(np.array([offset]), length)[0][0]
        return np.flip(tokens) if place.backward[row] else tokens

    def _lay_out_plain(self, place: _Place, text: np.ndarray, ranks: np.ndarray, step: int) -> Examples:
        """Make rows of nothing but `text` [rows, length]."""
        stops = np.full(len(text), self.length)
        return Examples(
            tokens=text.astype(np.int32),
            segments=np.zeros(text.shape, dtype=np.int32),
            positions=self._positions(place, step),
            documents=self._number(place, ranks, stops),
            carry=self.length,
        )

    def _lay_out(
        self,
        place: _Place,
        text: np.ndarray,
        ranks: np.ndarray,
        stops: np.ndarray,
        labels: np.ndarray,
        step: int,
    ) -> Examples:
        """Put the special tokens into `text` [rows, text length]; `stops` int64 [rows] is where A stops."""
        slots = np.arange(self.length)
        tokens = np.empty((len(text), self.length), dtype=np.int32)
        for row, stop in enumerate(stops.tolist()):
            tokens[row, :stop] = text[row, :stop]
            tokens[row, stop] = self._vocabulary.sep
            tokens[row, stop + 1 : -2] = text[row, stop:]
        tokens[:, -2:] = self._vocabulary.sep, self._vocabulary.cls
        segments = (slots > stops[:, None]).astype(np.int32)
        segments[:, -1] = 2
        return Examples(
            tokens=tokens,
            segments=segments,
            positions=self._positions(place, step),
            documents=self._number(place, ranks, stops),
            second_block=self._settings.reuse,
            carry=self._settings.reuse,
            labels=labels,
        )

    def _positions(self, place: _Place, step: int) -> np.ndarray:
        """Return int32 [rows, length], negated in backward rows."""
        sign = np.where(place.backward, -1, 1)[:, None]
        return np.asarray(sign * (step * self._settings.reuse + np.arange(self.length)), dtype=np.int32)

    def _number(self, place: _Place, ranks: np.ndarray, stops: np.ndarray) -> np.ndarray:
        """Return document numbers (int32 [rows, length]), different in epochs that memory could join."""
        if self._settings.memory_scope == "carry":
            return np.full((len(ranks), self.length), place.epoch % _NUMBERS, dtype=np.int32)
        # What follows A takes the number of A's last token, so that A and B see each other.
        slots = np.minimum(np.arange(self.length), stops[:, None] - 1)
        numbers = np.take_along_axis(ranks, slots, axis=1) + place.epoch * place.reading.num_documents
        return np.asarray(numbers % _NUMBERS, dtype=np.int32)


def _check(settings: StreamSettings, shards: Source, global_rows: int, layout: Layout) -> None:
    """Raise an error for what a stream cannot be made of."""
    if layout != "cls_last":
        raise UsageError(
            "a stream row ends with CLS, and this backbone's rows begin with it; choose one with memory"
        )
    if settings.bidirectional and global_rows % 2:
        raise UsageError(
            f"{global_rows} rows a step cannot be half forward and half backward; "
            "make the rows even or set format.bidirectional=false"
        )
    is_single = np.count_nonzero(np.asarray(shards.document_lengths) > 0) < 2
    if (
        is_single
        and not settings.is_plain
        and settings.negatives == "other_document"
        and settings.negative_share
    ):
        raise DataError(
            "the corpus is one document, so no B can come from another; "
            "set format.negatives=released or format.negative_share=0, or split the text with data.documents"
        )
