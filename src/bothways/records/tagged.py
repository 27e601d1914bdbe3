"""Sentences whose every word has a label: CoNLL columns, CoNLL-U, character BMES, JSON lists."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from bothways.config import nearest
from bothways.errors import UsageError
from bothways.records.cells import text_in
from bothways.records.columns import Columns, ColumnSettings
from bothways.records.contents import text_of
from bothways.records.reading import BadRow, Reading
from bothways.records.schemes import scheme_of
from bothways.records.table import Row, Table
from bothways.records.types import TaggedRecord
from bothways.text.readers import extension_of

CONLLU_COLUMNS = {
    name: number for number, name in enumerate("id form lemma upos xpos feats head deprel deps misc".split())
}
"""The columns of CoNLL-U (universaldependencies.org/format.html)."""

# Only these: other spaces of Unicode are words of some sets.
_BETWEEN = " \t\r"
_SPACES = re.compile("[ \t]+")
_TAG = re.compile(r"O|[BIMESLU]-\S+")
_SNIFFED_LINES = 200
_DOCUMENT_START = "-DOCSTART-"

Line = tuple[int, list[str]]
"""The number of a line, from 1, and its cells."""


class _Cells(NamedTuple):
    """Where in a line the word and its label are, and how a label is written that is missing."""

    word: int
    label: int
    missing: str


def looks_tagged(text: str) -> bool:
    """Whether every line of a text's beginning ends with an entity label, as no ordinary table does."""
    lines = [line for line in text.split("\n", _SNIFFED_LINES)[:_SNIFFED_LINES] if line.strip()]
    cells = [_SPACES.split(line.strip(_BETWEEN)) for line in lines]
    return bool(cells) and all(len(line) > 1 and _TAG.fullmatch(line[-1]) is not None for line in cells)


def read_tagged(
    path: Path, settings: ColumnSettings, reading: Reading, labelled: bool = True
) -> list[TaggedRecord]:
    """Return the sentences of a file of words; one in which a line lacks its word or label is bad as a whole.

    Sentences are separated by blank lines, cells by tabs or else spaces; the first is the word and the last its
    label, unless `settings` say otherwise. A word that begins with # is a hashtag: only CoNLL-U (.conllu) has
    comments, and there multiword tokens (1-2) and empty nodes (1.1) are left out and the label is `upos`. Lines
    that hold a whole sentence, then a tab, then all of its labels, are recognised. How entities are written
    is noted, and left as it is. Raises `UsageError` for a column that no line has.
    """
    text = text_of(path)
    is_conllu = extension_of(path) == "conllu"
    cells = _conllu_cells(settings, path) if is_conllu else _conll_cells(settings, path)
    is_flat = not is_conllu and _is_sentence_a_line(text)
    sentences = _lines_of_sentences(text) if is_flat else _sentences(text, is_conllu)
    return _noted(reading.good(sentences, lambda lines: _record(reading, lines, cells, labelled)), reading)


def read_lists(table: Table, columns: Columns, reading: Reading, labelled: bool = True) -> list[TaggedRecord]:
    """Return the rows of a table whose text is a list of words and whose label is a list of as many labels."""
    records = reading.good(table.rows, lambda row: _of_lists(reading.at(row.number), row, columns, labelled))
    return _noted(records, reading)


def _of_lists(where: str, row: Row, columns: Columns, labelled: bool) -> TaggedRecord:
    given = row[columns.text] if row.has(columns.text) else None
    labels = row[columns.label] if columns.label is not None and row.has(columns.label) else None
    words = tuple(map(_word, given)) if isinstance(given, list) else ()
    if not words or not all(words):
        raise BadRow(where, "the words are no list, or one of them is empty")
    if labels is None and not labelled:
        return TaggedRecord(where, words)
    if not isinstance(labels, list) or len(labels) != len(words):
        raise BadRow(where, "there are not as many labels as words")
    if not all(map(text_in, labels)):
        raise BadRow(where, "the label of a word is empty")
    return TaggedRecord(where, words, tuple(map(text_in, labels)))


def _word(cell: Any) -> str:
    """Return a word as pretraining sees it; what is a space of Unicode and nothing else is a word as it is."""
    is_space = isinstance(cell, str) and cell.isspace() and not cell.isascii()
    return str(cell) if is_space else text_in(cell)


def _noted(records: list[TaggedRecord], reading: Reading) -> list[TaggedRecord]:
    labels = [record.labels for record in records if record.labels is not None]
    reading.scheme = scheme_of(labels)
    distinct = len({label for sentence in labels for label in sentence})
    scheme = f", entities written in {reading.scheme}" if reading.scheme else ""
    reading.notes.append(
        f"tag: {sum(len(record.words) for record in records):,} words, {distinct:,} labels{scheme}"
    )
    return records


def _sentences(text: str, is_conllu: bool) -> Iterator[list[Line]]:
    sentence: list[Line] = []
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.strip(" \r")
        if not line.strip("\t"):
            if sentence:
                yield sentence
            sentence = []
        elif is_conllu:
            cells = line.split("\t")
            if cells[0].isdecimal() or not re.match(r"#|\d+[-.]\d", line):
                sentence.append((number, cells))
        elif not line.startswith(_DOCUMENT_START):
            sentence.append((number, line.split("\t") if "\t" in line else _SPACES.split(line)))
    if sentence:
        yield sentence


def _lines_of_sentences(text: str) -> Iterator[list[Line]]:
    """A line is `words separated by spaces<tab>labels separated by spaces`; a label that is missing is empty."""
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            words, labels = (_SPACES.split(side.strip(" \r")) for side in (*line.split("\t"), "")[:2])
            labels += [""] * (len(words) - len(labels))
            words += [""] * (len(labels) - len(words))
            yield [(number, list(pair)) for pair in zip(words, labels, strict=True)]


def _is_sentence_a_line(text: str) -> bool:
    lines = [line for line in text.split("\n", _SNIFFED_LINES)[:_SNIFFED_LINES] if line.strip()]
    sides = [[len(_SPACES.split(side.strip(_BETWEEN))) for side in line.split("\t")] for line in lines]
    return (
        bool(sides) and all(len(each) == 2 and each[0] == each[1] for each in sides) and max(max(sides)) > 1
    )


def _record(reading: Reading, lines: list[Line], cells: _Cells, labelled: bool) -> TaggedRecord:
    width = len(lines[0][1])
    is_there = width > 1 and -width <= cells.label < width
    if not -width <= cells.word < width or (labelled and not is_there):
        reason = f"there are no columns {cells.word} and {cells.label} for words and labels"
        raise BadRow(reading.at(lines[0][0]), reason, f"{width} columns")
    words, labels = [], []
    for number, line in lines:
        if len(line) != width:
            reason = "the line has another number of columns"
            raise BadRow(reading.at(number), reason, f"{len(line)} after {width}")
        words.append(_word(line[cells.word]))
        label = line[cells.label].strip() if is_there else ""
        labels.append("" if label == cells.missing else label)
        if not words[-1] or (labelled and not labels[-1]):
            raise BadRow(
                reading.at(number), "the label of a word is empty" if words[-1] else "a word is empty"
            )
    return TaggedRecord(reading.at(lines[0][0]), tuple(words), tuple(labels) if all(labels) else None)


def _conll_cells(settings: ColumnSettings, path: Path) -> _Cells:
    for column in settings.named:
        if isinstance(column, str):
            raise UsageError(f"{path} has no names for its columns; give the number of {column!r}, from 0")
    word, label = settings.text, settings.label
    return _Cells(word if isinstance(word, int) else 0, label if isinstance(label, int) else -1, missing="")


def _conllu_cells(settings: ColumnSettings, path: Path) -> _Cells:
    def number(column: str | int) -> int:
        if isinstance(column, int):
            return column
        if column.lower() not in CONLLU_COLUMNS:
            hint = nearest(column, list(CONLLU_COLUMNS))
            raise UsageError(f"{path} is CoNLL-U and has no column {column!r}; {hint}")
        return CONLLU_COLUMNS[column.lower()]

    word = "form" if settings.text is None else settings.text
    label = "upos" if settings.label is None else settings.label
    return _Cells(number(word), number(label), missing="_")
