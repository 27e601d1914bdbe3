"""Several tasks over one encoder (MT-DNN: Liu et al. 2019, section 3): each has a head, a step trains one of them."""

import dataclasses
from typing import Any, Literal

import numpy as np
from pydantic import Field
from torch import nn

from bothways.batch import Batch, Examples, Losses, Memory
from bothways.config import Settings
from bothways.model.encoder import Encoder
from bothways.objectives.base import Objective
from bothways.tasks.base import Task
from bothways.tasks.rows import TaskBatch, TaskExamples
from bothways.vocabulary import Vocabulary


class SeveralSettings(Settings):
    """The tasks that one encoder was trained to, by name."""

    kind: Literal["several"] = "several"
    tasks: dict[str, Any] = Field(default={})
    """Name → the settings of the task."""


class Several(Objective):
    """An objective for each task; a batch says whose it is."""

    name = "several"
    settings: SeveralSettings
    offers = frozenset()

    def __init__(
        self,
        settings: SeveralSettings,
        vocabulary: Vocabulary,
        encoder: Encoder,
        tasks: dict[str, Task[Any]],
        loss_weights: dict[str, float] | None = None,
    ) -> None:
        super().__init__(settings, vocabulary, encoder, {})
        self.tasks = nn.ModuleDict(tasks)
        self.loss_weights = loss_weights or {}

    def add_heads(self, encoder: Encoder) -> None:
        """Create nothing: tasks have heads of their own."""

    def task(self, name: str) -> Task[Any]:
        """Return one of the tasks."""
        return self.tasks[name]  # type: ignore[return-value]  # a ModuleDict knows modules only

    def corrupt(self, examples: Examples, rng: np.random.Generator) -> Batch:
        return self.task(_named(examples)).corrupt(examples, rng)

    def counts(self, batch: Batch) -> dict[str, int]:
        """Return how many items of its task a batch holds, under the task's name."""
        name = _named(batch)
        return {name: sum(self.task(name).counts(batch).values())}

    def weights(self) -> dict[str, float]:
        """Return what each task's mean loss is multiplied by."""
        return {name: self.loss_weights.get(name, 1.0) for name in self.tasks}

    def forward(
        self, encoder: Encoder, batch: Batch, memory: Memory | None = None
    ) -> tuple[Losses, Memory | None]:
        name = _named(batch)
        losses, memory = self.task(name)(encoder, batch, memory)
        (loss,) = losses.values()
        return {name: dataclasses.replace(loss, weight=self.weights()[name])}, memory


def can_be_called(name: str) -> bool:
    """Say whether one of several tasks may have a name: its parameters are found by it beside PyTorch's own names."""
    return not hasattr(nn.ModuleDict(), name)


def _named(part: Examples | Batch) -> str:
    assert isinstance(part, TaskExamples | TaskBatch)
    assert part.task is not None
    return part.task
