"""Tasks about whole texts, single or in pairs: rows of text, and one state for each (Devlin et al. 2019, section 4.1).

The state is that at CLS, which stands first for BERT and last for XLNet; a model that reads from the left has seen all
of a text only at its last slot (Radford et al. 2018, section 3.2). Of pairs, an answer network may read all states.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator
from torch import Tensor

from bothways.errors import UsageError
from bothways.model.encoder import Encoder
from bothways.records.types import TextRecord
from bothways.tasks.answer_network import AnswerNetwork, Average
from bothways.tasks.base import R, Task, TaskSettings, classifier
from bothways.tasks.rows import Reader, Row, TaskBatch, TaskExamples, all_slots, lay_out_row, room, shares

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
    head: Literal["linear", "answer_network"] = "linear"
    """What reads the states: a linear map of CLS's features, or, for pairs, MT-DNN's stochastic answer network, which
    compares the two texts in five steps (Liu et al. 2019, section 3.1)."""

    @model_validator(mode="after")
    def _sees_both_texts(self) -> Self:
        if self.head == "answer_network" and self.long_texts == "memory":
            raise ValueError(
                "head=answer_network compares all states of two texts, and of texts read with memory only the last "
                "row's are there; use long_texts=cut or head=linear"
            )
        return self


def read_texts(record: TextRecord, reader: Reader, settings: SentenceSettings) -> Row:
    """Lay out a record's text, or its two, cut to what is read; its label is left out.

    Raises `UsageError` for a single text where two are to be compared.
    """
    if record.pair is None and settings.head == "answer_network":
        raise UsageError(
            f"{record.where}: head=answer_network compares two texts, and this is one; name the column of the second "
            "with columns.pair, or use head=linear"
        )
    reader = with_memory(reader, settings)
    limit = room(reader, is_pair=record.pair is not None)
    first = reader.encode(record.text).ids
    if record.pair is None:
        return lay_out_row(reader, cut(first, limit, settings.cut))
    second = reader.encode(record.pair).ids
    kept = shares(len(first), len(second), limit)
    return lay_out_row(
        reader, *(cut(text, keep, settings.cut) for text, keep in zip((first, second), kept, strict=True))
    )


def with_memory(reader: Reader, settings: SentenceSettings) -> Reader:
    """Return how texts are read that memory lets be longer than a row."""
    if settings.long_texts == "cut":
        return reader
    return replace(reader, length=max(reader.length, settings.longest))


def cut(tokens: Sequence[int], limit: int, what: Cut) -> Sequence[int]:
    """Return at most `limit` tokens of a text."""
    if len(tokens) <= limit:
        return tokens
    if what == "end":
        return tokens[:limit]
    head = 0 if what == "start" else limit // 4
    return [*tokens[:head], *tokens[len(tokens) - (limit - head) :]]


def text_slots(examples: TaskExamples, padding: int, settings: TaskSettings) -> np.ndarray:
    """Return the slot of each row's CLS, or its last one for models that read from the left, int64 [rows, 1]."""
    real = examples.tokens != padding
    if settings.layout == "cls_last" or settings.is_causal:
        return real.shape[1] - 1 - real[:, ::-1].argmax(axis=1)[:, None]
    return real.argmax(axis=1)[:, None]


def asked_states(hidden: Tensor, batch: TaskBatch) -> Tensor:
    """Return each row's state that was asked for, [rows, width]; `hidden` may be that of the last segment only."""
    assert batch.asked is not None
    slots = batch.asked - (batch.num_slots - hidden.shape[1])
    return hidden.gather(1, slots[:, :, None].expand(-1, -1, hidden.shape[2]))[:, 0]


class SentenceTask(Task[R]):
    """A task that asks for a few numbers a row."""

    settings: SentenceSettings

    def add_head(self, encoder: Encoder, outputs: int, average: Average) -> None:
        """Create what reads a row; `average` is how an answer network's steps become one answer."""
        width = encoder.settings.width
        if self.settings.head == "answer_network":
            self.network = AnswerNetwork(width, outputs, self.settings.dropout, average)
            return
        self.features = encoder.features.sentence()
        self.classifier = classifier(width, outputs, has_bias=encoder.features.has_bias)

    def asked(self, examples: TaskExamples) -> np.ndarray:
        """Return the slot that stands for each row's text, or all for an answer network, int64 [rows, asked]."""
        if self.settings.head == "answer_network":
            return all_slots(examples)
        return text_slots(examples, self.vocabulary.pad, self.settings)

    def head_outputs(self, hidden: Tensor, batch: TaskBatch) -> Tensor:
        """Return what the head says of each row, [rows, outputs]."""
        if self.settings.head == "answer_network":
            return self.network(hidden, batch.parts)
        return self.classifier(self.drop(self.features(asked_states(hidden, batch))))
