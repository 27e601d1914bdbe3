"""Files of rows and columns, whatever their format, as one table in memory: labelled sets are small."""

import io
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow
import pyarrow.parquet

from bothways.errors import DataError
from bothways.records.contents import bytes_of, text_of
from bothways.records.delimited import csv_rows, has_header, tab_rows
from bothways.records.reading import BadRow, Reading
from bothways.text.readers import extension_of

Column = str | int
"""A column's name, or its number: from 0, or from -1 backwards."""

Header = Literal["auto", "yes", "no"]


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of one row; `number` is the line on which it begins, or its count from 1 where there are no lines."""

    number: int
    names: tuple[str, ...]
    cells: tuple[Any, ...]

    def has(self, column: Column) -> bool:
        """Whether the row is long enough for a numbered column, or has one of that name."""
        if isinstance(column, int):
            return -len(self.cells) <= column < len(self.cells)
        return column in self.names[: len(self.cells)]

    def __getitem__(self, column: Column) -> Any:
        """Return what the row holds in a column that it has."""
        return self.cells[column if isinstance(column, int) else self.names.index(column)]


@dataclass(frozen=True)
class Table:
    """The rows of a file that could be parsed."""

    rows: list[Row]

    @property
    def columns(self) -> list[Column]:
        """The columns in order: names, or numbers where a file has no header."""
        named = dict.fromkeys(name for row in self.rows for name in row.names)
        return list(named) or list(range(max((len(row.cells) for row in self.rows), default=0)))

    @property
    def is_named(self) -> bool:
        """Whether columns have names."""
        return any(row.names for row in self.rows)

    def cells(self, column: Column) -> list[Any]:
        """Return what a column holds in every row that has it."""
        return [row[column] for row in self.rows if row.has(column)]


def read_table(path: Path, reading: Reading, header: Header = "auto", names: Iterable[Column] = ()) -> Table:
    """Read csv, tsv, txt (tabs), jsonl, json or parquet, each also .gz or .zst; any other name is read as txt.

    `names` are the columns that the user named: a first row that holds one of them is a header. Raises `DataError`
    for files that are damaged or not UTF-8; rows that do not parse go to `reading`.
    """
    extension = extension_of(path)
    if extension in _OBJECTS:
        return Table(list(_OBJECTS[extension](path, reading)))
    text = text_of(path)
    found = list(csv_rows(text, reading) if extension == "csv" else tab_rows(text))
    if not found:
        return Table([])
    wanted = frozenset(name for name in names if isinstance(name, str))
    if header == "no" or (header == "auto" and not has_header([cells for _, cells in found], wanted)):
        return Table([Row(number, (), tuple(cells)) for number, cells in found])
    return Table(list(_under_header(found, reading)))


def _under_header(found: list[tuple[int, list[str]]], reading: Reading) -> Iterator[Row]:
    names = tuple(name.strip() for name in found[0][1])
    for number, cells in found[1:]:
        if tuple(cell.strip() for cell in cells) == names:
            reading.reject(BadRow(reading.at(number), "it is a header within the file"))
            continue
        if len(cells) > len(names):
            shown = f"{len(cells)}, {len(names)} in the header"
            reading.reject(BadRow(reading.at(number), "the row has more columns than the header", shown))
            continue
        yield Row(number, names, tuple(cells))


def _jsonl_rows(path: Path, reading: Reading) -> Iterator[Row]:
    yield from _lines_of_json(text_of(path), reading)


def _lines_of_json(text: str, reading: Reading) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line, strict=False)
        except (ValueError, RecursionError) as error:
            reading.reject(BadRow(reading.at(number), "the row is not valid JSON", str(error)))
            continue
        yield from _object_row(number, value, reading)


def _json_rows(path: Path, reading: Reading) -> Iterator[Row]:
    """Read a list of objects; many files of that name are JSON lines, too."""
    text = text_of(path)
    try:
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        yield from _lines_of_json(text, reading)
        return
    for number, item in enumerate(value if isinstance(value, list) else [value], start=1):
        yield from _object_row(number, item, reading)


def _object_row(number: int, value: Any, reading: Reading) -> Iterator[Row]:
    if isinstance(value, dict):
        yield Row(number, tuple(value), tuple(value.values()))
    else:
        reading.reject(BadRow(reading.at(number), "the row is no JSON object"))


def _parquet_rows(path: Path, _: Reading) -> Iterator[Row]:
    try:
        table = pyarrow.parquet.read_table(io.BytesIO(bytes_of(path)))
    except pyarrow.ArrowException as error:
        raise DataError(f"{path} is no Parquet file ({str(error).splitlines()[0]}); write it again") from None
    names = tuple(table.schema.names)
    columns = [column.to_pylist() for column in table.columns]
    for number, cells in enumerate(zip(*columns, strict=True), start=1):
        yield Row(number, names, cells)


_OBJECTS: dict[str, Callable[[Path, Reading], Iterator[Row]]] = {
    "jsonl": _jsonl_rows,
    "json": _json_rows,
    "parquet": _parquet_rows,
}
