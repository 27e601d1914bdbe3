"""What was met while reading labelled files: bad rows are left out and counted by reason, or stop the reading."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from bothways.errors import DataError
from bothways.records.schemes import Scheme
from bothways.records.types import R

T = TypeVar("T")


class BadRow(Exception):
    """One row that cannot be used: where it is, why, and what stands there."""

    def __init__(self, where: str, reason: str, shown: str = "") -> None:
        super().__init__(where, reason, shown)
        self.where, self.reason, self.shown = where, reason, shown


@dataclass
class Rejected:
    """Rows with one and the same problem."""

    first: str
    """Where the first of them is, and what it says: "train.csv, row 17"."""
    count: int = 0


@dataclass
class Reading:
    """Counts over one file or folder; with `strict` the first bad row is an error."""

    file: str
    """As the user named it."""
    strict: bool = False
    records: int = 0
    bad: dict[str, Rejected] = field(default_factory=dict)
    """By reason, in the order in which they were met."""
    notes: list[str] = field(default_factory=list)
    """What else should be seen: which columns are read, how labels are written, warnings."""
    scheme: Scheme | None = None
    """How the labels of words mark entities, if they do."""

    def at(self, number: int) -> str:
        """Return how a row is named in messages."""
        return f"{self.file}, row {number}"

    def good(self, items: Iterable[T], record_of: Callable[[T], R]) -> list[R]:
        """Return the records of all items but those that are bad rows; raise `DataError` if there is none."""
        return self.close(list(self._good(items, record_of)))

    def _good(self, items: Iterable[T], record_of: Callable[[T], R]) -> Iterator[R]:
        for item in items:
            try:
                record = record_of(item)
            except BadRow as bad:
                self.reject(bad)
                continue
            yield record

    def reject(self, bad: BadRow) -> None:
        """Count a bad row under its reason, of which the first is shown; raise `DataError` if `strict`."""
        shown = f" ({bad.shown})" if bad.shown else ""
        if self.strict:
            advice = "correct the row, or leave out --strict, which skips and counts such rows"
            raise DataError(f"{bad.where}: {bad.reason}{shown}; {advice}")
        self.bad.setdefault(bad.reason, Rejected(bad.where + shown)).count += 1

    def close(self, records: Sequence[R]) -> list[R]:
        """Note the number of records, and return them; raise `DataError` if there is none."""
        self.records = len(records)
        if records:
            return list(records)
        if not self.bad:
            raise DataError(f"{self.file} holds no rows; give a file with at least one example")
        reason, rows = max(self.bad.items(), key=lambda item: item[1].count)
        rejected = sum(each.count for each in self.bad.values())
        raise DataError(
            f"{self.file}: all of its rows are bad ({rejected:,}), mostly because {reason}; "
            f"see {rows.first}, or name the columns (columns.text, columns.pair, columns.label)"
        )

    def lines(self) -> list[str]:
        """Return one sentence for the size, for each note and for each reason."""
        return [f"{self.file}: {self.records:,} records", *self.notes, *self.left_out()]

    def left_out(self) -> list[str]:
        """Return one sentence for each reason why rows were left out."""
        return [
            f"left out because {reason}: {rows.count:,}, first in {rows.first}"
            for reason, rows in self.bad.items()
        ]
