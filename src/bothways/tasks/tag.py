"""A label for each word, such as its part of speech or its place in a name (Devlin et al. 2019, section 5.3).

    p(label | word) = softmax(classifier(features(state at the word's first token)))
    loss = - sum over words of log p(label)

Other tokens of a word are read but not scored; a model that reads from the left has seen a word only at its last token,
so there that one stands for it. Long sentences are read in overlapping windows (`windows.py`), each word scored in one.

Labels of entities are learned and judged in IOB2, whatever the scheme of the file: they are converted here, each time
they are looked at, and records stay as they were read.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from bothways.batch import IGNORED
from bothways.errors import DataError, UsageError
from bothways.metrics.bootstrap import Metric
from bothways.metrics.entities import entity_counts, entity_f1
from bothways.metrics.tag_schemes import to_iob2
from bothways.metrics.word_labels import label_counts, label_f1, word_accuracy
from bothways.model.dtypes import at_least_float32
from bothways.model.encoder import Encoder
from bothways.records.labels import check_labels, labels_of
from bothways.records.reading import BadRow
from bothways.records.schemes import scheme_of
from bothways.records.types import TaggedRecord
from bothways.tasks.base import Judged, Prediction, Task, TaskSettings, classifier
from bothways.tasks.rows import (
    FIRST,
    Item,
    Reader,
    TaskBatch,
    TaskExamples,
    all_slots,
    lay_out_row,
    pad_slots,
    room,
)
from bothways.tasks.windows import judges_of, windows_of
from bothways.tasks.words import word_tokens

Measure = Literal["entity_f1", "accuracy", "macro_f1"]
Labels = Sequence[str]
"""Of the words of one sentence."""


class TagSettings(TaskSettings):
    """Which label each word has."""

    kind: Literal["tag"] = "tag"
    labels: tuple[str, ...] = Field(default=(), strict=False)
    """All labels, in the order of the model's outputs; found in the training records where none are given."""
    entities: bool | None = None
    """Whether labels mark where entities begin and go on (IOB, BIOES, BMES); seen from the training records."""
    metric: Measure | None = None
    """What decides which checkpoint is best; absent: F1 of whole entities, or accuracy where labels mark none."""
    stride: int | None = Field(default=None, ge=1)
    """How many tokens after one window of a long sentence the next begins; absent: half a window."""


@dataclass(frozen=True)
class Judging:
    """Which words a row judges."""

    words: np.ndarray
    """int64 [judged]: their numbers in the record."""
    slots: np.ndarray
    """int64 [judged]: the slots that stand for them."""


def _entity_f1(*columns: np.ndarray) -> np.ndarray:
    """Return F1, [...], of entities right, found and wanted, int [..., sentences] each."""
    return entity_f1(np.stack(columns, axis=-1))


def _label_f1(*columns: np.ndarray) -> np.ndarray:
    """Return macro F1, [...], of the three counts of each label in turn, int [..., sentences] each."""
    counts = np.stack(columns, axis=-1)
    return label_f1(counts.reshape(*counts.shape[:-1], -1, 3))


class Tag(Task[TaggedRecord]):
    """One label for each word."""

    name = "tag"
    teaches = True
    meaning = ("labels", "entities")
    settings: TagSettings
    measures: ClassVar[Mapping[str, Metric]] = {
        "accuracy": word_accuracy,
        "entity_f1": _entity_f1,
        "macro_f1": _label_f1,
    }
    by_slot = True

    def add_heads(self, encoder: Encoder) -> None:
        """Create the map from a token's state to a score for each label."""
        self.features = encoder.features.token()
        self.classifier = classifier(encoder.settings.width, len(self.settings.labels))
        self.number = {label: number for number, label in enumerate(self.settings.labels)}

    def items(self, record: TaggedRecord, reader: Reader) -> list[Item]:
        """Lay out the words of a sentence, as several windows where they do not fit one."""
        pieces = word_tokens(record.words, reader)
        tokens = [token for piece in pieces for token in piece]
        ends = np.cumsum([len(piece) for piece in pieces])
        stands = ends - 1 if self.settings.is_causal else ends - [len(piece) for piece in pieces]
        width = room(reader, is_pair=False)
        windows = windows_of(len(tokens), width, self.settings.stride or -(-width // 2))
        judges = judges_of(windows, len(tokens))[stands]
        labels = self._numbers(record)
        items: list[Item] = []
        for number, window in enumerate(windows):
            row = lay_out_row(reader, tokens[window.start : window.stop])
            words = np.flatnonzero(judges == number)
            slots = stands[words] - window.start + int(np.argmax(row.parts == FIRST))
            wanted = np.full(len(row), IGNORED, dtype=np.int64)
            wanted[slots] = labels[words]
            items.append((replace(row, label=wanted, note=Judging(words, slots)),))
        return items

    def _numbers(self, record: TaggedRecord) -> np.ndarray:
        """Return the number of each word's label, int64 [words]; -100 where it is asked."""
        if record.labels is None:
            return np.full(len(record.words), IGNORED, dtype=np.int64)
        return np.array([self.number[label] for label in gold(record, self.settings)], dtype=np.int64)

    def wanted(self, items: Sequence[Item], width: int) -> np.ndarray:
        """Return the number of the label at each slot that stands for a word, int64 [items, slots]; elsewhere -100."""
        return pad_slots([row.label for (row,) in items], width, self.settings.layout, IGNORED)

    def asked(self, examples: TaskExamples) -> np.ndarray:
        """Return all slots: nearly every one stands for a word."""
        return all_slots(examples)

    def outputs(self, hidden: Tensor, batch: TaskBatch) -> Tensor:
        """Return logits [rows, slots, labels]."""
        return self.classifier(self.drop(self.features(hidden)))

    def loss(self, outputs: Tensor, batch: TaskBatch) -> Tensor:
        """Return the summed cross entropy of the words that each row judges."""
        logits = at_least_float32(outputs).flatten(0, 1)
        return F.cross_entropy(logits, batch.wanted.flatten(), ignore_index=IGNORED, reduction="sum")

    def count(self, batch: TaskBatch) -> int:
        """Return the number of words."""
        if batch.soft is not None:
            return int((batch.soft.sum(dim=-1) > 0).sum())
        return int((batch.wanted != IGNORED).sum())

    def soft_targets(
        self, items: Sequence[Item], outputs: Sequence[np.ndarray], temperature: float
    ) -> np.ndarray:
        """Return the probabilities of each word's labels, [words, labels]: words are the same to all tokenizers."""
        words = sum(len(row.note.words) for (row,) in items)
        said = np.zeros((words, len(self.settings.labels)), dtype=np.float32)
        for (row,), logits in zip(items, outputs, strict=True):
            said[row.note.words] = super().soft_targets([(row,)], [logits[row.note.slots]], temperature)
        return said

    def with_soft_targets(self, items: Sequence[Item], targets: np.ndarray) -> list[Item]:
        """Return each window with the targets of the words that it judges; other slots have none, all zeros."""
        taught: list[Item] = []
        for (row,) in items:
            soft = np.zeros((len(row), targets.shape[1]), dtype=np.float32)
            soft[row.note.slots] = targets[row.note.words]
            taught.append((replace(row, soft=soft),))
        return taught

    def predict_record(
        self, record: TaggedRecord, items: Sequence[Item], outputs: Sequence[np.ndarray]
    ) -> Prediction:
        """Return the most probable label of each word."""
        best = np.zeros(len(record.words), dtype=np.int64)
        for (row,), logits in zip(items, outputs, strict=True):
            best[row.note.words] = logits[row.note.slots].argmax(axis=-1)
        return {"labels": [self.settings.labels[number] for number in best]}

    def judge(self, records: Sequence[TaggedRecord], predictions: Sequence[Prediction]) -> Judged:
        """Return F1 of whole entities, where labels mark them, accuracy and macro F1 of words."""
        truth = [gold(record, self.settings) for record in records]
        return judged(truth, [prediction["labels"] for prediction in predictions], self.settings)

    @classmethod
    def learn(cls, settings: TagSettings, records: Sequence[TaggedRecord]) -> TagSettings:
        """Find what a survey does; how often words have which label decides nothing."""
        return cls.survey(settings, records)

    @classmethod
    def survey(cls, settings: TagSettings, records: Sequence[TaggedRecord]) -> TagSettings:
        """Find the labels, and whether they mark entities; of each type of entity both labels are possible."""
        entities = settings.entities
        if entities is None:
            entities = scheme_of(record.labels or () for record in records) is not None
        metric: Measure = settings.metric or ("entity_f1" if entities else "accuracy")
        if metric == "entity_f1" and not entities:
            raise UsageError(
                "task.metric=entity_f1 is about labels such as B-TYPE and O; set task.metric=accuracy"
            )
        known = settings.model_copy(update={"entities": entities, "metric": metric})
        labels = settings.labels or labels_of([converted(record, known) for record in records])
        if entities and not settings.labels:
            types = sorted({label[2:] for label in labels if label != "O"})
            labels = ("O", *(f"{letter}-{name}" for name in types for letter in "BI"))
        return known.model_copy(update={"labels": labels})

    @classmethod
    def check(cls, settings: TagSettings, record: TaggedRecord) -> None:
        """Refuse labels that are not learned, and such as mark no entities where these are learned."""
        try:
            known = replace(record, labels=tuple(gold(record, settings)))
        except DataError as error:
            raise BadRow(
                record.where, "a label marks no entity, unlike the training records'", str(error)
            ) from None
        check_labels(known, settings.labels)

    def trivial(self, records: Sequence[TaggedRecord], train: Sequence[TaggedRecord]) -> Mapping[str, float]:
        """Return the metrics of the label that each word has most often in training; of all words, where it is new."""
        labels: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for record in train:
            for word, label in zip(record.words, gold(record, self.settings), strict=True):
                labels[word][label] += 1
        most = {word: counts.most_common(1)[0][0] for word, counts in labels.items()}
        usual = sum(labels.values(), Counter[str]()).most_common(1)[0][0]
        truth = [gold(record, self.settings) for record in records]
        found = [[most.get(word, usual) for word in record.words] for record in records]
        return judged(truth, found, self.settings).metrics


def gold(record: TaggedRecord, settings: TagSettings) -> Labels:
    """Return a record's labels as they are learned: those of entities in IOB2; raise `DataError` for other ones."""
    labels = record.labels or ()
    return to_iob2(labels) if settings.entities else labels


def converted(record: TaggedRecord, settings: TagSettings) -> TaggedRecord:
    """Return a record with its labels as they are learned; raise `DataError` with its row for other ones."""
    try:
        return replace(record, labels=tuple(gold(record, settings)))
    except DataError as error:
        raise DataError(f"{record.where}: {error}") from None


def judged(truth: Sequence[Labels], found: Sequence[Labels], settings: TagSettings) -> Judged:
    """Compare the labels of sentences; what is known of each sentence are counts."""
    counts = label_counts(truth, found, settings.labels)
    runs: dict[str, tuple[np.ndarray, ...]] = {
        "accuracy": (counts[..., 0].sum(axis=-1), counts[..., 2].sum(axis=-1)),
        "macro_f1": tuple(counts.reshape(len(counts), -1).T),
    }
    if settings.entities:
        runs["entity_f1"] = tuple(entity_counts(truth, found).T)
    first = settings.metric or "accuracy"
    ordered = {first: runs[first], **runs}
    metrics = {name: float(Tag.measures[name](*run)) for name, run in ordered.items()}
    return Judged(metrics, Tag.measures[first], runs[first])
