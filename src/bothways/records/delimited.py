"""Rows of cells between commas or tabs, and whether the first of them is a header.

In .csv a cell may be quoted (RFC 4180), hold the delimiter and go on over several lines. In .tsv and .txt a quote is
a character like any other: so MRPC, STS-B, SST-2 and CoLA are published, and read as CSV they lose rows silently.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence

from bothways.errors import DataError
from bothways.records.cells import number_in
from bothways.records.names import KNOWN
from bothways.records.reading import BadRow, Reading

_DELIMITERS = ",;\t|"
_SAMPLE_ROWS = 200
_CELL_CHARACTERS = 2**30

NumberedCells = tuple[int, list[str]]
"""The line on which a row begins, from 1, and its cells."""


def tab_rows(text: str) -> Iterator[NumberedCells]:
    """Yield the cells between tabs of every line that is not blank."""
    # Not splitlines(): it would also cut at the separators of Unicode, which stand within sentences.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, line.split("\t")


def csv_rows(text: str, reading: Reading) -> Iterator[NumberedCells]:
    """Yield the cells of every row of CSV; a quote that is never closed raises `DataError`."""
    csv.field_size_limit(_CELL_CHARACTERS)  # Python's own limit, 131,072, is less than a long document
    rows = csv.reader(io.StringIO(text, newline="\n"), delimiter=delimiter_of(text), strict=True)
    while True:
        number = rows.line_num + 1
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            if str(error) == "unexpected end of data":
                raise DataError(
                    f"{reading.at(number)}: a quote opens here and is never closed; double the quotes within "
                    "cells, or save the file as .tsv, where quotes are text"
                ) from None
            reading.reject(BadRow(reading.at(number), "the row is not valid CSV", str(error)))
            continue
        if any(cell.strip() for cell in cells):
            yield number, cells


def delimiter_of(text: str) -> str:
    """Return which of , ; tab | cuts the first rows into most evenly many cells; a comma if none cuts the first."""
    # csv takes a lone carriage return for the end of a row and refuses what follows it.
    sample = "\n".join(text.split("\n", _SAMPLE_ROWS)[:_SAMPLE_ROWS]).replace("\r", " ")
    evenness = {delimiter: _evenness(sample, delimiter) for delimiter in _DELIMITERS}
    return max(evenness, key=lambda delimiter: evenness[delimiter])


def _evenness(sample: str, delimiter: str) -> int:
    """How many rows have as many cells as the first; 0 if that has one cell only."""
    rows = csv.reader(io.StringIO(sample, newline="\n"), delimiter=delimiter)
    widths = [len(row) for row in rows if row]
    return Counter(widths)[widths[0]] if widths and widths[0] > 1 else 0


def has_header(rows: Sequence[Sequence[str]], wanted: frozenset[str] = frozenset()) -> bool:
    """Whether the first row holds names: one that is wanted, one that is known, or a word above numbers alone.

    A cell that occurs again below it is a value, not a name, unless it is wanted or two of them are known: a text may
    well be "text". A row that is the first one again, as where files were joined, says nothing.
    """
    first = [cell.strip() for cell in rows[0]]
    known = sum(cell.lower() in KNOWN for cell in first)
    if not wanted.isdisjoint(first) or known > 1:
        return True
    others = [row for row in rows[1:_SAMPLE_ROWS] if row != rows[0]]
    below = [[row[column].strip() for row in others if column < len(row)] for column in range(len(first))]
    if any(name and name in cells for name, cells in zip(first, below, strict=True)):
        return False
    is_above_numbers = (
        number_in(name) is None and _are_numbers(cells)
        for name, cells in zip(first, below, strict=True)
        if name
    )
    return known > 0 or any(is_above_numbers)


def _are_numbers(cells: Sequence[str]) -> bool:
    return len(cells) > 1 and all(number_in(cell) is not None for cell in cells)
