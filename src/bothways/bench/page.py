"""The result of a benchmark: a table for the terminal, a dated page, and `latest.json` for programs."""

import datetime
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from bothways import files
from bothways.bench.ceiling import Ceiling
from bothways.bench.measure import Row
from bothways.evaluate.printing import lines_of

LATEST = "latest.json"
NONE = "–"
HEADINGS = ("row", "ours", "peer", "ratio (quartiles)", "target", "of peak", "memory, peer's")
WIDTH = 150
"""Columns of the table."""


@dataclass(frozen=True)
class Report:
    """What was measured, where and when."""

    date: str
    machine: dict[str, Any]
    """What the numbers depend on besides the code, as in a run's `environment.json`."""
    ceiling: Ceiling
    rows: tuple[Row, ...]
    seconds: float
    """How long the benchmark took."""
    written: str | None = None
    """The page, where one was written."""

    def lines(self) -> list[str]:
        """Return the result for a terminal."""
        found = [
            *_facts(self),
            "",
            *lines_of(_table(self.rows), width=WIDTH),
            *_notes(self.rows),
            "",
            _verdict(self.rows),
        ]
        return [*found, f"page: {self.written}"] if self.written else found

    def as_json(self) -> dict[str, Any]:
        """Return the result for `latest.json`."""
        return {
            "date": self.date,
            "machine": self.machine,
            "ceiling": asdict(self.ceiling),
            "seconds": round(self.seconds, 1),
            "rows": [row.as_json() | {"met": row.is_met} for row in self.rows],
        }

    def markdown(self) -> str:
        """Return the result as a page."""
        heading = f"# {self.date}, {_processor(self.machine)}"
        return "\n".join([heading, "", *_as_list(_facts(self)), "", *_markdown_table(self.rows), "",
                          *_as_list(_notes(self.rows)), "", _verdict(self.rows), ""])  # fmt: skip


def write(report: Report, folder: Path) -> Path:
    """Write the dated page and `latest.json` into `folder`; return the page."""
    page = folder / f"{report.date}-{_slug(_processor(report.machine))}.md"
    files.write_text(page, report.markdown())
    files.write_json(folder / LATEST, report.as_json())
    return page


def read(path: Path) -> Report:
    """Return the report of a `latest.json`."""
    values = json.loads(path.read_text(encoding="utf-8"))
    ceiling = values["ceiling"]
    shapes = {name: tuple(shape) for name, shape in ceiling["shapes"].items()}
    rows = tuple(_row(row) for row in values["rows"])
    return Report(
        values["date"], values["machine"], Ceiling(**ceiling | {"shapes": shapes}), rows, values["seconds"]
    )


def today() -> str:
    """Return today's date, as pages are named after it."""
    return datetime.date.today().isoformat()


def row_line(row: Row) -> str:
    """Return a row in one line, while the others are still being measured."""
    ours, peer, ratio, target, *_ = _cells(row)
    return f"{row.name}: {ours}, peer {peer}, ratio {ratio}, target {target}"


def _row(values: dict[str, Any]) -> Row:
    spread = values["spread"]
    kept = {name: value for name, value in values.items() if name != "met"}
    return Row(**kept | {"spread": None if spread is None else (spread[0], spread[1])})


def _facts(report: Report) -> list[str]:
    machine, ceiling = report.machine, report.ceiling
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items() if version)
    peaks = ", ".join(f"{name} {speed / 1e9:,.0f} GFLOP/s" for name, speed in ceiling.products.items())
    return [
        f"{_processor(machine)}, {machine['threads']} threads, {machine['precision']}",
        f"python {machine['python']}, {packages}, commit {machine['commit'] or 'unknown'}",
        f"the machine's own ceiling: {peaks}, copies {ceiling.copied / 1e9:,.1f} GB/s",
        f"{machine['effort']}: {report.seconds / 60:.1f} minutes; load before it began {machine['load']}",
    ]


def _processor(machine: dict[str, Any]) -> str:
    gpus = machine["gpus"] if machine["device"] != "cpu" else []
    return str(gpus[0] if gpus else machine["processor"])


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _table(rows: tuple[Row, ...]) -> Table:
    table = Table()
    for number, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        table.add_row(row.name, *_cells(row))
    return table


def _markdown_table(rows: tuple[Row, ...]) -> list[str]:
    lines = [f"| {' | '.join(HEADINGS)} |", f"|---|{'---:|' * (len(HEADINGS) - 1)}"]
    return lines + [f"| {' | '.join((row.name, *_cells(row)))} |" for row in rows]


def _cells(row: Row) -> tuple[str, ...]:
    """Return what stands behind a row's name."""
    return (
        f"{_number(row.ours)} {row.unit}",
        _number(row.peer),
        _ratio(row),
        _target(row),
        NONE if row.share is None else f"{row.share:.0%}",
        NONE if row.memory is None else f"{_mebibytes(row.memory)}, {_mebibytes(row.peer_memory)} MiB",
    )


def _ratio(row: Row) -> str:
    if row.ratio is None:
        return NONE
    spread = "" if row.spread is None else " ({:.2f}–{:.2f})".format(*row.spread)
    return f"{row.ratio:.2f}{spread}" if row.ratio >= 0.1 else f"{row.ratio:.4f}"


def _target(row: Row) -> str:
    if row.target is None:
        return NONE
    met = {True: "met", False: "missed", None: "not measured"}[row.is_met]
    return f"{'≤' if row.at_most else '≥'} {row.target:g} {met}"


def _number(value: float | None) -> str:
    if value is None:
        return NONE
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _mebibytes(size: int | None) -> str:
    return NONE if size is None else f"{size / 2**20:,.0f}"


def _notes(rows: tuple[Row, ...]) -> list[str]:
    return [f"{row.name}: {row.note}" for row in rows if row.note]


def _verdict(rows: tuple[Row, ...]) -> str:
    met = [row.is_met for row in rows if row.target is not None]
    return f"{met.count(True)} of {len(met)} targets met"


def _as_list(lines: list[str]) -> Iterator[str]:
    return (f"- {line}" for line in lines)
