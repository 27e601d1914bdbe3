"""`bothways report`: from folders of records to one HTML file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

from bothways import files
from bothways.pages.blocks import Section
from bothways.pages.page import page
from bothways.report.answer import answer
from bothways.report.cost import cost
from bothways.report.curves import curves
from bothways.report.fills import fills
from bothways.report.held_out import held_out
from bothways.report.pairs import every_pair
from bothways.report.reading import read
from bothways.report.records import Records
from bothways.report.reproduce import reproduce
from bothways.report.scores import scores
from bothways.report.told import claims

PAGE = "report.html"
SECTIONS: tuple[Callable[[Records], Section | None], ...] = (
    answer,
    held_out,
    curves,
    scores,
    every_pair,
    cost,
    fills,
    claims,
    reproduce,
)
"""In the order of the page; a section without records is left out."""
MOST_NAMES = 3
"""Models that a title names."""


@dataclass(frozen=True)
class Written:
    """Where a report lies."""

    path: Path

    def lines(self) -> list[str]:
        """Return what a terminal shows."""
        return [f"report: {self.path}"]


def write(folder: Path, out: Path | None = None) -> Path:
    """Write the report of one folder, into it unless `out` names a file; return where it is."""
    return written([folder], out).path


def written(folders: Sequence[Path], out: Path | None = None) -> Written:
    """Write one report of several folders, into the first unless `out` names a file.

    Raises `UsageError` and `DataError` where folders hold no records, or such as cannot be read.
    """
    path = out or folders[0] / PAGE
    files.write_text(path, report(folders))
    return Written(path)


def report(folders: Sequence[Path]) -> str:
    """Return the page of all records in `folders`."""
    return render(reduce(Records.__add__, map(read, folders)))


def render(records: Records) -> str:
    """Return the page of records: the same ones give the same page."""
    return page(title(records), *sections(records), lead=lead(records))


def sections(records: Records) -> list[Section]:
    """Return the sections that there are records for."""
    return [found for section in SECTIONS if (found := section(records)) is not None]


def title(records: Records) -> str:
    """Return the question that the records answer, or what they are about."""
    names = records.names()
    if not names:
        return "What is said of BERT and XLNet, measured"
    if len(names) == 1:
        return f"{names[0]}: how it went"
    if len(names) <= MOST_NAMES:
        return f"{', '.join(names[:-1])} or {names[-1]}?"
    return f"{names[0]}, {names[1]} and {len(names) - 2} others, compared"


def lead(records: Records) -> str:
    """Say in a sentence what was done."""
    if not records.results:
        return ""
    names = {result.recipe for result in records.results}
    seeds = len({result.seed for result in records.results})
    times = "once" if seeds == 1 else f"with {seeds} seeds"
    if len(records.budgets) == 1:
        times += f", {records.budgets[0].in_words()} a run,"
    same = len({result.score.tokens for result in records.results}) == 1
    text = (
        "on the same text, and asked about the same held-out text"
        if same
        else "and asked about held-out text"
    )
    return f"{len(names)} {'recipe' if len(names) == 1 else 'recipes'}, each trained {times} {text}."
