"""Multiple choice: which of several answers to a question is right, perhaps by a passage (RACE, ARC).

A question is one item with a row for each choice. About a passage, as the released code of XLNet and RoBERTa lays out
RACE: A is the passage, B the question with the choice after it, or in the place of its first blank (`_`). Without a
passage: A is the question, B the choice. One number a row, and one softmax over a question's rows:

    p(choice | question) = softmax over choices of classifier(features(state at CLS))
    loss = - sum over questions of log p(right choice)

It is MT-DNN's pairwise ranking too: one relevant text among candidates (Liu et al. 2019, section 3.1, equation 5).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from bothways.metrics.bootstrap import Metric
from bothways.metrics.classification import accuracy
from bothways.model.dtypes import at_least_float32
from bothways.model.encoder import Encoder
from bothways.records.types import ChoiceRecord
from bothways.tasks.answer_network import mean_of_numbers
from bothways.tasks.base import Judged, Prediction
from bothways.tasks.classify import softmax
from bothways.tasks.rows import Item, Reader, TaskBatch, lay_out_row, room
from bothways.tasks.sentences import SentenceSettings, SentenceTask, cut, with_memory

OTHER, RIGHT, ABSENT = 0, 1, -1
"""What a choice is: one of the others (or not known), the right one, or none, where a question has fewer."""
BLANK = re.compile("_+")
"""Where a choice stands in its question: as many underscores as there are."""
HOPELESS = -1e4
"""The logit of an absent choice: its probability is exactly 0, and its logarithm still a number, unlike of -inf."""


class ChooseSettings(SentenceSettings):
    """Which of several choices answers a question."""

    kind: Literal["choose"] = "choose"
    choices: int = Field(default=2, ge=2)
    """The most choices of any question; found in the training records. Others may have more."""


class Choose(SentenceTask[ChoiceRecord]):
    """One choice for each question."""

    name = "choose"
    teaches = True
    settings: ChooseSettings
    measures: ClassVar[Mapping[str, Metric]] = {"accuracy": accuracy}

    def add_heads(self, encoder: Encoder) -> None:
        """Create what gives a number to each choice."""
        self.add_head(encoder, 1, mean_of_numbers)

    def items(self, record: ChoiceRecord, reader: Reader) -> list[Item]:
        """Lay out a question with each of its choices; the passage is cut first, then the question's beginning."""
        reader = with_memory(reader, self.settings)
        limit = room(reader, is_pair=True)
        first = reader.encode(record.passage or record.question).ids
        rows = []
        for number, choice in enumerate(record.choices):
            second = filled(record.question, choice) if record.passage else choice
            last = cut(reader.encode(second).ids, limit, "start")
            what = self.settings.cut if record.passage else "start"
            row = lay_out_row(reader, cut(first, limit - len(last), what), last)
            rows.append(replace(row, label=RIGHT if number == record.answer else OTHER))
        return [tuple(rows)]

    def wanted(self, items: Sequence[Item], width: int) -> np.ndarray:
        """Return what each choice is, int64 [items, choices]."""
        wanted = np.full((len(items), max(self.settings.choices, *map(len, items))), ABSENT, dtype=np.int64)
        for number, item in enumerate(items):
            wanted[number, : len(item)] = [row.label for row in item]
        return wanted

    def outputs(self, hidden: Tensor, batch: TaskBatch) -> Tensor:
        """Return logits [items, choices]."""
        logits = at_least_float32(self.head_outputs(hidden, batch)[:, 0])
        absent = logits.new_full(batch.wanted.shape, HOPELESS)
        return absent.masked_scatter(batch.wanted != ABSENT, logits)

    def loss(self, outputs: Tensor, batch: TaskBatch) -> Tensor:
        """Return the summed cross entropy of the right choices."""
        return -outputs.log_softmax(-1).where(batch.wanted == RIGHT, 0.0).sum()

    def soft_targets(
        self, items: Sequence[Item], outputs: Sequence[np.ndarray], temperature: float
    ) -> np.ndarray:
        """Return the probability of each choice that the question has."""
        return super().soft_targets(items, [outputs[0][: len(items[0])]], temperature)

    def soft(self, items: Sequence[Item], width: int) -> np.ndarray | None:
        """Return what teachers said of each choice, [items, choices]; 0 for those that a question does not have."""
        said = [item[0].soft for item in items if item[0].soft is not None]
        most = max(map(len, items))
        return np.stack([np.pad(each, (0, most - len(each))) for each in said]) if said else None

    def soft_loss(self, outputs: Tensor, targets: Tensor, temperature: float) -> Tensor:
        """Return the summed divergence; choices that a question does not have are impossible to both."""
        absent = outputs.shape[-1] - targets.shape[-1]
        return super().soft_loss(outputs, F.pad(targets, (0, absent)), temperature)

    def predict_record(
        self, record: ChoiceRecord, items: Sequence[Item], outputs: Sequence[np.ndarray]
    ) -> Prediction:
        """Return the most probable choice, from 0, and the probability of each."""
        probabilities = softmax(outputs[0][: len(record.choices)])
        return {"choice": int(probabilities.argmax()), "probabilities": probabilities.tolist()}

    def judge(self, records: Sequence[ChoiceRecord], predictions: Sequence[Prediction]) -> Judged:
        """Return accuracy."""
        return judged(truth_of(records), np.array([prediction["choice"] for prediction in predictions]))

    @classmethod
    def learn(cls, settings: ChooseSettings, records: Sequence[ChoiceRecord]) -> ChooseSettings:
        """Find the most choices that a question has."""
        return settings.model_copy(update={"choices": max(len(record.choices) for record in records)})

    def trivial(self, records: Sequence[ChoiceRecord], train: Sequence[ChoiceRecord]) -> Mapping[str, float]:
        """Return the better of always naming the place that is most frequent in training and what chance gives."""
        most = float(np.mean(truth_of(records) == np.bincount(truth_of(train)).argmax()))
        chance = float(np.mean([1 / len(record.choices) for record in records]))
        return {"accuracy": max(most, chance)}


def filled(question: str, choice: str) -> str:
    """Return a question with its choice in its first blank, or, where it has none, after it."""
    blank = BLANK.search(question)
    if blank is None:
        return f"{question} {choice}"
    return question[: blank.start()] + choice + question[blank.end() :]


def truth_of(records: Sequence[ChoiceRecord]) -> np.ndarray:
    """Return the place of each right choice, int64 [records]."""
    return np.array([record.answer for record in records], dtype=np.int64)


def judged(truth: np.ndarray, found: np.ndarray) -> Judged:
    """Compare the places of choices, int64 [records] each."""
    return Judged({"accuracy": float(accuracy(truth, found))}, accuracy, (truth, found))
