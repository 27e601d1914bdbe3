"""What it took: parameters, speed, memory, and how much until a given quality was reached."""

from collections.abc import Mapping, Sequence
from statistics import mean, median
from typing import Any

from bothways.compare.results import Result
from bothways.pages.blocks import Block, Paragraph, Pictures, Section, Table
from bothways.pages.figures import Figure, Point, Series
from bothways.pages.numbers import brief
from bothways.report.curves import NAMES, Moment, deciding, moments
from bothways.report.records import Records, Run, by_name

MEMORY = "peak_memory"
"""What a result calls the most bytes that its run held, where it says so."""
NONE = "–"


def cost(records: Records) -> Section | None:
    """Return speed and memory of the compared runs, and what a given quality cost each."""
    blocks: list[Block] = []
    if records.results:
        blocks += [Pictures(_pictures(records)), _sizes(records)]
    blocks += quality(records.runs)
    return Section("Cost", blocks) if blocks else None


def quality(runs: Sequence[Run]) -> list[Block]:
    """Return what each recipe paid until it was as good as the worst one ended."""
    blocks: list[Block] = []
    for key, title in NAMES.items():
        found = {
            name: [moments(run, key) for run in seeds if deciding(run) == key]
            for name, seeds in by_name(runs, "name").items()
        }
        curves = {name: seeds for name, seeds in found.items() if any(seeds) and all(seeds)}
        if len(curves) > 1:
            blocks += _to_reach(curves, title)
    return blocks


def _to_reach(curves: Mapping[str, Sequence[Sequence[Moment]]], title: str) -> list[Block]:
    ends = {name: mean(seed[-1].value for seed in seeds) for name, seeds in curves.items()}
    worst = max(ends, key=lambda name: ends[name])
    rows = []
    for name, seeds in curves.items():
        firsts = [next((each for each in seed if each.value <= ends[worst]), None) for seed in seeds]
        reached = [each for each in firsts if each is not None]
        cells = (
            [NONE, NONE]
            if len(reached) < len(firsts)
            else [
                brief(mean(each.tokens for each in reached)),
                f"{mean(each.minutes for each in reached):.1f}",
            ]
        )
        rows.append([name, *cells, f"{ends[name]:.3f}"])
    intro = f"{title}: what each needed until it first reached {ends[worst]:.3f}, where {worst} ended."
    table = Table(["recipe", "tokens", "minutes", "at the end"], rows)
    return [Paragraph(intro), table]


def _pictures(records: Records) -> list[Figure]:
    """Return speed, and memory where it is known, a row a recipe."""
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
