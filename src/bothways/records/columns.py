"""Which columns of a table are the text and the label, and so which task it is: guessed, shown, or set by the user."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from bothways.config import Settings, nearest
from bothways.errors import UsageError
from bothways.records import names
from bothways.records.cells import number_in, text_in
from bothways.records.looks import is_few, look_of
from bothways.records.table import Column, Header, Table
from bothways.records.types import Task

_LETTERS = tuple("ABCDEFGH")
_NUMBERS = tuple("12345678")
_EXAMPLE_CHARACTERS = 24
_MOST_NUMBERED_CLASSES = 20


class ColumnSettings(Settings):
    """Which columns are read; what is left out is guessed and shown.

    A column is a name, or a number from 0 (from -1 backwards). In files of words (CoNLL) the text is the words'
    column and the label the tags'; in CoNLL-U the label is a name such as `upos` or `xpos`. Of multiple choice the
    text is the question, the pair a passage, the label the right answer, and what stands between them the choices.
    """

    text: str | int | None = None
    """The text, or the first text of a pair."""
    pair: str | int | None = None
    """The second text of a pair."""
    label: str | int | None = None
    """The class, score, tag or right answer."""
    header: Header = "auto"
    """Whether the first row of csv, tsv and txt files holds names: guessed (auto), yes or no."""

    @property
    def named(self) -> list[Column]:
        """The columns that were set."""
        return [column for column in (self.text, self.pair, self.label) if column is not None]


@dataclass(frozen=True)
class Columns:
    """What is read from where. `seen` says what the labels are: "2 labels"."""

    task: Task
    text: Column
    pair: Column | None = None
    label: Column | None = None
    choices: tuple[Column, ...] = ()
    seen: str = ""

    def settings(self, is_named: bool) -> ColumnSettings:
        """Return what reads the same columns of another file."""
        header: Header = "yes" if is_named else "no"
        return ColumnSettings(text=self.text, pair=self.pair, label=self.label, header=header)

    def line(self) -> str:
        """Return one sentence for the user: "reads column 'sentence' as text, 'label' as label: classify, 2 labels"."""
        roles = [(self.text, "text"), (self.pair, "pair"), *((each, "choice") for each in self.choices)]
        shown = ", ".join(
            f"{column!r} as {role}" for column, role in [*roles, (self.label, "label")] if column is not None
        )
        return f"reads column {shown}: {self.task}" + (f", {self.seen}" if self.seen else "")


def guess(
    table: Table, settings: ColumnSettings, file: str, task: Task | None = None, labelled: bool = True
) -> Columns:
    """Return which columns are read and for which task; `file` is for messages.

    A column's name decides first, then what it holds. `task` is the user's word, if any; with `labelled` unset (to
    predict) there may be no label. Raises `UsageError` for a column that is not there, and where several
    columns might be meant or none fits: its message lists them.
    """
    if not labelled and settings.label is not None and not _has(table, settings.label):
        settings = settings.model_copy(update={"label": None})
    _check_named(table, settings, file)
    if task in (None, "choose") and (choice := _choices(table, settings, sure=task == "choose")):
        return choice
    if task in (None, "tag") and (tags := _lists_of_words(table, settings)):
        return tags
    if task in ("choose", "tag"):
        _refuse(table, file, "question and which the answer" if task == "choose" else "list of words")
    text, pair, label = _by_name(table, settings)
    used = {column for column in (text, pair, label) if column is not None}
    free = {each: look_of(table.cells(each)) for each in table.columns if each not in used}
    if label is None:
        found = [each for look in ("labels", "scores") for each in free if free[each] == look]
        if len(found) > 1 or (not found and labelled and task in ("classify", "regress")):
            _refuse(table, file, "label")
        label = found[0] if found else None
    if text is None:
        texts = [each for each in free if free[each] == "text" and each != label]
        if not 1 <= len(texts) <= (1 if pair is not None else 2):
            _refuse(table, file, "text")
        text, pair = (texts[0], pair) if pair is not None or len(texts) == 1 else (texts[0], texts[1])
    columns = Columns(task or "classify", text, pair, label)
    return _with_task(table, columns, file, task, labelled)


def _with_task(table: Table, columns: Columns, file: str, task: Task | None, labelled: bool) -> Columns:
    """Decide the task by the labels, and say what they are."""
    if columns.pair is None and task == "embed":
        _refuse(table, file, "second text")
    if columns.label is None:
        if labelled and columns.pair is None:
            _refuse(table, file, "label")
        is_positive = columns.pair is not None and task in (None, "embed")
        return replace(columns, task="embed", seen="pairs that belong together") if is_positive else columns
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


def _by_name(table: Table, settings: ColumnSettings) -> tuple[Column | None, Column | None, Column | None]:
    """Return the text, pair and label that the user named, and those whose names say it."""
    text, pair, label = settings.text, settings.pair, settings.label
    used = set(settings.named)
    known = {
        column.lower(): column for column in table.columns if isinstance(column, str) and column not in used
    }
    if text is None and pair is None:
        text, pair = next(
            ((known[one], known[two]) for one, two in names.PAIRS if one in known and two in known),
            (None, None),
        )
    if text is None:
        text = _first_of(names.TEXTS, known)
    if label is None:
        label = _first_of([name for name in names.LABELS if known.get(name) not in (text, pair)], known)
    return text, pair, label


def _first_of(wanted: Sequence[str], known: dict[str, Any]) -> Any:
    return next((known[name] for name in wanted if name in known), None)


def _lists_of_words(table: Table, settings: ColumnSettings) -> Columns | None:
    """Rows of JSON or Parquet whose text is a list of words, and whose label is one of tags."""
    lists = {each for each in table.columns if look_of(table.cells(each)) == "lists"}
    text = settings.text if settings.text is not None else _named(names.WORDS, lists)
    if text not in lists:
        return None
    label = settings.label if settings.label is not None else _named(names.TAGS, lists - {text})
    tags = {tag for cell in table.cells(label) if cell for tag in cell} if label is not None else set()
    return Columns("tag", text, label=label, seen=f"{len(tags):,} labels")


def _choices(table: Table, settings: ColumnSettings, sure: bool) -> Columns | None:
    """A question, its choices, and a letter or number that names the right one, in this order (as ARC's csv).

    `sure` if the user said so; else the answers must all be letters or numbers, some of them letters.
    """
    columns = table.columns
    is_named = any(isinstance(column, str) for column in columns)
    text = settings.text if settings.text is not None else _named(("question",), columns) if is_named else 0
    label = (
        settings.label if settings.label is not None else _named(names.ANSWERS, columns) if is_named else -1
    )
    if text is None or label is None or not columns:
        return None
    options = _named(names.CHOICES, columns)
    choices = (options,) if options is not None else _between(columns, text, label, settings.pair)
    answers = {text_in(cell).upper() for cell in table.cells(label)} - {""}
    are_letters = all(choice_index(answer) is not None for answer in answers) and not answers.isdisjoint(
        _LETTERS
    )
    if not choices or (len(choices) == 1 and options is None) or not (sure or are_letters):
        return None
    return Columns("choose", text, settings.pair, label, choices, f"{len(table.rows):,} questions")


def choice_index(answer: str) -> int | None:
    """Return the place, from 0, of the choice that a letter from A to H or a number from 1 names; else None."""
    return next((known.index(answer) for known in (_LETTERS, _NUMBERS) if answer in known), None)


def _between(columns: list[Column], text: Column, label: Column, pair: Column | None) -> tuple[Column, ...]:
    first, last = (
        each % len(columns) if isinstance(each, int) else columns.index(each) for each in (text, label)
    )
    return tuple(each for each in columns[first + 1 : last] if each != pair)


def _named(wanted: Sequence[str], columns: Collection[Column]) -> Column | None:
    return _first_of(wanted, {column.lower(): column for column in columns if isinstance(column, str)})


def _check_named(table: Table, settings: ColumnSettings, file: str) -> None:
    for column in settings.named:
        if not _has(table, column):
            shown = [str(each) for each in table.columns]
            raise UsageError(f"{file} has no column {column!r}; {nearest(str(column), shown)}")


def _has(table: Table, column: Column) -> bool:
    return any(row.has(column) for row in table.rows)


def _refuse(table: Table, file: str, what: str) -> NoReturn:
    examples = ", ".join(f"{column!r} ({_example(table, column)})" for column in table.columns)
    raise UsageError(
        f"{file}: cannot tell which column is the {what}; its columns are {examples or 'none'}; name what to read "
        "with columns.text, columns.pair and columns.label, by name or number"
    )


def _example(table: Table, column: Column) -> str:
    text = next((text for cell in table.cells(column) if (text := text_in(cell))), "empty")
    return text if len(text) <= _EXAMPLE_CHARACTERS else text[:_EXAMPLE_CHARACTERS] + "…"
