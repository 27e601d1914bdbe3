"""Multiple choice: RACE's articles, one JSON file each, and tables such as ARC's."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from bothways.records.cells import text_in
from bothways.records.columns import Columns, Start
from bothways.records.contents import text_of
from bothways.records.options import choice_index
from bothways.records.reading import BadRow, Reading
from bothways.records.table import Row, Table
from bothways.records.types import ChoiceRecord
from bothways.text.readers import files_under


class _Asked(NamedTuple):
    """A question as its file has it."""

    where: str
    passage: Any
    question: Any
    options: Any
    answer: Any


def read_choices(
    table: Table, columns: Columns, reading: Reading, labelled: bool = True
) -> list[ChoiceRecord]:
    """Return the good rows of a table: a question, two or more choices, and a letter or number that names one.

    With `labelled` unset the answer may be missing. Letters and numbers count every cell; an empty one is no choice.
    """
    asked = (_of_row(reading.at(row.number), row, columns) for row in table.rows)
    start: Start = 1 if columns.answers_from is None else columns.answers_from
    return reading.good(asked, lambda item: _record(item, labelled, start))


def read_race(path: Path, reading: Reading, labelled: bool = True) -> list[ChoiceRecord]:
    """Return the questions of a file in RACE's format (Lai et al. 2017), or of all in a folder and its subfolders.

    A file holds an `article` and equally long lists of `questions`, `options` (each a list) and `answers` (letters).
    """
    files = list(files_under(path)) if path.is_dir() else [path]
    asked = (item for file in files for item in _of_article(file, reading))
    return reading.good(asked, lambda item: _record(item, labelled))


def _of_article(file: Path, reading: Reading) -> Iterator[_Asked]:
    try:
        article = json.loads(text_of(file), strict=False)
        questions, options = article["questions"], article["options"]
        answers = article.get("answers") or [None] * len(questions)
        rows = list(zip(questions, options, answers, strict=True))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        reason = "the file is not RACE's JSON with equally long lists of questions, options and answers"
        reading.reject(BadRow(str(file), reason, repr(error)))
        return
    for number, (question, choices, answer) in enumerate(rows, start=1):
        yield _Asked(f"{file}, question {number}", article.get("article"), question, choices, answer)


def _of_row(where: str, row: Row, columns: Columns) -> _Asked:
    def cell(column: str | int | None) -> Any:
        return row[column] if column is not None and row.has(column) else None

    cells = [cell(column) for column in columns.choices]
    options = cells[0] if len(cells) == 1 else cells
    return _Asked(where, cell(columns.pair), cell(columns.text), options, cell(columns.label))


def _record(asked: _Asked, labelled: bool, start: Start = 1) -> ChoiceRecord:
    passage, question, answer = text_in(asked.passage), text_in(asked.question), text_in(asked.answer).upper()
    texts = [text_in(option) for option in asked.options] if isinstance(asked.options, list) else []
    choices = tuple(text for text in texts if text)
    if not question:
        raise BadRow(asked.where, "the question is empty")
    if len(choices) < 2:
        raise BadRow(asked.where, "there are not two choices")
    if not answer and not labelled:
        return ChoiceRecord(asked.where, passage, question, choices)
    index = choice_index(answer, start)
    if index is None or index >= len(texts) or not texts[index]:
        raise BadRow(asked.where, "the answer names none of the choices", repr(answer))
    # Only this row's full cells count from here on: one with three choices may leave any cell empty.
    return ChoiceRecord(asked.where, passage, question, choices, index - texts[:index].count(""))
