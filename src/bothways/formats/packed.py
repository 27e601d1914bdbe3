"""Packed rows: whole documents, end to end, without padding (Liu et al. 2019, section 4.2, "FULL-SENTENCES").

    cls_first   [CLS] t t t [SEP] | t t t t t [SEP] | t t        positions 0 1 2 3 4 | 0 1 2 3 4 5 | 0 1
    cls_last    t t t [SEP] | t t t t t [SEP] | t t t [CLS]      segment 2 at CLS, 0 elsewhere

The documents of an epoch, in shuffled order and each followed by the separator, form one long text that is
cut into rows; the rows are then shuffled too, so that one batch is not one book. Every token is read exactly
once an epoch, except a tail shorter than a row. A batch may begin in one epoch and end in the next.

Documents in one row do not see each other (`documents` numbers the pieces), unlike RoBERTa's;
`across_documents=true` is RoBERTa's way.
"""

import functools
from typing import Literal

import numpy as np
from pydantic import Field

from bothways.batch import Examples
from bothways.config import Settings
from bothways.errors import DataError
from bothways.formats.protocol import Source, row_numbers
from bothways.formats.reading import Reading, count_reading
from bothways.formats.shuffle import key_of, permute
from bothways.text.tokenizer import Layout
from bothways.vocabulary import Vocabulary


class PackedSettings(Settings):
    """Rows of whole documents, end to end."""

    kind: Literal["packed"] = "packed"
    """Whole documents, end to end, without padding."""
    length: int = Field(default=512, ge=3)
    """Slots per row, the special token included."""
    across_documents: bool = False
    """Whether the documents in one row see each other."""


class Packed:
    """Rows cut from one shuffled text; a pure function of (seed, step, row)."""

    needs: frozenset[str] = frozenset()
    offers: frozenset[str] = frozenset()

    def __init__(
        self,
        settings: PackedSettings,
        shards: Source,
        vocabulary: Vocabulary,
        seed: int,
        global_rows: int,
        layout: Layout = "cls_first",
    ) -> None:
        self.length = settings.length
        self._settings = settings
        self._vocabulary = vocabulary
        self._seed = seed
        self._global_rows = global_rows
        self._cls_first = layout == "cls_first"
        self._num_tokens = count_reading(shards)
        self.rows_per_epoch = self._num_tokens // (self.length - 1)
        if not self.rows_per_epoch:
            raise DataError(
                f"the corpus has {self._num_tokens:,} tokens, fewer than one row of {self.length} slots; "
                "lower format.length or add text"
            )
        self.steps_per_epoch = -(-self.rows_per_epoch // global_rows)
        # A batch may straddle two epochs.
        self._reading = functools.lru_cache(maxsize=2)(
            lambda epoch: Reading(shards, vocabulary.sep, seed, epoch),
        )

    def examples(self, step: int, rows: range) -> Examples:
        """Return rows of a step's global batch."""
        numbers = step * self._global_rows + row_numbers(rows, self._global_rows)
        epochs, places = np.divmod(numbers, self.rows_per_epoch)
        tokens = np.empty((len(rows), self.length - 1), dtype=np.int32)
        ranks = np.empty(tokens.shape, dtype=np.int64)
        for epoch in np.unique(epochs).tolist():
            here = epochs == epoch
            key = key_of(self._seed, "rows", epoch)
            offsets = permute(places[here], self.rows_per_epoch, key) * (self.length - 1)
            tokens[here], ranks[here] = self._reading(epoch).read(offsets, self.length - 1)
        return self._lay_out(tokens, ranks)

    def report(self) -> list[str]:
        """Return sentences that count rows and dropped tokens."""
        read = self.rows_per_epoch * (self.length - 1)
        return [
            f"packed: {self.rows_per_epoch:,} rows of {self.length} slots an epoch "
            f"({self.rows_per_epoch / self._global_rows:,.1f} steps), no padding",
            f"packed: {read:,} of {self._num_tokens:,} tokens are read once an epoch; "
            f"a tail of {self._num_tokens - read:,} is left out",
        ]

    def _lay_out(self, tokens: np.ndarray, ranks: np.ndarray) -> Examples:
        """Add CLS, which belongs to the piece beside it. Both arrays are [rows, length - 1]."""
        at = 0 if self._cls_first else self.length - 1
        beside = ranks[:, :1] if self._cls_first else ranks[:, -1:]
        ranks = np.insert(ranks, [at], beside, axis=1)
        segments = np.zeros(ranks.shape, dtype=np.int32)
        segments[:, at] = 0 if self._cls_first else 2
        slots = np.broadcast_to(np.arange(self.length), ranks.shape)
        # A piece is counted by where ranks change: the reading is a ring, so ranks may fall back to 0.
        begins = np.diff(ranks, axis=1, prepend=-1) != 0
        restarts = slots - np.maximum.accumulate(np.where(begins, slots, 0), axis=1)
        across = self._settings.across_documents
        return Examples(
            tokens=np.insert(tokens, [at], self._vocabulary.cls, axis=1),
            segments=segments,
            positions=(slots if across else restarts).astype(np.int32),
            documents=None if across else (begins.cumsum(axis=1) - 1).astype(np.int32),
        )
