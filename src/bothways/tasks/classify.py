"""Classification of texts and pairs of texts (Devlin et al. 2019, section 4.1).

The loss is the mean cross entropy, each text weighted by its label's weight:

    p(label | text) = softmax(classifier(features(state at CLS)))
    loss = - sum over texts of weight[label] · log p(label)
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from bothways.batch import IGNORED
from bothways.config import nearest
from bothways.errors import UsageError
from bothways.metrics.bootstrap import Metric
from bothways.metrics.classification import accuracy, f1, macro_f1, matthews
from bothways.model.dtypes import at_least_float32
from bothways.model.encoder import Encoder
from bothways.records.labels import check_labels, imbalance, labels_of
from bothways.records.types import TextRecord
from bothways.tasks.answer_network import mean_of_probabilities
from bothways.tasks.base import Judged, Prediction
from bothways.tasks.rows import Item, Reader, TaskBatch
from bothways.tasks.sentences import SentenceSettings, SentenceTask, read_texts

Measure = Literal["accuracy", "f1", "f1_accuracy", "macro_f1", "matthews"]
ABOUT_ONE_LABEL: tuple[Measure, ...] = ("f1", "f1_accuracy")


class ClassifySettings(SentenceSettings):
    """Which of several labels a text, or a pair of texts, has."""

    kind: Literal["classify"] = "classify"
    labels: tuple[str, ...] = Field(default=(), strict=False)
    """All labels, in the order of the model's outputs; found in the training records where none are given."""
    balance: bool = False
    """Whether rare labels weigh more: each label as much as any other."""
    weights: tuple[float, ...] = Field(default=(), strict=False)
    """What the loss of each label is multiplied by; follows from the training records with `balance`."""
    metric: Measure = "accuracy"
    """What decides which checkpoint is best. `f1` is that of the label `positive`; `f1_accuracy` is its mean with
    accuracy, which GLUE takes of MRPC and QQP (Wang et al. 2019, section 3)."""
    positive: str | None = None
    """The label that F1 is about; the last one where none is given."""


def f1_accuracy(truth: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Return the mean of F1 and accuracy of yes (1) and no (0), [...] of [..., records]."""
    return (f1(truth, found) + accuracy(truth, found)) / 2


class Classify(SentenceTask[TextRecord]):
    """One label for each text."""

    name = "classify"
    measures: ClassVar[Mapping[str, Metric]] = {
        "accuracy": accuracy,
        "f1": f1,
        "f1_accuracy": f1_accuracy,
        "macro_f1": macro_f1,
        "matthews": matthews,
    }
    teaches = True
    meaning = ("labels",)
    settings: ClassifySettings

    def add_heads(self, encoder: Encoder) -> None:
        """Create what gives a score to each label."""
        self.add_head(encoder, len(self.settings.labels), mean_of_probabilities)
        self.number = {label: number for number, label in enumerate(self.settings.labels)}

    def items(self, record: TextRecord, reader: Reader) -> list[Item]:
        """Lay out a text or a pair."""
        row = read_texts(record, reader, self.settings)
        return [(replace(row, label=None if record.label is None else self.number[record.label]),)]

    def wanted(self, items: Sequence[Item], width: int) -> np.ndarray:
        """Return the number of each row's label, int64 [items]; -100 where it is asked."""
        return np.array([IGNORED if row.label is None else row.label for (row,) in items], dtype=np.int64)

    def outputs(self, hidden: Tensor, batch: TaskBatch) -> Tensor:
        """Return logits [rows, labels]."""
        return self.head_outputs(hidden, batch)

    def loss(self, outputs: Tensor, batch: TaskBatch) -> Tensor:
        """Return the summed, weighted cross entropy."""
        weights = self.settings.weights
        weight = outputs.new_tensor(weights, dtype=torch.float32) if weights else None
        return F.cross_entropy(at_least_float32(outputs), batch.wanted, weight, reduction="sum")

    def predict_record(
        self,
        record: TextRecord,
        items: Sequence[Item],
        outputs: Sequence[np.ndarray],
    ) -> Prediction:
        """Return the most probable label, and the probability of each."""
        probabilities = softmax(outputs[0])
        labels = self.settings.labels
        return {
            "label": labels[int(probabilities.argmax())],
            "probabilities": dict(zip(labels, probabilities.tolist(), strict=True)),
        }

    def judge(self, records: Sequence[TextRecord], predictions: Sequence[Prediction]) -> Judged:
        """Return accuracy, F1 and Matthews' correlation; the settings say which comes first."""
        truth = np.array([self.number[str(record.label)] for record in records])
        found = np.array([self.number[prediction["label"]] for prediction in predictions])
        return judged(truth, found, self.settings)

    @classmethod
    def survey(cls, settings: ClassifySettings, records: Sequence[TextRecord]) -> ClassifySettings:
        """Find the labels."""
        return settings.model_copy(update={"labels": settings.labels or labels_of(records)})

    @classmethod
    def learn(cls, settings: ClassifySettings, records: Sequence[TextRecord]) -> ClassifySettings:
        """Find the labels, and what each weighs; raise `UsageError` for settings that do not go with the labels."""
        settings = cls.survey(settings, records)
        weights = balanced(settings.labels, records) if settings.balance else settings.weights
        settings = settings.model_copy(update={"weights": weights})
        check_settings(settings)
        return settings

    @classmethod
    def check(cls, settings: ClassifySettings, record: TextRecord) -> None:
        """Refuse a label that is not learned."""
        check_labels(record, settings.labels)

    @classmethod
    def reports(cls, settings: ClassifySettings) -> list[str]:
        """Leave out metrics about one label where it is not known which."""
        known = about_one_label(settings)
        return [name for name in cls.measures if name in known or name not in ABOUT_ONE_LABEL]

    @classmethod
    def notes(cls, settings: ClassifySettings, records: Sequence[TextRecord]) -> list[str]:
        """Warn where nearly all records have one label."""
        warning = imbalance(records)
        return [] if warning is None else [warning]

    def trivial(self, records: Sequence[TextRecord], train: Sequence[TextRecord]) -> Mapping[str, float]:
        """Return the metrics of always saying the most frequent label of the training records."""
        truth = np.array([self.number[str(record.label)] for record in records])
        most = self.number[Counter(str(record.label) for record in train).most_common(1)[0][0]]
        return judged(truth, np.full_like(truth, most), self.settings).metrics


def check_settings(settings: ClassifySettings) -> None:
    """Raise `UsageError` where the metric, the positive label or the weights do not go with the labels."""
    labels, weights = settings.labels, settings.weights
    if settings.positive is not None and settings.positive not in labels:
        raise UsageError(
            f"task.positive={settings.positive} is no label; {nearest(settings.positive, labels)}"
        )
    if settings.metric in ABOUT_ONE_LABEL and settings.metric not in about_one_label(settings):
        raise UsageError(
            f"task.metric={settings.metric} is about one label, and there are {len(labels)}; "
            "set task.metric=macro_f1, or name it with task.positive and set task.metric=f1"
        )
    if weights and len(weights) != len(labels):
        raise UsageError(
            f"task.weights holds {len(weights)} numbers, and there are {len(labels)} labels; "
            f"give one for each, in this order: {', '.join(labels)}"
        )


def about_one_label(settings: ClassifySettings) -> tuple[Measure, ...]:
    """Return which metrics about one label can be taken: it is the last of two, or else must be named."""
    if len(settings.labels) == 2:
        return ABOUT_ONE_LABEL
    return ("f1",) if settings.positive is not None else ()


def judged(truth: np.ndarray, found: np.ndarray, settings: ClassifySettings) -> Judged:
    """Compare two vectors of label numbers, int64 [records] each.

    Of a metric about one label, the run says of truth and answers whether they are this label.
    """
    positive = settings.labels.index(settings.positive) if settings.positive else len(settings.labels) - 1
    all_labels, one_label = (truth, found), (truth == positive, found == positive)
    runs = dict.fromkeys(("accuracy", "matthews", "macro_f1"), all_labels)
    runs |= dict.fromkeys(about_one_label(settings), one_label)
    ordered = {settings.metric: runs[settings.metric], **runs}
    metrics = {name: float(Classify.measures[name](*run)) for name, run in ordered.items()}
    return Judged(metrics, Classify.measures[settings.metric], runs[settings.metric])


def balanced(labels: Sequence[str], records: Sequence[TextRecord]) -> tuple[float, ...]:
    """Return a weight for each label so that all weigh the same and the mean record weighs 1."""
    count = Counter(record.label for record in records)
    return tuple(len(records) / (len(labels) * max(1, count[label])) for label in labels)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return probabilities, float64, along the last axis."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)
