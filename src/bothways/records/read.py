"""One labelled file, whatever its format and task, as records: what the commands call."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from bothways.errors import UsageError
from bothways.records.choices import read_choices, read_race
from bothways.records.columns import ColumnSettings
from bothways.records.contents import text_of
from bothways.records.guess import guess
from bothways.records.questions import read_questions
from bothways.records.reading import Reading
from bothways.records.table import read_table
from bothways.records.tagged import looks_tagged, read_lists, read_tagged
from bothways.records.texts import read_texts
from bothways.records.types import Task
from bothways.text.readers import extension_of

Layout = Literal["table", "words", "squad", "race"]
"""Rows and columns; a word a line; SQuAD's JSON; RACE's articles."""

_WORDS_EXTENSIONS = ("conll", "conllu", "bmes", "bio", "iob", "iob2")
_TASK_OF_LAYOUT: dict[Layout, Task] = {"words": "tag", "squad": "answer", "race": "choose"}
_FROM_TABLE: dict[Task, Callable[..., list[Any]]] = {
    "classify": read_texts,
    "regress": read_texts,
    "embed": read_texts,
    "choose": read_choices,
    "tag": read_lists,
}


@dataclass(frozen=True)
class Labelled:
    """The records of one file, what they are for, and what was met on the way."""

    task: Task
    columns: ColumnSettings
    """What was read, guesses included: with it and the task, other parts of the same set are read alike."""
    records: list[Any]
    """All of the one type that belongs to the task."""
    reading: Reading


def read(
    path: str,
    task: Task | None = None,
    columns: ColumnSettings | None = None,
    *,
    strict: bool = False,
    labelled: bool = True,
) -> Labelled:
    """Read a file (or a folder of RACE's articles) for `task`, or for the one that its name and content say.

    With `strict` the first bad row is an error; otherwise bad rows are left out and counted in `reading`. With
    `labelled` unset, labels may be missing. Raises `DataError` if nothing can be read, `UsageError` if the
    file is not for this task, or its columns are not clear.
    """
    place, settings = Path(path).expanduser(), columns or ColumnSettings()
    reading = Reading(path, strict)
    layout = layout_of(place, task)
    if layout == "table":
        if task == "answer":
            raise UsageError(f"{path} is not SQuAD's JSON, which answering needs; give such a file")
        return _read_table(place, task, settings, reading, labelled)
    found = _TASK_OF_LAYOUT[layout]
    if task not in (None, found):
        raise UsageError(f"{path} is a file to {found}, not to {task}; give another file, or --task {found}")
    if layout == "words":
        return Labelled(found, settings, read_tagged(place, settings, reading, labelled), reading)
    reader = read_questions if layout == "squad" else read_race
    records = reader(place, reading, labelled)
    reading.notes.insert(0, f"{found}: {layout.upper() if layout == 'race' else 'SQuAD'}'s layout")
    return Labelled(found, settings, list(records), reading)


def _read_table(
    place: Path, task: Task | None, settings: ColumnSettings, reading: Reading, labelled: bool
) -> Labelled:
    table = read_table(place, reading, settings.header, settings.named)
    if not table.rows:
        reading.close([])
    chosen = guess(table, settings, reading.file, task, labelled)
    reading.notes.append(chosen.line())
    if not labelled and chosen.task in ("classify", "regress"):
        chosen = replace(chosen, label=None)  # whatever stands there, it is not what is asked
    records = _FROM_TABLE[chosen.task](table, chosen, reading, labelled)
    return Labelled(chosen.task, chosen.settings(is_named=table.is_named), records, reading)


def layout_of(place: Path, task: Task | None = None) -> Layout:
    """Return how a file is laid out: by its name, by its beginning, and a plain one by the task."""
    if place.is_dir():
        return "race"
    extension = extension_of(place)
    if extension in _WORDS_EXTENSIONS:
        return "words"
    if extension in ("csv", "tsv", "jsonl", "parquet") and not (task == "tag" and extension == "tsv"):
        return "table"
    text = text_of(place)
    if text.lstrip().startswith("{"):
        return _layout_of_json(text)
    return "words" if extension != "json" and (task == "tag" or looks_tagged(text)) else "table"


def _layout_of_json(text: str) -> Layout:
    try:
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return "table"
    if "article" in value and "questions" in value:
        return "race"
    articles = value.get("data")
    is_squad = isinstance(articles, list) and any(
        isinstance(article, dict) and "paragraphs" in article for article in articles
    )
    return "squad" if is_squad else "table"
