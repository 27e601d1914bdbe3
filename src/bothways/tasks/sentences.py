"""Tasks about whole texts, single or in pairs: rows of text, and one state for each (Devlin et al. 2019, section 4.1).

The state is that at CLS, which stands first for BERT and last for XLNet; a model that reads from the left has seen all
of a text only at its last slot (Radford et al. 2018, section 3.2).
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import Field
from torch import Tensor

from bothways.records.types import TextRecord
from bothways.tasks.base import R, Task, TaskSettings
from bothways.tasks.rows import Reader, Row, TaskBatch, TaskExamples, lay_out_row, room, shares

Cut = Literal["end", "start", "middle"]


class SentenceSettings(TaskSettings):
    """A task about whole texts."""

    cut: Cut = "end"
    """What a text loses that is too long: its end, its start, or its middle, which keeps a quarter of the row from the
    start and the rest from the end (Sun et al. 2019, section 5.3.1)."""
    long_texts: Literal["cut", "memory"] = "cut"
    """Whether a text longer than a row is cut, or read row by row by models with memory."""
    longest: int = Field(default=2048, ge=4)
    """With memory: where even longer texts are cut, in tokens."""


def read_texts(record: TextRecord, reader: Reader, settings: SentenceSettings) -> Row:
    """Lay out a record's text, or its two, cut to what is read; its label is left out."""
    if settings.long_texts == "memory":
        reader = Reader(**{**vars(reader), "length": max(reader.length, settings.longest)})
    limit = room(reader, is_pair=record.pair is not None)
    first = reader.encode(record.text).ids
    if record.pair is None:
        return lay_out_row(reader, cut(first, limit, settings.cut))
    second = reader.encode(record.pair).ids
    kept = shares(len(first), len(second), limit)
    return lay_out_row(
        reader, *(cut(text, keep, settings.cut) for text, keep in zip((first, second), kept, strict=True))
    )


def cut(tokens: Sequence[int], limit: int, what: Cut) -> Sequence[int]:
    """Return at most `limit` tokens of a text."""
    if len(tokens) <= limit:
        return tokens
    if what == "end":
        return tokens[:limit]
    head = 0 if what == "start" else limit // 4
    return [*tokens[:head], *tokens[len(tokens) - (limit - head) :]]


class SentenceTask(Task[R]):
    """A task that reads one state a row."""

    settings: SentenceSettings

    def asked(self, examples: TaskExamples) -> np.ndarray:
        """Return the slot of each row's CLS, or its last one for models that read from the left, int64 [rows, 1]."""
        real = examples.tokens != self.vocabulary.pad
        if self.settings.layout == "cls_last" or self.settings.is_causal:
            return real.shape[1] - 1 - real[:, ::-1].argmax(axis=1)[:, None]
        return real.argmax(axis=1)[:, None]

    def summary(self, hidden: Tensor, batch: TaskBatch) -> Tensor:
        """Return each row's state that was asked for, [rows, width]; `hidden` may be that of the last segment only."""
        assert batch.asked is not None
        slots = batch.asked - (batch.num_slots - hidden.shape[1])
        return hidden.gather(1, slots[:, :, None].expand(-1, -1, hidden.shape[2]))[:, 0]
