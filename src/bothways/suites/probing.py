"""A row of blanks to fill, asked without training (see `evaluate.probes`).

The score is the mean probability of the answers, each as a whole: it is defined for every probe and compares across
tokenizers, which the share of answers in the first place, of one token each, is not and does not.
"""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bothways.evaluate import Probe, Probed, ask_probes, read_probes
from bothways.finetuning.results import TaskResult
from bothways.metrics.bootstrap import Metric, bootstrap, mean
from bothways.suites.contestants import Contestant
from bothways.suites.cost import Cost
from bothways.trained import load

KIND = "probes"
METRIC = "probability"
MEASURES: Mapping[str, Metric] = {METRIC: mean}
TIMED_PROBES = 8


@dataclass(frozen=True)
class Probing:
    """What is asked in one cell."""

    name: str
    model: Contestant
    probes: str
    """A file of probes."""

    @property
    def files(self) -> dict[str, str]:
        """The parts of its records, and their paths."""
        return {"test": self.probes}

    def settings(self) -> dict[str, Any]:
        """Return everything else that decides its numbers."""
        return {"task": {"kind": KIND}}

    def read(self) -> list[Probe]:
        """Return the probes that are asked."""
        return read_probes(Path(self.probes))

    def check(self) -> None:
        """Refuse nothing: the plan refuses models that see one side of a blank."""

    def metrics(self, read: list[Probe] | None = None) -> list[str]:
        """Return the names of all metrics that may come of it; `read` are its probes, where they were read."""
        groups = dict.fromkeys(probe.group for probe in read or self.read() if probe.group is not None)
        return [METRIC, "first", "among_five", *(f"{METRIC} of {group}" for group in groups)]

    def judge(self, place: Path, *, quiet: bool) -> list[TaskResult]:
        """Ask the model; nothing but the result is worth keeping."""
        began = time.monotonic()
        probes = self.read()
        found = ask_probes(*load(self.model.folder), probes)
        return [self._result(found, probes, time.monotonic() - began)]

    def cost(self) -> Cost:
        """Ask a few probes, and reckon from there."""
        probes = self.read()
        few, model = probes[:TIMED_PROBES], load(self.model.folder)
        began = time.monotonic()
        ask_probes(*model, few)
        seconds = (time.monotonic() - began) * len(probes) / len(few)
        return Cost({"train": 0, "dev": 0, "test": len(probes)}, 0, seconds)

    def _result(self, found: Probed, probes: list[Probe], seconds: float) -> TaskResult:
        probability = np.exp(-np.array(found.nats))
        interval = bootstrap(mean, [(probability,)])
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
            baseline=most_common(probes),
            examples=len(probes),
            trained_on=0,
            seconds=round(seconds, 1),
            metrics={METRIC: interval.value, **_further(found, probes, probability)},
            run=(tuple(probability.tolist()),),
            note=_note(found),
            kind=KIND,
        )


def most_common(probes: list[Probe]) -> float:
    """Return the score of being sure of one and the same answer, the best one, without reading."""
    ((_, count),) = Counter(probe.answer for probe in probes).most_common(1)
    return count / len(probes)


def _further(found: Probed, probes: list[Probe], probability: np.ndarray) -> dict[str, float]:
    """Return how often an answer of one token stands first and among five, and the score of each group."""
    places = {"first": found.total.first, "among_five": found.total.among_five}
    groups = {name: [probe.group == name for probe in probes] for name in found.groups}
    return {
        **{name: share.value for name, share in places.items() if share is not None},
        **{f"{METRIC} of {name}": float(probability[members].mean()) for name, members in groups.items()},
    }


def _note(found: Probed) -> str:
    """Say what else is known, in the units of papers."""
    first = found.total.first
    places = "" if first is None else f", {first} % first of the {first.count:,} that are one token"
    answered = f", answered by {found.answered_by}" if found.answered_by else ""
    return f"{found.total.nats} nats an answer{places}{answered}"
