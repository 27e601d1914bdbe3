"""What a column seems to hold, judged by its cells alone."""

from collections.abc import Sequence
from typing import Any, Literal

from bothways.records.cells import number_in, text_in

Look = Literal["empty", "lists", "labels", "scores", "numbers", "text"]
"""Nothing; lists; few distinct values; numbers with decimals; other numbers, such as identifiers; anything else."""

_LONGEST_LABEL = 60
_SAMPLE_ROWS = 2000
_ROWS_A_LABEL = 3
"""Fewer rows for each distinct value, and a column is not taken for labels; two labels are always few."""


def look_of(cells: Sequence[Any]) -> Look:
    """Return what a column's cells seem to be, by the first 2,000 of them."""
    cells = cells[:_SAMPLE_ROWS]
    if any(isinstance(cell, list) for cell in cells):
        return "lists"
    texts = [text for cell in cells if (text := text_in(cell))]
    if not texts:
        return "empty"
    numbers = [number for text in texts if (number := number_in(text)) is not None]
    if len(numbers) == len(texts) and not all(number.is_integer() for number in numbers):
        return "scores"
    if is_few(len(set(texts)), len(texts)) and max(map(len, texts)) <= _LONGEST_LABEL:
        return "labels"
    return "numbers" if len(numbers) == len(texts) else "text"


def is_few(distinct: int, rows: int) -> bool:
    """Whether values repeat so often that they may be labels."""
    return distinct < rows and distinct <= max(2, rows // _ROWS_A_LABEL)
