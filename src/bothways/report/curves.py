"""Learning curves: held-out numbers against the tokens that were read, and against time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any, Literal

from bothways.pages.blocks import Paragraph, Pictures, Section
from bothways.pages.figures import Figure, Point, Series
from bothways.report.records import Records, Run, by_name

NAMES = {
    "leave_one_out_nats": "leave one out, nats per token",
    "left_to_right_nats": "left to right, nats per token",
}
"""Held-out numbers while training -> what they are; of a task, its first metric stands for all."""
AXES: dict[Literal["tokens", "minutes"], str] = {"tokens": "tokens read", "minutes": "minutes of training"}


@dataclass(frozen=True)
class Moment:
    """One evaluation while training."""

    tokens: float
    minutes: float
    value: float


def curves(records: Records) -> Section | None:
    """Return two pictures for each held-out number that runs wrote while they trained."""
    figures = [
        _figure(of_key, key, axis)
        for key, of_key in _by_key(records.runs).items()
        for axis in AXES
        if any(len(seeds) for seeds in of_key.values())
    ]
    if not figures:
        return None
    several = any(len(seeds) > 1 for seeds in by_name(records.runs, "name").values())
    note = "Held-out numbers of a small sample, taken while training."
    note += " Lines are means over seeds; bands reach from the lowest to the highest." if several else ""
    return Section("Learning", [Paragraph(note, "note"), Pictures(figures)])


def moments(run: Run, key: str) -> list[Moment]:
    """Return the evaluations of a run that have this number, in order."""
    return [
        Moment(line.get("tokens", line["step"]), line.get("seconds", 0) / 60, line["held_out"][key])
        for line in run.metrics
        if isinstance(_held_out(line).get(key), int | float)
    ]


def deciding(run: Run) -> str | None:
    """Return which held-out number of a run is shown; none where it has none."""
    found = next((_held_out(line) for line in run.metrics if _held_out(line)), {})
    return next((key for key in NAMES if key in found), next(iter(found), None))


def _held_out(line: Mapping[str, Any]) -> Mapping[str, Any]:
    found = line.get("held_out")
    return found if isinstance(found, Mapping) else {}


def _by_key(runs: Sequence[Run]) -> dict[str, dict[str, list[list[Moment]]]]:
    """Return number -> name -> the moments of each seed."""
    found: dict[str, dict[str, list[list[Moment]]]] = {}
    for run in runs:
        if (key := deciding(run)) is not None:
            found.setdefault(key, {}).setdefault(run.name, []).append(moments(run, key))
    return found


def _figure(
    names: Mapping[str, Sequence[Sequence[Moment]]], key: str, axis: Literal["tokens", "minutes"]
) -> Figure:
    title = NAMES.get(key, key.replace("_", " "))
    series = tuple(Series(name, _points(seeds, axis)) for name, seeds in names.items())
    return Figure(
        "lines", f"{title.partition(',')[0].capitalize()}, by {AXES[axis]}", AXES[axis], title, series
    )


def _points(seeds: Sequence[Sequence[Moment]], axis: Literal["tokens", "minutes"]) -> tuple[Point, ...]:
    """Return the mean over seeds at each evaluation that all of them reached."""
    found = []
    for moment in zip(*seeds, strict=False):
        values = [each.value for each in moment]
        band = (min(values), max(values)) if len(seeds) > 1 else (None, None)
        found.append(Point(mean(getattr(each, axis) for each in moment), mean(values), *band))
    return tuple(found)
