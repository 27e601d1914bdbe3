"""The records of each task: read, split where a part is missing, limited, and what the training records decide."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bothways.errors import DataError, UsageError
from bothways.records.columns import ColumnSettings
from bothways.records.read import Labelled, read
from bothways.records.reading import BadRow, Reading
from bothways.records.split import limit, repeated_line, split
from bothways.task_recipe import TaskPart, TaskRecipe
from bothways.tasks import TASKS, TaskSettings
from bothways.text.tokenizer import Layout

Say = Callable[[str], None]


@dataclass(frozen=True)
class TaskRecords:
    """The records of one task, and its settings with what they decide filled in."""

    settings: TaskSettings
    train: list[Any]
    dev: list[Any]
    test: list[Any] = field(default_factory=list)
    """Empty where no test records are given."""
    notes: tuple[str, ...] = ()
    """What must be known of numbers on these records: which rows were left out, and what is in two parts."""


def read_tasks(recipe: TaskRecipe, layout: Layout, *, is_causal: bool, say: Say) -> dict[str, TaskRecords]:
    """Read the records of every task; raise `DataError` for files that cannot be used.

    `layout` and `is_causal` are the model's: where its rows hold CLS, and whether it reads from the left.
    """
    model = {"layout": layout, "is_causal": is_causal}
    return {
        name: read_task(name, replace_task(part, model), say if recipe.is_single else _named(name, say))
        for name, part in recipe.tasks.items()
    }


def replace_task(part: TaskPart, changes: dict[str, Any]) -> TaskPart:
    """Return a part whose task has other settings."""
    return part.model_copy(update={"task": part.task.model_copy(update=changes)})


def read_task(name: str, part: TaskPart, say: Say) -> TaskRecords:
    """Read one task's records."""
    data, kind, notes = part.data, part.task.kind, list[str]()
    if data.train is None:
        raise UsageError(f"task {name} has no records to learn from; give a file with --data, or data.train")
    # What teachers alone answer needs no labels; what is judged does.
    needs_labels = part.distil is None or part.distil.mix < 1
    if data.dev is None and not needs_labels:
        raise UsageError(
            "distil.mix=1 learns from the teachers alone, from records without labels too, so none of them can be set "
            "aside to judge by; give labelled ones with --dev, or data.dev"
        )
    labelled = read_part(
        data.train, kind, data.columns, strict=data.strict, say=say, needs_labels=needs_labels
    )
    notes += labelled.reading.left_out()
    train, task = labelled.records, TASKS[kind][1]
    settings = task.survey(part.task, train)
    refuse_unlearnable(settings, train)
    # Their columns are those of the training records, but for labels that only these may have.
    columns = labelled.columns if needs_labels else data.columns
    dev, test = (
        usable(settings, read_part(path, kind, columns, strict=data.strict, say=say), say, notes)
        if path
        else None
        for path in (data.dev, data.test)
    )
    if dev is None:
        parts = split(train, test=test)
        train, dev, test = parts.train, parts.dev, parts.test
        say(f"no dev records are given: those in {data.train} were split by hash of their content")
    test = test or []
    for part_name, records in (("dev", dev), ("test", test)):
        if line := repeated_line(train, records, part_name):
            say(line)
            notes.append(line)
    if data.limit is not None and len(train) > data.limit:
        say(f"{data.limit:,} of {len(train):,} training records are used (data.limit)")
        train = limit(train, data.limit, seed=0)
    dev, test = (_judged(records, data.judged, part, say) for records, part in ((dev, "dev"), (test, "test")))
    say(f"{len(train):,} records to learn from, {len(dev):,} dev" + f", {len(test):,} test" * bool(test))
    settings = task.learn(settings, train)
    for line in task.notes(settings, train):
        say(line)
    return TaskRecords(settings, train, dev, test, tuple(notes))


def read_part(
    path: str, kind: Any, columns: ColumnSettings, *, strict: bool, say: Say, needs_labels: bool = True
) -> Labelled:
    """Read one file of records, and say what was met in it."""
    labelled = read(path, kind, columns, strict=strict, labelled=needs_labels)
    for line in labelled.reading.lines():
        say(line)
    return labelled


def refuse_unlearnable(settings: TaskSettings, records: Sequence[Any]) -> None:
    """Raise `DataError` at the first training record that contradicts the settings, such as `task.labels`."""
    for record in records:
        try:
            TASKS[settings.kind][1].check(settings, record)
        except BadRow as bad:
            raise DataError(f"{bad}; correct the row, or change that setting") from None


def usable(settings: TaskSettings, part: Labelled, say: Say, notes: list[str]) -> list[Any]:
    """Return the records of a part that can be judged; those of labels that nobody learned are left out and counted.

    What is left out, here and while reading, is added to `notes`.

    Raises `DataError` at the first of them where rows are read strictly, and where none is left.
    """
    reading = Reading(part.reading.file, part.reading.strict)

    def checked(record: Any) -> Any:
        TASKS[settings.kind][1].check(settings, record)
        return record

    kept = reading.good(part.records, checked)
    for line in reading.left_out():
        say(line)
    notes += [*part.reading.left_out(), *reading.left_out()]
    return kept


def _judged(records: list[Any], most: int | None, part: str, say: Say) -> list[Any]:
    if most is None or len(records) <= most:
        return records
    say(f"{most:,} of {len(records):,} {part} records are judged (data.judged)")
    return limit(records, most, seed=0)


def _named(name: str, say: Say) -> Say:
    return lambda line: say(f"{name}: {line}")
