"""What it took: parameters, speed, memory, and how much until a given quality was reached."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, median
from typing import Any

from bothways.compare.results import Result
from bothways.pages.blocks import Block, Paragraph, Pictures, Section, Table
from bothways.pages.figures import Figure, Point, Series
from bothways.pages.numbers import brief
from bothways.report.curves import NAMES, Moment, deciding, moments
from bothways.report.records import Records, Run, by_name

MEMORY = "memory"
"""What a result calls the most bytes that its run held, where it says so."""
NONE = "–"


def cost(records: Records) -> Section | None:
    """Return speed and memory of the compared runs, and what a given quality cost each."""
    goals = list(same_quality(records.runs))
    figures = [*_pictures(records), *(goal.figure() for goal in goals)]
    blocks: list[Block] = [Pictures(figures)] if figures else []
    if records.results:
        blocks.append(_sizes(records))
    for goal in goals:
        blocks += [Paragraph(goal.sentence()), goal.table()]
    return Section("Cost", blocks) if blocks else None


@dataclass(frozen=True)
class Goal:
    """A quality that all recipes reached: where the worst of them ended."""

    title: str
    """Of the held-out number."""
    worst: str
    """The recipe that sets it."""
    ends: Mapping[str, float]
    """Recipe -> its last number, the mean over seeds."""
    reached: Mapping[str, tuple[float, float] | None]
    """Recipe -> tokens and minutes until each seed was first there, means over seeds; none where one never was."""

    @property
    def value(self) -> float:
        return self.ends[self.worst]

    def sentence(self) -> str:
        """Say what the table shows."""
        return f"{self.title}: what each needed until it first reached {self.value:.3f}, where {self.worst} ended."

    def table(self) -> Table:
        """Return a row a recipe."""
        rows = [
            [
                name,
                *([NONE, NONE] if cost is None else [brief(cost[0]), f"{cost[1]:.1f}"]),
                f"{self.ends[name]:.3f}",
            ]
            for name, cost in self.reached.items()
        ]
        return Table(["recipe", "tokens", "minutes", "at the end"], rows)

    def figure(self) -> Figure:
        """Return the minutes as bars."""
        minutes = {name: cost[1] for name, cost in self.reached.items() if cost is not None}
        return _bars(f"Time to the same quality: {self.value:.3f}, {self.title}", "minutes", minutes)


def same_quality(runs: Sequence[Run]) -> Iterator[Goal]:
    """Yield what each recipe paid until it was as good as the worst one ended, for each held-out number."""
    for key, title in NAMES.items():
        found = {
            name: [moments(run, key) for run in seeds if deciding(run) == key]
            for name, seeds in by_name(runs, "name").items()
        }
        curves = {name: seeds for name, seeds in found.items() if any(seeds) and all(seeds)}
        if len(curves) > 1:
            yield _goal(curves, title)


def _goal(curves: Mapping[str, Sequence[Sequence[Moment]]], title: str) -> Goal:
    ends = {name: mean(seed[-1].value for seed in seeds) for name, seeds in curves.items()}
    worst = max(ends, key=lambda name: ends[name])
    return Goal(title, worst, ends, {name: _reach(seeds, ends[worst]) for name, seeds in curves.items()})


def _reach(seeds: Sequence[Sequence[Moment]], value: float) -> tuple[float, float] | None:
    """Return the mean tokens and minutes until each seed was first as good as `value`; none where one never was."""
    firsts = [next((each for each in seed if each.value <= value), None) for seed in seeds]
    reached = [each for each in firsts if each is not None]
    if len(reached) < len(firsts):
        return None
    return mean(each.tokens for each in reached), mean(each.minutes for each in reached)


def _pictures(records: Records) -> list[Figure]:
    """Return speed, and memory where it is known, a row a recipe."""
    if not records.results:
        return []
    speeds = {
        name: [each.tokens_per_second for each in seeds] for name, seeds in by_name(records.results).items()
    }
    figures = [
        _bars("Speed", "tokens/s while training", {name: median(each) for name, each in speeds.items()})
    ]
    if memory := _memory(records):
        figures.append(_bars("Peak memory", "MiB", {name: each / 2**20 for name, each in memory.items()}))
    return figures


def _bars(title: str, unit: str, values: Mapping[str, float]) -> Figure:
    points = tuple(Point(name, value) for name, value in values.items())
    return Figure("bars", title, "recipe", unit, (Series("", points),))


def _sizes(records: Records) -> Table:
    memory = _memory(records)
    head = ["recipe", "parameters", "tokens read", "steps", "minutes", "tokens/s"]
    rows = []
    for name, seeds in by_name(records.results).items():
        row = [name, *_row(seeds)]
        rows.append([*row, f"{memory[name] / 2**20:,.0f} MiB"] if memory else row)
    return Table([*head, "peak memory"] if memory else head, rows, "medians over seeds")


def _row(seeds: Sequence[Result]) -> list[str]:
    return [
        f"{seeds[0].parameters:,}",
        f"{median(each.tokens for each in seeds):,.0f}",
        f"{median(each.steps for each in seeds):,.0f}",
        f"{median(each.seconds for each in seeds) / 60:.1f}",
        f"{median(each.tokens_per_second for each in seeds):,.0f}",
    ]


def _memory(records: Records) -> dict[str, float]:
    """Return the largest peak of each recipe in bytes; nothing unless all say it."""
    peaks: dict[str, list[Any]] = {}
    for line in records.extras:
        peaks.setdefault(line["recipe"], []).append(line.get(MEMORY))
    known = all(isinstance(peak, int | float) for each in peaks.values() for peak in each)
    return {name: max(each) for name, each in peaks.items()} if known else {}
