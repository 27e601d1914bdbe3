"""What every task is: an objective that hides nothing, and knows how to read a record and judge an answer.

    record → items → examples → batch → states → outputs → loss                    in training
                                               → outputs → prediction → judged    afterwards

The path is the same for all; a task says what stands at each arrow. To add one, write a file beside these with the
methods below that are not implemented here, and enter it in `TASKS` of `tasks/__init__.py`.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from bothways.batch import Batch, Examples, Loss, Losses, Memory
from bothways.config import Settings
from bothways.metrics.bootstrap import Metric
from bothways.model.dropout import Dropout
from bothways.model.encoder import Encoder
from bothways.objectives.auxiliary import Auxiliary
from bothways.objectives.base import Objective
from bothways.objectives.teaching import TeachingSettings, averaged, divergence
from bothways.records.types import is_labelled
from bothways.tasks.rows import (
    Item,
    Reader,
    TaskBatch,
    TaskExamples,
    as_batch,
    in_segments,
    pad,
    pad_slots,
    slots_of,
)
from bothways.text.tokenizer import Layout
from bothways.vocabulary import Vocabulary

R = TypeVar("R")
"""The kind of record that a task reads."""

Prediction = dict[str, Any]
"""What a task says of one record, as JSON."""


class TaskSettings(Settings):
    """What a model must know of its task to be asked again; kept in its folder."""

    kind: str
    """The task."""
    length: int = Field(default=128, ge=4)
    """The longest row, in tokens with the special ones."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Share of the features dropped before the classifier in training."""
    layout: Layout = "cls_first"
    """Where rows hold CLS; that of the model it was made from."""
    is_causal: bool = False
    """Whether a slot sees only those before it, as in the pretraining of the model it was made from."""


@dataclass(frozen=True)
class Judged:
    """How good predictions are."""

    metrics: dict[str, float]
    """The first one decides which checkpoint is best."""
    metric: Metric
    """That one, of any resample of the run."""
    run: tuple[np.ndarray, ...]
    """What it needs to know of each record: arrays with one entry a record."""


class Task(Objective, Generic[R]):
    """Base of all tasks."""

    settings: TaskSettings
    offers = frozenset()
    measures: ClassVar[Mapping[str, Metric]]
    """What may decide which checkpoint is best, by name: each takes the arrays of a `Judged.run`."""
    further: ClassVar[tuple[str, ...]] = ()
    """Metrics that are reported besides and decide nothing."""
    teaches: ClassVar[bool] = False
    """Whether a model of this task can teach another, of any tokenizer: see `soft_targets`."""
    meaning: ClassVar[tuple[str, ...]] = ()
    """The settings that say what the outputs mean: a student has its teacher's, and a head goes on from one that has
    the same."""
    taught: TeachingSettings | None = None
    """How much is learned from teachers in this run, where there are some."""
    by_slot: ClassVar[bool] = False
    """Whether the head says something of each slot of a row: `outputs` are [rows, slots, ...] then, and what
    `predict_record` sees, and teachers say, is [slots, ...] of a row without padding."""

    def __init__(
        self, settings: TaskSettings, vocabulary: Vocabulary, encoder: Encoder, extras: dict[str, Auxiliary]
    ) -> None:
        super().__init__(settings, vocabulary, encoder, extras)
        self.drop = Dropout(settings.dropout)

    # ---- from records to batches ----------------------------------------------------------------------------

    @abstractmethod
    def items(self, record: R, reader: Reader) -> list[Item]:
        """Return a record as items of training, each one row or several that stay together.

        A record is several items where it is read in pieces.
        """

    @abstractmethod
    def wanted(self, items: Sequence[Item], width: int) -> np.ndarray:
        """Return what is wanted of items whose rows are padded to `width` slots, items first; int64 or float32."""

    @abstractmethod
    def asked(self, examples: TaskExamples) -> np.ndarray:
        """Return the slots whose states are read, int64 [rows, asked]."""

    def stack(self, items: Sequence[Item], name: str | None = None) -> TaskExamples:
        """Pad the rows of items to the longest of them; `name` is the task's among several."""
        padded: dict[str, Any] = pad(
            [row for item in items for row in item], self.settings.layout, self.vocabulary.pad
        )
        wanted = self.wanted(items, padded["tokens"].shape[1])
        return TaskExamples(
            **padded, wanted=wanted, soft=self.soft(items, padded["tokens"].shape[1]), task=name
        )

    def soft(self, items: Sequence[Item], width: int) -> np.ndarray | None:
        """Return what teachers said of the items, or None where they were not asked."""
        said = [item[0].soft for item in items if item[0].soft is not None]
        if not said:
            return None
        padded = pad_slots(said, width, self.settings.layout, 0) if self.by_slot else np.stack(said)
        return padded.astype(np.float32)

    def remarks(self, items: Sequence[Item]) -> list[str]:
        """Return what was lost when the training records were laid out, such as answers that fit no row."""
        return []

    def corrupt(self, examples: Examples, rng: np.random.Generator) -> TaskBatch:
        """Hide nothing."""
        assert isinstance(examples, TaskExamples)
        is_causal = self.settings.is_causal
        return as_batch(examples, self.vocabulary, is_causal=is_causal, asked=self.asked(examples))

    # ---- from batches to losses and outputs ------------------------------------------------------------------

    @abstractmethod
    def outputs(self, hidden: Tensor, batch: TaskBatch) -> Tensor:
        """Return what the head says of each item, items first, from `hidden` [rows, slots, width]."""

    @abstractmethod
    def loss(self, outputs: Tensor, batch: TaskBatch) -> Tensor:
        """Return the summed loss of outputs, float []."""

    def count(self, batch: TaskBatch) -> int:
        """Return what the loss is a sum over: the items, unless it is said otherwise."""
        return len(batch.wanted)

    def counts(self, batch: Batch) -> dict[str, int]:
        assert isinstance(batch, TaskBatch)
        return {self.name: self.count(batch)}

    def forward(
        self,
        encoder: Encoder,
        batch: Batch,
        memory: Memory | None = None,
    ) -> tuple[Losses, Memory | None]:
        """Return the loss of a batch; nothing is remembered from one record to the next."""
        assert isinstance(batch, TaskBatch)
        outputs = self.outputs(self.states(encoder, batch), batch)
        return {self.name: Loss(self.mixed_loss(outputs, batch))}, None

    def mixed_loss(self, outputs: Tensor, batch: TaskBatch) -> Tensor:
        """Return the summed loss, float []: of what is wanted, of what teachers say, or a mix of both."""
        if self.taught is None or batch.soft is None:
            return self.loss(outputs, batch)
        mix = self.taught.mix
        soft = mix * self.soft_loss(outputs, batch.soft, self.taught.temperature)
        # Records that only teachers answered have no loss of their own.
        return soft if mix == 1 else (1 - mix) * self.loss(outputs, batch) + soft

    def states(self, encoder: Encoder, batch: TaskBatch) -> Tensor:
        """Return hidden states [rows, slots, width] of the last `length` slots; only those asked for are numbers.

        Longer rows are read segment by segment, each remembered by the next. Memory has no gradient, so all but the
        last are read without.
        """
        if batch.num_slots <= self.settings.length:
            return encoder(batch, None, batch.asked)[0]
        *before, last = in_segments(batch, self.settings.length, self.vocabulary.pad)
        memory = None
        with torch.no_grad():
            for segment in before:
                _, memory = encoder(segment, memory)
        return encoder(last, memory, last.asked)[0]

    # ---- from teachers to students ---------------------------------------------------------------------------
    # A task that `teaches` with one item a record and logits along the last axis needs nothing of its own here.

    def soft_targets(
        self, items: Sequence[Item], outputs: Sequence[np.ndarray], temperature: float
    ) -> np.ndarray:
        """Return what a teacher's outputs for a record's items say of it, whatever its tokenizer; averaged later."""
        (logits,) = outputs
        return averaged([torch.from_numpy(logits)], temperature).numpy()

    def with_soft_targets(self, items: Sequence[Item], targets: np.ndarray) -> list[Item]:
        """Return a record's items of a student with what its teachers say of the record."""
        ((first, *others),) = items
        return [(replace(first, soft=targets), *others)]

    def soft_loss(self, outputs: Tensor, targets: Tensor, temperature: float) -> Tensor:
        """Return the summed loss against what teachers say, `targets` as `stack` has padded them, float []."""
        return divergence(targets, outputs, temperature).sum()

    # ---- from outputs to judgements --------------------------------------------------------------------------

    def of_item(self, output: np.ndarray, item: Item) -> np.ndarray:
        """Return what `predict_record` wants of an item's output: all, or without the padding of its batch."""
        return output[slots_of(len(item[0]), len(output), self.settings.layout)] if self.by_slot else output

    @abstractmethod
    def predict_record(self, record: R, items: Sequence[Item], outputs: Sequence[np.ndarray]) -> Prediction:
        """Return what the outputs of a record's items say of it."""

    @abstractmethod
    def judge(self, records: Sequence[R], predictions: Sequence[Prediction]) -> Judged:
        """Compare predictions with the truth; every record must have it."""

    def tuned(self, records: Sequence[R], predictions: Sequence[Prediction]) -> TaskSettings:
        """Return the settings with what is chosen on the dev records, such as when to give no answer."""
        return self.settings

    @classmethod
    def survey(cls, settings: Any, records: Sequence[R]) -> Any:
        """Return the settings with what must be known of all records of the training file, such as the labels.

        Those that are set aside to be judged are among them.
        """
        return settings

    @classmethod
    @abstractmethod
    def learn(cls, settings: Any, records: Sequence[R]) -> Any:
        """Return the settings with what the training records decide filled in, what `survey` finds included."""

    @classmethod
    def check(cls, settings: Any, record: R) -> None:
        """Raise `BadRow` for a record that can be neither learned nor judged, such as one with an unknown label."""

    @classmethod
    def reports(cls, settings: Any) -> list[str]:
        """Return the names of the metrics that may come of it, by what `learn` has filled in."""
        return [*cls.measures, *cls.further]

    @classmethod
    def notes(cls, settings: Any, records: Sequence[R]) -> list[str]:
        """Return warnings about the training records."""
        return []

    def baseline(self, records: Sequence[R], train: Sequence[R]) -> Mapping[str, float]:
        """Return the metrics of the trivial answer.

        Where only teachers know the labels of training records, the judged ones say what is frequent.
        """
        return self.trivial(records, [record for record in train if is_labelled(record)] or records)

    @abstractmethod
    def trivial(self, records: Sequence[R], train: Sequence[R]) -> Mapping[str, float]:
        """Return the metrics of an answer that needs no model, such as the most frequent label of `train`."""


def classifier(width: int, outputs: int, *, has_bias: bool = True) -> nn.Linear:
    """Return the last map of a head; its weights are drawn by `Objective.initialise`."""
    return nn.Linear(width, outputs, bias=has_bias)
