"""What a report is made of: the records of one folder or of several, as plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

from bothways.claims.base import Finding
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
class Fill:
    """How a model fills the blanks of a sentence together."""

    text: str
    """With `[?]` at each blank."""
    model: str
    filled: tuple[str, ...]
    """A text for each blank."""
    probability: float | None = None
    """Of all blanks jointly."""


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
    extras: tuple[Mapping[str, Any], ...] = ()
    """The same lines as they are written, with what only newer ones say."""
    verdicts: tuple[tuple[str, str], ...] = ()
    """Questions, each with the sentence that the evidence supports."""
    pairs: tuple[Mapping[str, Any], ...] = ()
    """The differences behind them."""
    fills: tuple[Fill, ...] = ()
    facts: tuple[tuple[str, Mapping[str, Any] | Sequence[Mapping[str, Any]]], ...] = ()
    """What else a comparison wrote down, by name: budget, contamination, environment."""
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
