"""Multiple choice in a table: which columns are the question, the choices and the name of the right one."""

from collections.abc import Collection

from bothways.records import names
from bothways.records.cells import text_in
from bothways.records.columns import Columns, ColumnSettings, Start
from bothways.records.table import Column, Table

_LETTERS = tuple("ABCDEFGH")
_NUMBERS = tuple("012345678")


def choice_index(answer: str, start: Start = 1) -> int | None:
    """Return the place, from 0, of the choice that a letter from A to H or a number from `start` names; else None."""
    if answer in _LETTERS:
        return _LETTERS.index(answer)
    return _NUMBERS.index(answer) - start if answer in _NUMBERS[start:] else None


def choice_columns(table: Table, settings: ColumnSettings, is_sure: bool, labelled: bool) -> Columns | None:
    """Return the columns of a multiple choice, or None: the question, its choices, the answer, in this order.

    The choices stand in columns between the other two, as in ARC's csv, or in one list. Unless `is_sure` (the user
    said so), all answers must be letters or numbers, and some of them letters.
    """
    text, label = _question_and_answer(table, settings)
    if text is None or (label is None and labelled):
        return None
    options = named_in(names.CHOICES, table.columns)
    choices = _between(table.columns, text, label, settings.pair) if options is None else (options,)
    has_choices = options is not None or len(choices) > 1
    if not has_choices or not (is_sure or _are_answers(table, label)):
        return None
    start = _start(table, label) if settings.answers_from is None else settings.answers_from
    seen = f"{len(table.rows):,} questions" + ("" if start is None else f", answers numbered from {start}")
    return Columns("choose", text, settings.pair, label, choices, start, seen)


def named_in(wanted: Collection[str], columns: Collection[Column]) -> str | None:
    """Return the first of the wanted names (in lower case) that is a column, as it is written there."""
    known = {column.lower(): column for column in columns if isinstance(column, str)}
    return next((known[name] for name in wanted if name in known), None)


def _question_and_answer(table: Table, settings: ColumnSettings) -> tuple[Column | None, Column | None]:
    columns = table.columns
    text: Column | None = named_in(("question",), columns) if table.is_named else 0
    label: Column | None = named_in(names.ANSWERS, columns) if table.is_named else -1
    return (
        settings.text if settings.text is not None else text,
        settings.label if settings.label is not None else label,
    )


def _are_answers(table: Table, label: Column | None) -> bool:
    answers = _answers(table, label)
    return not answers.isdisjoint(_LETTERS) and answers <= {*_LETTERS, *_NUMBERS}


def _start(table: Table, label: Column | None) -> Start | None:
    """Return where the numbers of a whole file begin: a row with 1 alone cannot say; None without any number."""
    answers = _answers(table, label)
    if answers.isdisjoint(_NUMBERS):
        return None
    return 0 if "0" in answers else 1


def _answers(table: Table, label: Column | None) -> set[str]:
    return {text_in(cell).upper() for cell in table.cells(label)} - {""} if label is not None else set()


def _between(
    columns: list[Column], text: Column, label: Column | None, pair: Column | None
) -> tuple[Column, ...]:
    last = len(columns) if label is None else _place(columns, label)
    return tuple(each for each in columns[_place(columns, text) + 1 : last] if each != pair)


def _place(columns: list[Column], column: Column) -> int:
    return column % len(columns) if isinstance(column, int) else columns.index(column)
