"""Which columns of a table are the text and the label, as the user sets and sees them."""

from dataclasses import dataclass
from typing import Literal, NoReturn

from bothways.config import Settings, nearest
from bothways.errors import UsageError
from bothways.records.cells import text_in
from bothways.records.table import Column, Header, Table
from bothways.records.types import Task

_EXAMPLE_CHARACTERS = 24

Start = Literal[0, 1]
"""What the first of several is numbered with."""


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
    answers_from: Start | None = None
    """Of multiple choice: the number that names the first choice; guessed: 0 where any answer is 0, else 1."""

    @property
    def named(self) -> list[Column]:
        """The columns that were set."""
        return [column for column in (self.text, self.pair, self.label) if column is not None]


@dataclass(frozen=True)
class Columns:
    """What is read from where."""

    task: Task
    text: Column
    pair: Column | None = None
    label: Column | None = None
    choices: tuple[Column, ...] = ()
    answers_from: Start | None = None
    """The number of the first choice; None where answers are letters."""
    seen: str = ""
    """What the labels are: "2 labels"."""

    def settings(self, is_named: bool) -> ColumnSettings:
        """Return what reads the same columns of another file."""
        header: Header = "yes" if is_named else "no"
        return ColumnSettings(
            text=self.text, pair=self.pair, label=self.label, header=header, answers_from=self.answers_from
        )

    def line(self) -> str:
        """Return one sentence for the user: "reads column 'sentence' as text, 'label' as label: classify, 2 labels"."""
        roles = [(self.text, "text"), (self.pair, "pair"), *((each, "choice") for each in self.choices)]
        shown = ", ".join(
            f"{column!r} as {role}" for column, role in [*roles, (self.label, "label")] if column is not None
        )
        return f"reads column {shown}: {self.task}" + (f", {self.seen}" if self.seen else "")


def has_column(table: Table, column: Column) -> bool:
    """Whether any row has a column."""
    return any(row.has(column) for row in table.rows)


def check_columns(table: Table, settings: ColumnSettings, file: str) -> None:
    """Raise `UsageError` for a column that was set and is in no row."""
    for column in settings.named:
        if not has_column(table, column):
            shown = [str(each) for each in table.columns]
            raise UsageError(f"{file} has no column {column!r}; {nearest(str(column), shown)}")


def refuse(table: Table, file: str, what: str) -> NoReturn:
    """Raise the `UsageError` that lists the columns, because none or several of them may be `what`."""
    examples = ", ".join(f"{column!r} ({_example(table, column)})" for column in table.columns)
    raise UsageError(
        f"{file}: cannot tell which column is the {what}; its columns are {examples or 'none'}; name what to read "
        "with columns.text, columns.pair and columns.label, by name or number"
    )


def _example(table: Table, column: Column) -> str:
    text = next((text for cell in table.cells(column) if (text := text_in(cell))), "empty")
    return text if len(text) <= _EXAMPLE_CHARACTERS else text[:_EXAMPLE_CHARACTERS] + "…"
