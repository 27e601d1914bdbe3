"""Facts as a table, whatever is written in them: those that are newer than this page are shown all the same."""

from collections.abc import Mapping
from typing import Any

WORDS = {"None": "none", "True": "yes", "False": "no"}


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
