"""What a report is made of: the records of one folder or of several, as plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

from bothways.claims.base import Finding
from bothways.compare.budget import Budget
from bothways.compare.contamination import Contamination
from bothways.compare.pairs import Pair
from bothways.compare.quality import Quality
from bothways.compare.record import Fill
from bothways.compare.results import Result
from bothways.finetuning.results import TaskResult


@dataclass(frozen=True)
class Run:
    """What a run folder says of a training."""

    name: str
    seed: int
    metrics: Sequence[Mapping[str, Any]]
    """The lines of `metrics.jsonl`."""
    settings: str
    """The text of `recipe.yaml`."""
    environment: Mapping[str, Any]
    """Versions, hardware and what was chosen, of `environment.json`; empty where it is missing."""


@dataclass(frozen=True)
class Told:
    """A claim and what measuring it came to: a line of `findings.jsonl`."""

    claim: str
    sentence: str
    experiment: str
    source: str
    finding: Finding


@dataclass(frozen=True)
class Records:
    """All that a report reads; what there is nothing of is empty."""

    folders: tuple[str, ...] = ()
    """Where the records lay, as they were given."""
    results: tuple[Result, ...] = ()
    """Of a comparison: pretrained models and their held-out numbers."""
    verdicts: tuple[tuple[str, str], ...] = ()
    """Questions, each with the sentence that the evidence supports."""
    pairs: tuple[Pair, ...] = ()
    """The differences behind them."""
    qualities: tuple[Quality, ...] = ()
    """What it cost each recipe to become as good as the worst one."""
    contamination: tuple[Contamination, ...] = ()
    """How much of each task's test the models had read in training."""
    notes: tuple[str, ...] = ()
    """What else a comparison says must be known."""
    fills: tuple[Fill, ...] = ()
    budgets: tuple[Budget, ...] = ()
    """Of each run of a comparison."""
    environments: tuple[Mapping[str, Any], ...] = ()
    """Versions and hardware that comparisons judged with."""
    tasks: tuple[TaskResult, ...] = ()
    """Of an evaluation, or of fine-tuned runs."""
    claims: tuple[Told, ...] = ()
    runs: tuple[Run, ...] = ()
    """Whose learning is shown."""
    cells: tuple[Run, ...] = ()
    """Fine-tunings of an evaluation, whose settings are shown."""

    def __add__(self, other: Self) -> "Records":
        return Records(
            **{each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(self)}
        )

    def names(self) -> list[str]:
        """Return the models that the records are about, in their order."""
        found = [
            *(result.recipe for result in self.results),
            *(result.model for result in self.tasks),
            *(run.name for run in self.runs),
        ]
        return list(dict.fromkeys(found))


def by_name(results: Sequence[Any], name: str = "recipe") -> dict[str, list[Any]]:
    """Return results grouped by whom they are about, in their order: seeds of a recipe together."""
    found: dict[str, list[Any]] = {}
    for result in results:
        found.setdefault(getattr(result, name), []).append(result)
    return found
