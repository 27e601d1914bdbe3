"""Texts and pairs of texts with a class, a score or none."""

from bothways.records.cells import number_in, text_in
from bothways.records.columns import Columns
from bothways.records.reading import BadRow, Reading
from bothways.records.table import Column, Row, Table
from bothways.records.types import TextRecord


def read_texts(table: Table, columns: Columns, reading: Reading, labelled: bool = True) -> list[TextRecord]:
    """Return the good rows of a table; one without a text, pair or label, or with a score that is no number, is bad.

    With `labelled` unset a label may be missing; a pair to be embedded needs none unless its column is read.
    """
    return reading.good(table.rows, lambda row: _record(reading.at(row.number), row, columns, labelled))


def _record(where: str, row: Row, columns: Columns, labelled: bool) -> TextRecord:
    text = _needed(where, row, columns.text, "text")
    pair = None if columns.pair is None else _needed(where, row, columns.pair, "pair")
    label = None
    if columns.label is not None and (labelled or row.has(columns.label)):
        label = (
            _needed(where, row, columns.label, "label") if labelled else text_in(row[columns.label]) or None
        )
    if columns.task != "classify" and label is not None and number_in(label) is None:
        raise BadRow(where, "the label is no finite number", repr(label))
    return TextRecord(where, text, pair, label)


def _needed(where: str, row: Row, column: Column, role: str) -> str:
    if not row.has(column):
        raise BadRow(where, f"there is no column {column!r} for the {role}")
    if not (text := text_in(row[column])):
        raise BadRow(where, f"the {role} is empty")
    return text
