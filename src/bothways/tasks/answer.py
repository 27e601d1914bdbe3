"""Answers to questions as spans of a passage, or that it holds none (Devlin et al. 2019, sections 4.2 and 4.3).

    p(start) = softmax over allowed slots of (first output),   p(end) = softmax of (second output)
    loss = - sum over rows of (log p(start) + log p(end)) / 2

Allowed are the slots of the passage and that of CLS, which says that there is no answer; a window of the passage that
does not hold the answer says so, too. The released code divides by all slots, padding and question among them, though
no answer is ever looked for there: a row's loss would depend on how far its batch is padded.

An answer is the best span s over all windows, or none where the doubt

    score(no answer) - score(s),   score = first output + second output,   no answer: the least of all windows

lies above a threshold, which is chosen on the dev records as SQuAD 2.0's official script chooses its best one.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from bothways.batch import IGNORED
from bothways.metrics.answers import answer_scores
from bothways.metrics.bootstrap import Metric, mean
from bothways.metrics.no_answer import best_threshold
from bothways.model.dtypes import at_least_float32
from bothways.model.encoder import Encoder
from bothways.records.reading import BadRow
from bothways.records.types import QuestionRecord
from bothways.tasks.base import Judged, Prediction, Task, TaskSettings, classifier
from bothways.tasks.passages import (
    Passage,
    Stretch,
    best_span,
    cut_out,
    lay_out_passage,
    part_of_passage,
    read_passage,
    tokens_of,
)
from bothways.tasks.rows import Item, Reader, TaskBatch, TaskExamples, all_slots, room, slots_of

Remark = Literal["wide", "lost", "question"]

_REMARKS: dict[Remark, str] = {
    "wide": "{count:,} answers begin or end inside a token: slightly more is learned",
    "lost": "{count:,} answers fit no row and are learned as if there were none; set a longer task.length",
    "question": "{count:,} questions were cut to the longest that is read (task.question_length)",
}


class AnswerSettings(TaskSettings):
    """Which span of a passage answers a question."""

    kind: Literal["answer"] = "answer"
    length: int = Field(default=384, ge=16)
    """The longest row, in tokens with the special ones; 384 is BERT's."""
    stride: int | None = Field(default=None, ge=1)
    """How many tokens after one window of a long passage the next begins; absent: 128, or half of a shorter window."""
    question_length: int = Field(default=64, ge=1)
    """The longest question, in tokens; at most half of a row."""
    answer_length: int = Field(default=30, ge=1)
    """The longest answer that is given, in tokens."""
    no_answer: bool | None = None
    """Whether there may be no answer (SQuAD 2.0); seen from the training records."""
    threshold: float = 0.0
    """The most doubt at which an answer is given; chosen on the dev records."""


@dataclass(frozen=True)
class Asked:
    """What a row must remember."""

    stretch: Stretch
    no_answer: int
    """The slot that says that there is none."""
    remarks: tuple[Remark, ...]
    """What was lost of the record; said once, with its first row."""


class Answer(Task[QuestionRecord]):
    """One span of a passage for each question."""

    name = "answer"
    settings: AnswerSettings
    measures: ClassVar[Mapping[str, Metric]] = {"f1": mean}
    further = ("exact", "f1_answerable", "right_no_answer")
    by_slot = True

    def add_heads(self, encoder: Encoder) -> None:
        """Create the map from a token's state to its scores as start and as end."""
        self.features = encoder.features.token()
        self.classifier = classifier(encoder.settings.width, 2)

    def items(self, record: QuestionRecord, reader: Reader) -> list[Item]:
        """Lay out a question with each window of its passage."""
        passage, whole = read_passage(record.passage, reader), reader.encode(record.question).ids
        question = whole[: min(self.settings.question_length, room(reader, is_pair=True) // 2)]
        rows = lay_out_passage(question, passage, reader, self.settings.stride)
        gold = tokens_of(record.answers[0], passage) if record.answers else None
        found = [_slots(gold, stretch) for _, stretch in rows]
        remarks: list[Remark] = ["question"] * (len(question) < len(whole))
        if record.answers:
            remarks += ["lost"] * (found.count(None) == len(found))
            remarks += ["wide"] * (gold is not None and _is_wide(record, passage, gold))
        items: list[Item] = []
        for number, ((row, stretch), slots) in enumerate(zip(rows, found, strict=True)):
            none = self._no_answer(len(row))
            note = Asked(stretch, none, tuple(remarks) if number == 0 else ())
            items.append((replace(row, label=slots or (none, none), note=note),))
        return items

    def _no_answer(self, length: int) -> int:
        """Return the slot that says there is none: CLS, or the last one for models that read from the left."""
        is_last = self.settings.layout == "cls_last" or self.settings.is_causal
        return length - 1 if is_last else 0

    def remarks(self, items: Sequence[Item]) -> list[str]:
        """Say how many answers and questions are not learned as they were written."""
        counts = Counter(remark for (row,) in items for remark in row.note.remarks)
        return [line.format(count=counts[remark]) for remark, line in _REMARKS.items() if counts[remark]]

    def wanted(self, items: Sequence[Item], width: int) -> np.ndarray:
        """Return the slots where each row's answer starts and ends, and that of no answer, int64 [items, 3]."""
        offsets = [slots_of(len(row), width, self.settings.layout).start for (row,) in items]
        slots = [(*row.label, row.note.no_answer) for (row,) in items]
        return np.array(slots, dtype=np.int64) + np.array(offsets, dtype=np.int64)[:, None]

    def asked(self, examples: TaskExamples) -> np.ndarray:
        """Return all slots."""
        return all_slots(examples)

    def outputs(self, hidden: Tensor, batch: TaskBatch) -> Tensor:
        """Return logits [rows, slots, 2]: of a start, of an end."""
        return self.classifier(self.drop(self.features(hidden)))

    def loss(self, outputs: Tensor, batch: TaskBatch) -> Tensor:
        """Return the summed cross entropy of starts and ends over the allowed slots, halved."""
        wanted = batch.wanted
        allowed = (batch.parts == part_of_passage(self.settings.layout)).scatter(1, wanted[:, 2:], True)
        logits = at_least_float32(outputs).masked_fill(~allowed[:, :, None], float("-inf"))
        return F.cross_entropy(logits, wanted[:, :2], ignore_index=IGNORED, reduction="sum") / 2

    def predict_record(
        self, record: QuestionRecord, items: Sequence[Item], outputs: Sequence[np.ndarray]
    ) -> Prediction:
        """Return the answer, empty for none, and where it starts; where there may be none, also the best span."""
        pairs = [(row.note, logits) for (row,), logits in zip(items, outputs, strict=True)]
        spans = (
            best_span(record.passage, logits, asked.stretch, self.settings.answer_length)
            for asked, logits in pairs
        )
        best = max(spans, key=lambda span: span.score)
        if not self.settings.no_answer:
            return {"answer": best.text, "start": best.start, "score": best.score}
        none = min(float(logits[asked.no_answer].sum()) for asked, logits in pairs)
        said = {"score": best.score, "no_answer_score": none, "span": best.text}
        answer = self._answer(said)
        return {"answer": answer, "start": best.start if answer else None, **said}

    def _answer(self, said: Prediction) -> str:
        """Return what is answered: nothing where the doubt is above the threshold."""
        if not self.settings.no_answer:
            return str(said["answer"])
        return "" if _doubt(said) > self.settings.threshold else str(said["span"])

    def tuned(self, records: Sequence[QuestionRecord], predictions: Sequence[Prediction]) -> AnswerSettings:
        """Choose the threshold with the best F1, as SQuAD 2.0's official script does."""
        if not self.settings.no_answer:
            return self.settings
        scores = answer_scores([said["span"] for said in predictions], _golds(records)).f1
        doubts = np.array([_doubt(said) for said in predictions])
        threshold = best_threshold(scores, doubts, _unanswerable(records)).value
        return self.settings.model_copy(update={"threshold": threshold})

    def judge(self, records: Sequence[QuestionRecord], predictions: Sequence[Prediction]) -> Judged:
        """Return F1 and exact match, and of questions with and without an answer, at the threshold of now."""
        return judged(records, [self._answer(said) for said in predictions])

    @classmethod
    def learn(cls, settings: AnswerSettings, records: Sequence[QuestionRecord]) -> AnswerSettings:
        """See what a survey does; nothing else is decided."""
        return cls.survey(settings, records)

    @classmethod
    def survey(cls, settings: AnswerSettings, records: Sequence[QuestionRecord]) -> AnswerSettings:
        """See whether there may be no answer."""
        if settings.no_answer is not None:
            return settings
        return settings.model_copy(update={"no_answer": bool(_unanswerable(records).any())})

    @classmethod
    def check(cls, settings: AnswerSettings, record: QuestionRecord) -> None:
        """Refuse a question without an answer where no such question is learned from."""
        if not record.answers and not settings.no_answer:
            raise BadRow(record.where, "it has no answer, and all that is learned has one (task.no_answer)")

    def trivial(
        self, records: Sequence[QuestionRecord], train: Sequence[QuestionRecord]
    ) -> Mapping[str, float]:
        """Return the metrics of never giving an answer, or, where there always is one, the first three words."""
        if self.settings.no_answer:
            return judged(records, [""] * len(records)).metrics
        return judged(records, [" ".join(record.passage.split()[:3]) for record in records]).metrics


def judged(records: Sequence[QuestionRecord], answers: Sequence[str]) -> Judged:
    """Score one answer a question, empty for none."""
    scores, without = answer_scores(answers, _golds(records)), _unanswerable(records)
    metrics = {"f1": float(scores.f1.mean()), "exact": float(scores.exact.mean())}
    if without.any() and not without.all():
        metrics |= {"f1_answerable": float(scores.f1[~without].mean())}
        metrics |= {"right_no_answer": float(scores.exact[without].mean())}
    return Judged(metrics, mean, (scores.f1,))


def _slots(gold: tuple[int, int] | None, stretch: Stretch) -> tuple[int, int] | None:
    """Return the slots of a row where the answer starts and ends, or None where the row does not hold it."""
    if gold is None or gold[0] < stretch.window.start or gold[1] >= stretch.window.stop:
        return None
    shift = stretch.first_slot - stretch.window.start
    return gold[0] + shift, gold[1] + shift


def _is_wide(record: QuestionRecord, passage: Passage, gold: tuple[int, int]) -> bool:
    return cut_out(record.passage, passage, *gold)[0] != record.answers[0].text.strip()


def _doubt(said: Prediction) -> float:
    return float(said["no_answer_score"] - said["score"])


def _golds(records: Sequence[QuestionRecord]) -> list[list[str]]:
    return [[answer.text for answer in record.answers] for record in records]


def _unanswerable(records: Sequence[QuestionRecord]) -> np.ndarray:
    return np.array([not record.answers for record in records], dtype=bool)
