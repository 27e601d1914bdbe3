"""Tasks on which a comparison judges its models besides held-out text: labelled files, and rows of suites.

    sentiment=train.csv          a labelled file, split 80/10/10 by hash of its content
    glue:sst2,cola=tasks/        two rows of a suite, in the folder of its data
    blimp=tasks/                 all rows of a suite

Every pretrained model learns each task with its own seed, in a cell as `bothways evaluate` has them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bothways.compare.contenders import Contender
from bothways.config import build
from bothways.errors import DataError, UsageError
from bothways.evaluate import read_pairs, read_probes
from bothways.evaluate.minimal_pairs import first_of_each
from bothways.finetuning.data import read_task
from bothways.finetuning.recipes import guessed_kind
from bothways.interop.folder import describe
from bothways.suites.cells import Cell, Work
from bothways.suites.contestants import Contestant
from bothways.suites.fine_tuning import FineTuning, row_recipe
from bothways.suites.probing import Probing
from bothways.suites.reading import chosen, found_rows, read_suite, suite_names
from bothways.suites.settings import Files, PairTask, ProbeTask, Row
from bothways.suites.zero_shot import ZeroShot

FOLDER = "tasks"
"""Where the cells lie within a comparison."""


@dataclass(frozen=True)
class Task:
    """One row of the table of tasks."""

    name: str
    row: Row
    files: Files
    words: Mapping[str, Any]
    """Settings of its fine-tuning runs."""
    length: int | None = None
    """The longest row, in tokens, that all models can read; None: no limit."""

    def test_texts(self) -> list[str]:
        """Return the texts of what is judged; raise `DataError` or `UsageError` for files that cannot be used."""
        if isinstance(self.row.task, PairTask):
            pairs = first_of_each(read_pairs(Path(self.files.parts["test"])), self.row.task.limit)
            return [pair.good for pair in pairs]
        if isinstance(self.row.task, ProbeTask):
            return [probe.text for probe in read_probes(Path(self.files.parts["test"]))]
        recipe = row_recipe(self.name, self.row, self.files, "", seed=1, **self._options)
        records = read_task(self.name, recipe.tasks[self.name], lambda _line: None)
        return [record.content for record in records.test or records.dev]

    def cell(self, contender: Contender, checkpoint: Path) -> Cell:
        """Return the cell of a contender, whose model lies in `checkpoint`."""
        recipe = contender.recipe
        model = Contestant(recipe.name, checkpoint, describe(checkpoint))
        place = contender.folder.parent.parent / FOLDER / self.name / contender.folder.parent.name
        return Cell(self.name, recipe.seed, self._work(model, recipe.seed), place / contender.folder.name)

    @property
    def _options(self) -> dict[str, Any]:
        return {"length": self.length, "full": False, "words": self.words}

    def _work(self, model: Contestant, seed: int) -> Work:
        if isinstance(self.row.task, PairTask):
            return ZeroShot(self.name, model, self.row.task, self.files.parts["test"])
        if isinstance(self.row.task, ProbeTask):
            return Probing(self.name, model, self.files.parts["test"])
        options = self._options
        recipe = row_recipe(self.name, self.row, self.files, str(model.folder), seed=seed, **options)
        return FineTuning(model, recipe)


def tasks_of(
    options: Sequence[str], words: Mapping[str, Any], length: int | None
) -> tuple[list[Task], list[str]]:
    """Return the tasks that `NAME=FILE` and `SUITE[:ROW,ROW]=FOLDER` name, and what is left out for want of files.

    `words` are settings of their fine-tuning runs. Raises `UsageError` or `DataError` for one that is not there.
    """
    found: list[Task] = []
    notes: list[str] = []
    for option in options:
        named, separator, place = option.partition("=")
        if not (named and separator and place):
            raise UsageError(f"--task {option} is no task; give NAME=FILE or SUITE[:ROW,ROW]=FOLDER")
        rows, left_out = _rows_of(named, place)
        found += [Task(name, row, files, words, length) for name, (row, files) in rows.items()]
        notes += left_out
    names = [task.name for task in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(
            f"two tasks are called {twice!r}, and each needs a folder of its own; name each once"
        )
    return found, notes


def _rows_of(named: str, place: str) -> tuple[dict[str, tuple[Row, Files]], list[str]]:
    name, _, rows = named.partition(":")
    if name in suite_names() or Path(name).suffix in (".yaml", ".yml"):
        _, suite = read_suite(name)
        wanted = chosen(suite, [row.strip() for row in rows.split(",")] if rows else [])
        files, notes = found_rows(wanted, Path(place))
        return {row: (wanted[row], files[row]) for row in files}, notes
    if rows:
        raise UsageError(f"--task {named}={place}: there is no suite {name!r} whose rows could be chosen")
    if not Path(place).exists():
        raise DataError(f"--task {named}={place}: there is no such file; give labelled records")
    if "/" in named or named.startswith("."):
        raise UsageError(f"a task cannot be called {named!r}, since it names a folder; choose another name")
    values = {
        "about": named,
        "task": {"kind": guessed_kind({"train": place}, [])},
        "files": [{"train": place}],
    }
    row = build(Row, values, f"--task {named}={place}")
    return {named: (row, row.files[0])}, []
