"""A row that is learned: one fine-tuning run, judged as every such run is."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bothways import runtime
from bothways.finetuning.build import build_model, check, lay_out, make_feed
from bothways.finetuning.command import finetune
from bothways.finetuning.data import TaskRecords, read_tasks
from bothways.finetuning.inputs import reads_from_the_left
from bothways.finetuning.results import TaskResult
from bothways.recipe_files import Values, merge
from bothways.suites.contestants import Contestant
from bothways.suites.cost import Cost, of_training
from bothways.suites.settings import Files, Row
from bothways.task_recipe import TaskRecipe, of_file, of_layers, with_learning_rate, write_resolved
from bothways.tasks import TASKS

MOST_RECORDS = 8_000
"""Training records of a row that are used at most, unless all of them are asked for."""


@dataclass(frozen=True)
class FineTuning:
    """What is trained and judged in one cell."""

    model: Contestant
    recipe: TaskRecipe

    @property
    def files(self) -> dict[str, str]:
        """The parts of its records, and their paths."""
        (part,) = self.recipe.tasks.values()
        known = {"train": part.data.train, "dev": part.data.dev, "test": part.data.test}
        return {name: path for name, path in known.items() if path is not None}

    def settings(self) -> dict[str, Any]:
        """Return everything else that decides its numbers."""
        values = self.recipe.model_dump(
            mode="json", exclude={"model": True, "training": {"device", "threads"}}
        )
        for part in values["tasks"].values():
            part["data"] = {name: value for name, value in part["data"].items() if name not in self.files}
        return values

    def check(self) -> None:
        """Refuse what the model cannot do."""
        check(self.recipe, self.model.about)

    def read(self) -> dict[str, TaskRecords]:
        """Return its records; raise `DataError` for files that cannot be used."""
        about = self.model.about
        is_causal = reads_from_the_left(about.objective)
        return read_tasks(self.recipe, about.layout, is_causal=is_causal, say=lambda _line: None)

    def metrics(self, read: dict[str, TaskRecords] | None = None) -> list[str]:
        """Return the names of all metrics that may come of it: exactly, where its records were `read`."""
        (part,) = self.recipe.tasks.values()
        task = TASKS[part.task.kind][1]
        if read is None:
            return [*task.measures, *task.further]
        (records,) = read.values()
        return task.reports(records.settings)

    def judge(self, place: Path, *, quiet: bool) -> list[TaskResult]:
        """Train and judge in the run folder `place`, or go on there."""
        written = place / "recipe.yaml"
        if written.exists():
            write_resolved(self._where_files_lie_now(of_file(None, written, [])), written)
        return finetune(self.recipe, place, resume=written.exists(), quiet=quiet).results

    def _where_files_lie_now(self, begun: TaskRecipe) -> TaskRecipe:
        """Return the recipe of a run with the paths of today: the cell has compared what lies there by checksums."""
        ((name, part),) = begun.tasks.items()
        part = part.model_copy(update={"data": part.data.model_copy(update=self.files)})
        return begun.model_copy(update={"model": self.recipe.model, "tasks": {name: part}})

    def cost(self) -> Cost:
        """Read the records, and time a few steps on them."""
        recipe, tasks = self.recipe, self.read()
        runtime.set_threads(recipe.training.threads)
        model = build_model(recipe, self.model.about, self.model.folder, tasks)
        feed = make_feed(recipe, model, lay_out(model, tasks, "train"))
        (records,) = tasks.values()
        counts = {"train": len(records.train), "dev": len(records.dev), "test": len(records.test)}
        return of_training(model, feed, recipe.training, recipe.seed, counts)


def fine_tuning(
    name: str,
    row: Row,
    files: Files,
    model: Contestant,
    *,
    seed: int,
    length: int | None,
    full: bool,
    words: Mapping[str, Any],
) -> FineTuning:
    """Return the run of one row, model and seed; see `row_recipe`."""
    recipe = row_recipe(name, row, files, str(model.folder), seed=seed, length=length, full=full, words=words)
    return FineTuning(model, with_learning_rate(recipe, model.about.settings.width))


def row_recipe(
    name: str,
    row: Row,
    files: Files,
    model: str,
    *,
    seed: int,
    length: int | None,
    full: bool,
    words: Mapping[str, Any],
) -> TaskRecipe:
    """Return the recipe with which a model, a folder, learns a row.

    `length` is the longest row, in tokens, that all models can read; longer ones are cut. `words` are settings of
    recipes: `task` and `data` change the row, all others the run.
    """
    task = row.task.model_dump(mode="json")
    if length is not None:
        task["length"] = min(task["length"], length)
    data: Values = {**files.parts, "columns": files.columns.model_dump(mode="json")}
    if not full:
        data |= {"limit": MOST_RECORDS, "judged": row.judged}
    own = {part: words[part] for part in ("task", "data") if part in words}
    run = {part: value for part, value in words.items() if part not in own}
    return of_layers(
        [
            {"name": name, "model": model, "tasks": {name: {"task": task, "data": data}}},
            {"training": row.training},
            {"tasks": {name: own}} if own else {},
            merge(run, {"seed": seed}),
        ]
    )
