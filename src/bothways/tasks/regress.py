"""A number for each text or pair of texts, such as how alike two sentences mean (STS-B).

    loss = sum over texts of (classifier(features(state at CLS)) - number)²

From teachers a text has another number, the mean of theirs, and the loss is the same.

Numbers are learned with mean 0 and deviation 1 of the training records, and given back in their own unit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from bothways.metrics.bootstrap import Metric
from bothways.metrics.correlation import pearson, spearman
from bothways.model.dtypes import at_least_float32
from bothways.model.encoder import Encoder
from bothways.records.types import TextRecord
from bothways.tasks.answer_network import mean_of_numbers
from bothways.tasks.base import Judged, Prediction
from bothways.tasks.rows import Item, Reader, TaskBatch
from bothways.tasks.sentences import SentenceSettings, SentenceTask, read_texts


class RegressSettings(SentenceSettings):
    """A number for each text, or pair of texts."""

    kind: Literal["regress"] = "regress"
    center: float | None = None
    """What is subtracted from the numbers before they are learned: their mean in the training records."""
    unit: float | None = Field(default=None, gt=0)
    """What they are divided by then: their standard deviation there."""


def correlation(truth: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Return the mean of Pearson's and Spearman's correlation, [...] of [..., records]."""
    return (pearson(truth, found) + spearman(truth, found)) / 2


class Regress(SentenceTask[TextRecord]):
    """One number for each text."""

    name = "regress"
    measures: ClassVar[Mapping[str, Metric]] = {
        "correlation": correlation,
        "pearson": pearson,
        "spearman": spearman,
    }
    teaches = True
    meaning = ("center", "unit")
    settings: RegressSettings

    def add_heads(self, encoder: Encoder) -> None:
        """Create what gives a number."""
        self.add_head(encoder, 1, mean_of_numbers)
        self.center, self.unit = self.settings.center or 0.0, self.settings.unit or 1.0

    def items(self, record: TextRecord, reader: Reader) -> list[Item]:
        """Lay out a text or a pair."""
        row = read_texts(record, reader, self.settings)
        number = None if record.label is None else (float(record.label) - self.center) / self.unit
        return [(replace(row, label=number),)]

    def wanted(self, items: Sequence[Item], width: int) -> np.ndarray:
        """Return each row's number in the training records' deviations, float32 [items]; NaN where it is asked."""
        return np.array([np.nan if row.label is None else row.label for (row,) in items], dtype=np.float32)

    def outputs(self, hidden: Tensor, batch: TaskBatch) -> Tensor:
        """Return numbers [rows, 1]."""
        return self.head_outputs(hidden, batch)

    def loss(self, outputs: Tensor, batch: TaskBatch) -> Tensor:
        """Return the summed squared error."""
        return F.mse_loss(at_least_float32(outputs)[:, 0], batch.wanted, reduction="sum")

    def soft_targets(
        self, items: Sequence[Item], outputs: Sequence[np.ndarray], temperature: float
    ) -> np.ndarray:
        """Return the number in its own unit, since teachers may differ in theirs; [1]."""
        (number,) = outputs
        return number * self.unit + self.center

    def with_soft_targets(self, items: Sequence[Item], targets: np.ndarray) -> list[Item]:
        return super().with_soft_targets(items, (targets - self.center) / self.unit)

    def soft_loss(self, outputs: Tensor, targets: Tensor, temperature: float) -> Tensor:
        """Return the summed squared error; a number has no temperature."""
        return F.mse_loss(at_least_float32(outputs), targets, reduction="sum")

    def predict_record(
        self,
        record: TextRecord,
        items: Sequence[Item],
        outputs: Sequence[np.ndarray],
    ) -> Prediction:
        """Return the number."""
        return {"number": float(outputs[0][0]) * self.unit + self.center}

    def judge(self, records: Sequence[TextRecord], predictions: Sequence[Prediction]) -> Judged:
        """Return the mean of both correlations, which GLUE ranks by, and each."""
        truth = np.array([float(str(record.label)) for record in records])
        found = np.array([prediction["number"] for prediction in predictions])
        return judged(truth, found)

    @classmethod
    def learn(cls, settings: RegressSettings, records: Sequence[TextRecord]) -> RegressSettings:
        """Find the mean and the deviation of the numbers, unless they are known."""
        if settings.center is not None and settings.unit is not None:
            return settings
        numbers = np.array([float(str(record.label)) for record in records])
        center = float(numbers.mean()) if settings.center is None else settings.center
        unit = (float(numbers.std()) or 1.0) if settings.unit is None else settings.unit
        return settings.model_copy(update={"center": center, "unit": unit})

    def trivial(self, records: Sequence[TextRecord], train: Sequence[TextRecord]) -> Mapping[str, float]:
        """Return the metrics of always saying the same number: nothing correlates with that."""
        truth = np.array([float(str(record.label)) for record in records])
        return judged(truth, np.full_like(truth, self.center)).metrics


def judged(truth: np.ndarray, found: np.ndarray) -> Judged:
    """Compare two vectors of numbers, float64 [records] each."""
    metrics = {name: float(measure(truth, found)) for name, measure in Regress.measures.items()}
    return Judged(metrics, correlation, (truth, found))
