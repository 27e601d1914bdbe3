"""What it took: parameters, speed, memory, and how much until a given quality was reached."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bothways.compare.quality import Quality, same_quality
from bothways.compare.results import CurvePoint, Result, points_of
from bothways.pages.blocks import Block, Paragraph, Pictures, Section, Table
from bothways.pages.figures import Figure, Point, Series
from bothways.pages.numbers import brief
from bothways.report.curves import NAMES, deciding
from bothways.report.records import Records, by_name

MIB = 2**20


def cost(records: Records) -> Section | None:
    """Return speed and memory of the compared runs, and what a given quality cost each."""
    goals = qualities(records)
    figures = [*_pictures(records), *map(_time, goals)]
    blocks: list[Block] = [Pictures(figures)] if figures else []
    if records.results:
        blocks.append(_sizes(records))
    for goal in goals:
        blocks += [Paragraph(_sentence(goal)), _costs(goal)]
    return Section("Cost", blocks) if blocks else None


@dataclass(frozen=True)
class Logged:
    """What the log of a run says of its course, where no comparison has looked at it."""

    recipe: str
    seed: int
    curve: tuple[CurvePoint, ...]


def qualities(records: Records) -> Sequence[Quality]:
    """Return what a comparison found that a quality costs; of runs without one, the same by their logs."""
    logged = [
        Logged(run.name, run.seed, points_of(run.metrics)) for run in records.runs if deciding(run) in NAMES
    ]
    return records.qualities or same_quality(logged)


def _sentence(quality: Quality) -> str:
    """Say what the table shows."""
    return (
        f"{_named(quality)}: what each needed until it was first as good as the worst one at its end, "
        f"{quality.level:.3f}."
    )


def _costs(quality: Quality) -> Table:
    """Return a row a recipe."""
    rows = [[name, brief(cost.tokens), f"{cost.seconds / 60:.1f}"] for name, cost in quality.costs.items()]
    return Table(["recipe", "tokens", "minutes"], rows)


def _time(quality: Quality) -> Figure:
    """Return the minutes as bars."""
    minutes = {name: cost.seconds / 60 for name, cost in quality.costs.items()}
    return _bars(f"Time to the same quality: {quality.level:.3f}, {_named(quality)}", "minutes", minutes)


def _named(quality: Quality) -> str:
    return NAMES.get(quality.measure, quality.measure.replace("_", " "))


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
        figures.append(_bars("Peak memory", "MiB", {name: each / MIB for name, each in memory.items()}))
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
        rows.append([*row, f"{memory[name] / MIB:,.0f} MiB"] if memory else row)
    caption = "medians over seeds" + ("; memory is the most that any needed" if memory else "")
    return Table([*head, "peak memory"] if memory else head, rows, caption)


def _row(seeds: Sequence[Result]) -> list[str]:
    return [
        f"{seeds[0].parameters:,}",
        f"{median(each.tokens for each in seeds):,.0f}",
        f"{median(each.steps for each in seeds):,.0f}",
        f"{median(each.seconds for each in seeds) / 60:.1f}",
        f"{median(each.tokens_per_second for each in seeds):,.0f}",
    ]


def _memory(records: Records) -> dict[str, int]:
    """Return the largest peak of each recipe in bytes; nothing unless all say it."""
    peaks = {name: [each.memory for each in seeds] for name, seeds in by_name(records.results).items()}
    known = {name: [peak for peak in each if peak is not None] for name, each in peaks.items()}
    return {name: max(each) for name, each in known.items()} if known == peaks else {}
