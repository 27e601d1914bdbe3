"""Tables as plain lines, the same on a terminal, in a file and in a test."""

from io import StringIO

from rich.console import Console
from rich.table import Table

WIDTH = 120
"""Columns; wide enough for the unigram and three models side by side."""


def lines_of(*tables: Table, width: int = WIDTH) -> list[str]:
    """Return the lines of `tables` without colours or trailing spaces, of at most `width` columns."""
    console = Console(file=StringIO(), width=width, color_system=None, force_terminal=False)
    with console.capture() as captured:
        for table in tables:
            console.print(table)
    return [line.rstrip() for line in captured.get().splitlines()]
