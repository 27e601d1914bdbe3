"""From the words of the command line to a recipe of tasks: what is not said of a file is guessed from it, and shown."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bothways.config import build, nearest
from bothways.errors import UsageError
from bothways.recipe_files import parse_words, read_yaml
from bothways.records.columns import ColumnSettings
from bothways.records.read import read
from bothways.task_recipe import TaskRecipe, of_file, of_one_task
from bothways.tasks import TASKS


def asked_for(
    run: Path | None,
    *,
    kind: str | None,
    data: Mapping[str, Any],
    file: Path | None,
    words: Sequence[str],
    strict: bool = False,
) -> TaskRecipe:
    """Return the recipe of one task over `data`, or that of a YAML `file`, whose model `run` replaces if it is given.

    `strict` is about the records of all tasks. Raises `UsageError` where both or neither are given, for an unknown kind
    of task, and where nothing says which model is trained.
    """
    recipe = _asked_for(run, kind, data, file, words)
    if not strict:
        return recipe
    parts = {
        name: part.model_copy(update={"data": part.data.model_copy(update={"strict": True})})
        for name, part in recipe.tasks.items()
    }
    return recipe.model_copy(update={"tasks": parts})


def _asked_for(
    run: Path | None, kind: str | None, data: Mapping[str, Any], file: Path | None, words: Sequence[str]
) -> TaskRecipe:
    if file is not None:
        if kind is not None or data:
            raise UsageError(
                "--tasks names the tasks and their data; leave out --task, --data, --dev and --test"
            )
        if run is None and "model" not in parse_words(words) | read_yaml(file):
            raise UsageError(f"{file} names no model to train; give RUN, or set `model` there")
        return of_file(None if run is None else str(run), file, words)
    if run is None:
        raise UsageError("there is no model to train; give RUN: a run, a checkpoint or a model folder")
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
