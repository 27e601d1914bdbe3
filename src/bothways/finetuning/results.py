"""What is known of a model on a task: one JSON object a line, from which every table is made."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter

from bothways.evaluate.result_lines import read_lines, write_lines

RESULTS = "results.jsonl"


@dataclass(frozen=True)
class TaskResult:
    """One model on one part of one task."""

    model: str
    """What the model is called: its recipe, or its folder's name."""
    digest: str
    """Of everything that decides the numbers: the resolved recipe, and the records."""
    task: str
    seed: int
    part: str
    """`dev`, which chose the checkpoint, or `test`."""
    metric: str
    """The deciding one."""
    score: float
    low: float
    high: float
    """A 95% interval over examples, by bootstrap."""
    baseline: float
    """The same metric of the task's trivial answer: see `Task.baseline`."""
    examples: int
    trained_on: int
    """Training records."""
    seconds: float
    """Wall clock of training and judging."""
    metrics: dict[str, float] = field(default_factory=dict)
    """All metrics."""
    run: tuple[tuple[float, ...], ...] = ()
    """What the metric needs to know of each example, for paired tests: see `tasks.Judged.run`."""
    note: str = ""
    """What else to know of the number, such as how a model was asked."""
    notes: tuple[str, ...] = ()
    """What to know of the records: which rows were left out, and how many stand in two parts."""
    kind: str = ""
    """What kind of task: with the metric, it says what computes a score from `run`."""


_RESULT = TypeAdapter(TaskResult)


def read_results(path: Path) -> list[TaskResult]:
    """Return the results of a file; raise `DataError` for a line that is none."""
    return read_lines(path, _RESULT, each="result", again="judge")


def write_results(path: Path, results: Iterable[TaskResult]) -> None:
    """Write all results, atomically."""
    write_lines(path, _RESULT, results)
