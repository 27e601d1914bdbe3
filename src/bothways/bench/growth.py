"""How cost grows: time and memory of a step against the length of rows, and against the size of the model.

All steps of one line read the same number of tokens. Against the length, a cost that is linear in the text therefore
has the exponent 0, and attention of every pair of tokens tends to 1. Exponents are least squares in logarithms.
"""

import contextlib
import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch

from bothways.assembly import num_parameters
from bothways.bench.cases import PROCESSOR_TOKENS, Case, Model, Size
from bothways.bench.effort import Effort
from bothways.bench.measure import Contest, Row, measure
from bothways.bench.ours import build, recipe_of

MODELS: tuple[Model, ...] = ("bert", "xlnet")
SPARE = 0.8
"""Share of the free memory that a point may be expected to need."""


@dataclasses.dataclass(frozen=True)
class Range:
    """Where costs are measured."""

    lengths: tuple[int, ...]
    """Of rows, in a model of `size`; a step reads as many tokens as the longest row has."""
    size: Size
    sizes: tuple[Size, ...]
    """Of models, over the shortest rows."""


WIDE = Range((128, 256, 512, 1024, 2048, 4096, 8192), "mini", ("tiny", "mini", "small", "base"))
NARROW = Range((128, 256, 512, 1024), "mini", ("tiny", "mini", "small"))
TINY = Range((16, 32), "tiny", ("tiny", "mini"))


@dataclasses.dataclass(frozen=True)
class Point:
    """One measured step."""

    x: float
    """Length of rows in tokens, or parameters of the model."""
    tokens: int
    seconds: float
    memory: int | None
    """Bytes, as in a row."""

    def __str__(self) -> str:
        held = "" if self.memory is None else f" and {self.memory / 2**20:,.0f} MiB"
        return f"{self.x:,.0f}: {self.tokens / self.seconds:,.0f} tokens/s{held}"


def growth_rows(words: Sequence[str], effort: Effort, *, quick: bool) -> list[Row]:
    """Return the exponents of time and memory, for a BERT and an XLNet, with `words` as further settings."""
    over = TINY if effort.is_trial else NARROW if quick else WIDE
    rows = []
    for model in MODELS:
        longer = [Case(model, over.size, length, tokens=over.lengths[-1]) for length in over.lengths]
        rows += exponent_rows(f"{model} {over.size}", "L", _while_they_fit(longer, words, effort))
        tokens = over.lengths[-1] if effort.is_trial else PROCESSOR_TOKENS
        larger = [Case(model, size, over.lengths[0], tokens=tokens) for size in over.sizes]
        points = [_point(case, words, effort, by_length=False) for case in larger]
        rows += exponent_rows(f"{model} L={over.lengths[0]}", "parameters", points)
    return rows


def exponent_rows(name: str, variable: str, points: Sequence[Point]) -> list[Row]:
    """Return a row of the exponent of time, and one of that of memory where it was measured."""
    costs = {"time": [point.seconds for point in points]}
    if all(point.memory for point in points):
        costs["memory"] = [float(point.memory or 0) for point in points]
    note = f"at {variable} = " + "; ".join(map(str, points))
    x = [point.x for point in points]
    rows = []
    for cost, values in costs.items():
        rows.append(
            Row(
                f"{name}: {cost} ~ {variable}^p",
                exponent(x, values),
                None,
                "= p",
                None,
                None,
                None,
                note=note,
            )
        )
        note = ""
    return rows


def exponent(x: Iterable[float], y: Iterable[float]) -> float:
    """Return p of the power law y ~ x^p that fits best, by least squares in logarithms."""
    slope, _ = np.polyfit(np.log(list(x)), np.log(list(y)), 1)
    return float(slope)


def _while_they_fit(cases: Sequence[Case], words: Sequence[str], effort: Effort) -> list[Point]:
    """Measure each case until the next, of rows twice as long, might need more memory than is free."""
    points: list[Point] = []
    for case in cases:
        if points and 2 * (points[-1].memory or 0) > SPARE * _free_memory():
            break
        points.append(_point(case, words, effort, by_length=True))
    return points


def _point(case: Case, words: Sequence[str], effort: Effort, *, by_length: bool) -> Point:
    ours = build(recipe_of(case, words), vocabulary=512 if effort.is_trial else case.vocabulary)
    contest = Contest(case.name, 1, "steps/s", ours.side(), None)
    row = measure(contest, effort.repeats, warm_up=1, patience=effort.patience / 5, fewest=1)
    return Point(
        case.length if by_length else num_parameters(ours.model), ours.tokens, 1 / row.ours, row.memory
    )


def _free_memory() -> float:
    """Return the bytes that are free on the GPU or on the host; without limit where the system does not tell."""
    if torch.cuda.is_available():
        return torch.cuda.mem_get_info()[0]
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        line = next(line for line in lines if line.startswith("MemAvailable:"))
        return int(line.split()[1]) * 1024.0
    return float("inf")
