"""Records as tables, whatever is written in them: a record that is newer than this page is shown all the same."""

from collections.abc import Mapping, Sequence
from typing import Any

from bothways.pages.blocks import Table
from bothways.pages.numbers import exact

WORDS = {"None": "none", "True": "yes", "False": "no"}
INTERVAL = {"value", "low", "high"}


def table_of(records: Sequence[Mapping[str, Any]], caption: str = "") -> Table:
    """Return a row a record and a column for each name in any of them."""
    head = list(dict.fromkeys(key for record in records for key in record))
    rows = [[cell(record.get(key)) for key in head] for record in records]
    return Table([key.replace("_", " ") for key in head], rows, caption)


def cell(value: Any) -> str:
    """Return a value as a table shows it."""
    if isinstance(value, bool) or value is None:
        return WORDS[str(value)]
    if isinstance(value, int | float):
        return exact(value)
    if isinstance(value, Mapping):
        if set(value) == INTERVAL:
            return f"{cell(value['value'])} [{cell(value['low'])}, {cell(value['high'])}]"
        return ", ".join(f"{key} {cell(each)}" for key, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(cell(each) for each in value)
    return str(value)


def flat(values: Mapping[str, Any], prefix: str = "") -> list[list[str]]:
    """Return name and value of each fact; those inside others are named `outer.inner`."""
    rows: list[list[str]] = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            rows += flat(value, f"{prefix}{key}.")
        elif isinstance(value, list | tuple):
            rows.append([prefix + str(key), ", ".join(map(str, value)) or "none"])
        else:
            rows.append([prefix + str(key), WORDS.get(str(value), str(value))])
    return rows
