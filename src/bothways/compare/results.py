"""What is known of each trained contender: one JSON object a line, from which every table is made."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from pydantic import TypeAdapter

from bothways.evaluate.result_lines import read_lines, write_lines
from bothways.evaluate.score import Score
from bothways.training.metrics import read_metrics

RESULTS = "results.jsonl"


@dataclass(frozen=True)
class CurvePoint:
    """What a run had read and taken when it was judged on its way."""

    step: int
    tokens: int
    seconds: float
    measure: str
    """A key of `Measurement`, asked about few tokens."""
    value: float


@dataclass(frozen=True)
class Result:
    """One trained model and its held-out numbers."""

    recipe: str
    seed: int
    digest: str
    """Of everything that decides the numbers: the resolved recipe, and the fingerprint of the text."""
    checkpoint: str
    """The model: its last checkpoint, after the whole budget."""
    parameters: int
    steps: int
    tokens: int
    """Read in training."""
    seconds: float
    """Wall clock of the run, evaluations and checkpoints included."""
    tokens_per_second: float
    """The median of the logged intervals."""
    score: Score
    memory: int | None = None
    """Bytes that training needed at most beyond what the process held before; None where nothing tells, or where it
    was trained before the comparison was interrupted."""
    curve: tuple[CurvePoint, ...] = ()
    """The held-out number on the way, by which the best checkpoint is chosen."""
    device: str = ""
    """What it was trained on."""


_RESULT = TypeAdapter(Result)


def read_results(folder: Path) -> list[Result]:
    """Return the results written in `folder`; raise `DataError` for a line that is none."""
    return read_lines(folder / RESULTS, _RESULT, each="result", again="score")


def write_results(folder: Path, results: Sequence[Result]) -> None:
    """Write all results of a comparison, atomically."""
    write_lines(folder / RESULTS, _RESULT, results)


def speed(run: Path) -> float:
    """Return the median tokens per second of the logged intervals of a run."""
    return median(record["tokens_per_second"] for record in read_metrics(run / "metrics.jsonl"))


def parameters(run: Path) -> int:
    """Return how many numbers the training of a run changed."""
    count: int = _environment(run)["parameters"]
    return count


def device_of(run: Path) -> str:
    """Return what a run was trained on, in words: the GPU or the processor."""
    known = _environment(run)
    gpus = known.get("gpus") or []
    return str(gpus[0] if str(known["device"]).startswith("cuda") and gpus else known.get("processor", "cpu"))


def curve_of(run: Path) -> tuple[CurvePoint, ...]:
    """Return what a run was judged by on its way: the first held-out number of each evaluation."""
    return points_of(read_metrics(run / "metrics.jsonl"))


def points_of(metrics: Sequence[Mapping[str, Any]]) -> tuple[CurvePoint, ...]:
    """Return the same of the lines of a log."""
    points = []
    for record in metrics:
        for measure, value in list(record.get("held_out", {}).items())[:1]:
            if value is not None:
                points.append(CurvePoint(record["step"], record["tokens"], record["seconds"], measure, value))
    return tuple(points)


def _environment(run: Path) -> dict[str, Any]:
    known: dict[str, Any] = json.loads((run / "environment.json").read_text(encoding="utf-8"))
    return known
