"""The labels of a task: their order, and whether they can be learned from at all."""

from collections import Counter
from collections.abc import Sequence

from bothways.config import nearest
from bothways.errors import DataError
from bothways.records.reading import BadRow
from bothways.records.types import TaggedRecord, TextRecord

MAJORITY = 0.95
"""A label with a larger share of the rows deserves a warning."""


def labels_of(records: Sequence[TextRecord] | Sequence[TaggedRecord]) -> tuple[str, ...]:
    """Return the distinct labels, sorted as numbers if all are whole numbers, else as text.

    Raises `DataError` if there is only one.
    """
    counts = Counter(label for record in records for label in _labels(record))
    if len(counts) < 2:
        shown = f"have the label {next(iter(counts))!r}" if counts else "are without a label"
        raise DataError(
            f"{_file(records[0].where)}: all {len(records):,} rows {shown}; give rows of at least two labels, or name "
            "another column with columns.label"
        )
    are_numbers = all(label.removeprefix("-").isdecimal() for label in counts)
    return tuple(sorted(counts, key=(lambda label: (int(label), label)) if are_numbers else None))


def check_labels(record: TextRecord | TaggedRecord, labels: Sequence[str]) -> None:
    """Raise `BadRow` for a label that is not learned: not in the training file, where `task.labels` was not set."""
    for label in _labels(record):
        if label not in labels:
            hint = nearest(label, labels).rstrip(".")
            raise BadRow(record.where, "the label is none of task.labels", f"{label!r}, {hint}")


def imbalance(records: Sequence[TextRecord]) -> str | None:
    """Return a warning if one label has nearly all rows, so that guessing it always looks good."""
    counts = Counter(label for record in records for label in _labels(record))
    if not counts:
        return None
    label, count = counts.most_common(1)[0]
    share = count / counts.total()
    if share <= MAJORITY:
        return None
    return (
        f"{share:.1%} of the rows have the label {label!r}: accuracy will say little, look at F1 or Matthews"
    )


def _labels(record: TextRecord | TaggedRecord) -> tuple[str, ...]:
    if isinstance(record, TaggedRecord):
        return record.labels or ()
    return () if record.label is None else (record.label,)


def _file(where: str) -> str:
    return where.rpartition(", ")[0]
