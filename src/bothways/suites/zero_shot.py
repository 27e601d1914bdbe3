"""A row that is asked without training: minimal pairs (see `evaluate.minimal_pairs`)."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bothways import files
from bothways.evaluate import MinimalPair, MinimalPairs, minimal_pairs, read_pairs
from bothways.evaluate.minimal_pairs import first_of_each
from bothways.evaluate.sentences import WAYS
from bothways.finetuning.results import TaskResult
from bothways.metrics.bootstrap import affordable, bootstrap
from bothways.metrics.grouped import mean_of_groups
from bothways.suites.contestants import Contestant
from bothways.suites.cost import Cost
from bothways.suites.settings import PairTask
from bothways.trained import load, unigram_of

KIND = "minimal_pairs"
METRIC = "accuracy"
UNIGRAM = "unigram"
GUESSING = 0.5
PARADIGMS = "paradigms.jsonl"
"""In a cell: a line for each paradigm, with what each way of asking came to."""


@dataclass(frozen=True)
class ZeroShot:
    """What is asked in one cell."""

    name: str
    model: Contestant
    task: PairTask
    pairs: str
    """A file of pairs, or a folder of such files."""

    @property
    def files(self) -> dict[str, str]:
        """The parts of its records, and their paths."""
        return {"test": self.pairs}

    def settings(self) -> dict[str, Any]:
        """Return everything else that decides its numbers."""
        return {"task": self.task.model_dump(mode="json")}

    def read(self) -> list[MinimalPair]:
        """Return the pairs that are asked."""
        return first_of_each(read_pairs(Path(self.pairs)), self.task.limit)

    def check(self) -> None:
        """Refuse nothing: whether a model can be asked shows when its words are read."""

    def metrics(self, read: list[MinimalPair] | None = None) -> list[str]:
        """Return the names of all metrics that may come of it: ways of asking, fields and phenomena.

        `read` are its pairs, where they were read.
        """
        pairs = read or self.read()
        groups = {name for pair in pairs for name in (pair.field, pair.phenomenon) if name is not None}
        return [METRIC, UNIGRAM, *WAYS, *sorted(groups)]

    def judge(self, place: Path, *, quiet: bool) -> list[TaskResult]:
        """Ask the model, and write what it came to on each paradigm."""
        began = time.monotonic()
        pairs = self.read()
        subject, tokenizer = load(self.model.folder)
        unigram = unigram_of(self.model.folder, subject.vocabulary)
        found = minimal_pairs(subject, tokenizer, pairs, self.task, unigram)
        lines = (json.dumps(each, ensure_ascii=False) + "\n" for each in by_paradigm(found, pairs))
        files.write_text(place / PARADIGMS, "".join(lines))
        return [self._result(found, pairs, time.monotonic() - began)]

    def cost(self) -> Cost:
        """Ask one pair of each paradigm, and reckon from there."""
        few, pairs = first_of_each(self.read(), 1), self.read()
        subject, tokenizer = load(self.model.folder)
        began = time.monotonic()
        minimal_pairs(subject, tokenizer, few, self.task)
        seconds = (time.monotonic() - began) * len(pairs) / len(few)
        return Cost({"train": 0, "dev": 0, "test": len(pairs)}, 0, seconds)

    def _result(self, found: MinimalPairs, pairs: list[MinimalPair], seconds: float) -> TaskResult:
        """The first way that the model's objective defines gives the score; all of them are metrics."""
        first = next(scores for scores in found.scores if scores.way != UNIGRAM)
        numbers: dict[str, int] = {}
        for pair in pairs:
            numbers.setdefault(pair.paradigm, len(numbers))
        run = (np.array(first.right), np.array([numbers[pair.paradigm] for pair in pairs]))
        interval = bootstrap(mean_of_groups, [run], resamples=affordable(len(pairs)))
        ways = {scores.way: scores.overall.value for scores in found.scores}
        groups = {name: share.value for name, share in (first.fields | first.phenomena).items()}
        answered = f", answered by {found.answered_by}" if found.answered_by else ""
        return TaskResult(
            model=self.model.name,
            digest="",
            task=self.name,
            seed=1,
            part="test",
            metric=METRIC,
            score=interval.value,
            low=interval.low,
            high=interval.high,
            baseline=GUESSING,
            examples=len(pairs),
            trained_on=0,
            seconds=round(seconds, 1),
            metrics={METRIC: first.overall.value, **ways, **groups},
            run=tuple(tuple(column.tolist()) for column in run),
            note=f"{first.title}{answered}",
            kind=KIND,
        )


def by_paradigm(found: MinimalPairs, pairs: Sequence[MinimalPair]) -> Iterator[dict[str, Any]]:
    """Yield what each way of asking came to on each paradigm: the share that is right, and its 95% interval."""
    of_paradigm = {pair.paradigm: pair for pair in reversed(pairs)}
    for name in found.scores[0].paradigms:
        shares = {scores.way: scores.paradigms[name] for scores in found.scores}
        yield {
            "paradigm": name,
            "field": of_paradigm[name].field,
            "phenomenon": of_paradigm[name].phenomenon,
            "pairs": next(iter(shares.values())).count,
            "right": {way: [share.value, share.low, share.high] for way, share in shares.items()},
        }
