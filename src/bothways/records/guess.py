"""Which task a table is for, and which of its columns are text and label: by their names, then by what they hold."""

from collections.abc import Mapping
from dataclasses import replace

from bothways.errors import UsageError
from bothways.records import names
from bothways.records.cells import number_in, text_in
from bothways.records.columns import Columns, ColumnSettings, check_columns, has_column, refuse
from bothways.records.looks import Look, is_few, look_of
from bothways.records.options import choice_columns, named_in
from bothways.records.table import Column, Table
from bothways.records.types import Task

_MOST_NUMBERED_CLASSES = 20


def guess(
    table: Table, settings: ColumnSettings, file: str, task: Task | None = None, labelled: bool = True
) -> Columns:
    """Return which columns are read and for which task; `file` is for messages.

    `task` is the user's word, if any; with `labelled` unset (to predict) there may be no label. Raises
    `UsageError` for a column that is not there, and where several columns might be meant or none fits: its message
    lists them.
    """
    if not labelled and settings.label is not None and not has_column(table, settings.label):
        settings = settings.model_copy(update={"label": None})
    check_columns(table, settings, file)
    if task in (None, "choose"):
        if found := choice_columns(table, settings, task == "choose", labelled):
            return found
        if task == "choose":
            refuse(table, file, "question and which the answer, with the choices between them")
    if task in (None, "tag"):
        if found := _lists_of_words(table, settings):
            return found
        if task == "tag":
            refuse(table, file, "list of words")
    return _of_texts(table, settings, file, task, labelled)


def _of_texts(
    table: Table, settings: ColumnSettings, file: str, task: Task | None, labelled: bool
) -> Columns:
    text, pair, label = _by_name(table, settings)
    used = {column for column in (text, pair, label) if column is not None}
    looks = {column: look_of(table.cells(column)) for column in table.columns if column not in used}
    if label is None:
        label = _label_by_look(table, looks, file)
    if text is None:
        found = [column for column in looks if looks[column] == "text" and column != label]
        if not found or len(found) > (1 if pair is not None else 2):
            refuse(table, file, "text")
        text, pair = found[0], found[1] if len(found) == 2 else pair
    if labelled and pair is None and task == "embed":
        refuse(table, file, "second text")
    if label is None and labelled and (pair is None or task in ("classify", "regress")):
        refuse(table, file, "label")
    return _with_task(table, Columns(task or "classify", text, pair, label), file, task)


def _by_name(table: Table, settings: ColumnSettings) -> tuple[Column | None, Column | None, Column | None]:
    """Return the text, pair and label that the user set, and those whose names say it."""
    text, pair, label = settings.text, settings.pair, settings.label
    free = [column for column in table.columns if column not in settings.named]
    if text is None and pair is None:
        found = ((named_in((one,), free), named_in((two,), free)) for one, two in names.PAIRS)
        text, pair = next((both for both in found if None not in both), (None, None))
    if text is None:
        text = named_in(names.TEXTS, free)
    if label is None:
        label = named_in(names.LABELS, [column for column in free if column not in (text, pair)])
    return text, pair, label


def _label_by_look(table: Table, looks: Mapping[Column, Look], file: str) -> Column | None:
    found = [column for column in looks if looks[column] in ("labels", "scores")]
    if len(found) > 1:
        refuse(table, file, "label")
    return found[0] if found else None


def _with_task(table: Table, columns: Columns, file: str, task: Task | None) -> Columns:
    """Decide the task by the labels, and say what they are."""
    if columns.label is None:
        if columns.pair is None or task in ("classify", "regress"):
            return columns
        return replace(columns, task="embed", seen="pairs that belong together")
    labels = {text_in(cell) for cell in table.cells(columns.label)} - {""}
    numbers = [number for label in labels if (number := number_in(label)) is not None]
    if task is None:
        task = _task_of_labels(labels, numbers, file, len(table.rows))
    seen = f"{len(labels):,} labels"
    if task != "classify" and numbers:
        seen = f"scores from {min(numbers):g} to {max(numbers):g}"
    return replace(columns, task=task, seen=seen)


def _task_of_labels(labels: set[str], numbers: list[float], file: str, rows: int) -> Task:
    """Decimals are scores, words and few whole numbers are classes; many whole numbers may be either."""
    if len(numbers) < len(labels) or not labels:
        return "classify"
    if not all(number.is_integer() for number in numbers):
        return "regress"
    if len(labels) > _MOST_NUMBERED_CLASSES and not is_few(len(labels), rows):
        raise UsageError(
            f"{file}: the labels are {len(labels):,} different whole numbers in {rows:,} rows, classes or scores; "
            "say which with --task classify or --task regress"
        )
    return "classify"


def _lists_of_words(table: Table, settings: ColumnSettings) -> Columns | None:
    """Rows of JSON or Parquet whose text is a list of words, and whose label is one of tags."""
    lists = [column for column in table.columns if look_of(table.cells(column)) == "lists"]
    text = settings.text if settings.text is not None else named_in(names.WORDS, lists)
    if text not in lists:
        return None
    label = settings.label
    if label is None:
        label = named_in(names.TAGS, [column for column in lists if column != text])
    return Columns("tag", text, label=label)
