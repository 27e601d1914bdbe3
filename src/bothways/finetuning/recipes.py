"""From the words of the command line to a recipe of tasks: what is not said of a file is guessed from it, and shown."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bothways.config import build, nearest
from bothways.errors import UsageError
from bothways.recipe_files import parse_words
from bothways.records.columns import ColumnSettings
from bothways.records.read import read
from bothways.task_recipe import TaskRecipe, of_file, of_one_task
from bothways.tasks import TASKS


def asked_for(
    run: Path, *, kind: str | None, data: Mapping[str, Any], file: Path | None, words: Sequence[str]
) -> TaskRecipe:
    """Return the recipe of one task over `data`, or that of a YAML `file`.

    Raises `UsageError` where both or neither are given, and for an unknown kind of task.
    """
    if file is not None:
        if kind is not None or data:
            raise UsageError(
                "--tasks names the tasks and their data; leave out --task, --data, --dev and --test"
            )
        return of_file(str(run), file, words)
    if "train" not in data and not any(word.startswith("data.train=") for word in words):
        raise UsageError("there is nothing to learn from; give labelled records with --data, or --tasks FILE")
    if kind is not None and kind not in TASKS:
        raise UsageError(f"there is no task {kind!r}; {nearest(kind, sorted(TASKS))}")
    return of_one_task(str(run), kind or guessed_kind(data, words), data, words)


def guessed_kind(data: Mapping[str, Any], words: Sequence[str]) -> str:
    """Return the kind of task that a file's columns and labels look like."""
    said = {**parse_words(words).get("data", {}), **data}
    columns = build(ColumnSettings, said.get("columns", {}), "data.columns")
    return read(str(said["train"]), None, columns).task
