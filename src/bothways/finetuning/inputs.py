"""What a fine-tuning run is made from: its recipe in full, the model it starts from, and the records of its tasks."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from bothways import files
from bothways.config import Settings
from bothways.finetuning.build import check
from bothways.finetuning.data import TaskRecords, read_tasks
from bothways.finetuning.teaching import with_teachers
from bothways.interop.folder import Description, describe
from bothways.objectives import OBJECTIVES
from bothways.task_recipe import TaskRecipe, with_learning_rate
from bothways.tasks import SeveralSettings, TaskSettings
from bothways.teachers import digest_of
from bothways.training import run_folder

Say = Callable[[str], None]

PARTS = ("train", "dev", "test")
"""Of the records of a task."""

WHERE: dict[str, Any] = {
    "model": True,
    "tasks": {"__all__": {"data": set(PARTS), "distil": {"teachers"}}},
    "training": {"device", "threads"},
}
"""Settings that say where models and records lie and where a run is computed, not what comes of it."""


@dataclass(frozen=True)
class Inputs:
    """Everything that decides a run."""

    recipe: TaskRecipe
    """With what the model, teachers and training records decide filled in: the learning rate, labels and the like."""
    model: Path
    """The folder of the model it starts from."""
    about: Description
    """Of that model."""
    tasks: Mapping[str, TaskRecords]

    @cached_property
    def fingerprints(self) -> dict[str, Any]:
        """The SHA-256 of what lies outside the recipe: the model, and each part of the records of each task."""
        records = {
            name: {part: _digest(getattr(each, part)) for part in PARTS} for name, each in self.tasks.items()
        }
        return {"model": digest_of(self.model), "records": records}

    @property
    def digest(self) -> str:
        """The SHA-256 of everything that decides the run's numbers."""
        recipe = self.recipe.model_dump(mode="json", exclude=WHERE)
        return files.digest(json.dumps([recipe, self.fingerprints], sort_keys=True))


def read_inputs(recipe: TaskRecipe, say: Say) -> Inputs:
    """Find the model and read the records; raise `UsageError` or `DataError` for what cannot be trained."""
    model = run_folder.resolve_run(Path(recipe.model), say)
    about = describe(model)
    check(recipe, about)
    recipe = with_teachers(with_learning_rate(recipe, about.settings.width))
    tasks = read_tasks(recipe, about.layout, is_causal=reads_from_the_left(about.objective), say=say)
    parts = {
        name: part.model_copy(update={"task": tasks[name].settings}) for name, part in recipe.tasks.items()
    }
    return Inputs(recipe.model_copy(update={"tasks": parts}), model, about, tasks)


def reads_from_the_left(objective: Settings) -> bool:
    """Say whether a model was trained to read from left to right, by the settings of its objective."""
    if isinstance(objective, SeveralSettings):
        return any(values["is_causal"] for values in objective.tasks.values())
    if isinstance(objective, TaskSettings):
        return objective.is_causal
    kind: str = objective.kind  # type: ignore[attr-defined]  # every objective's settings have one
    return "both sides" not in OBJECTIVES[kind][1].offers


def _digest(records: Sequence[Any]) -> str:
    """Return the SHA-256 of what records hold, in their order; the file may have been moved."""
    return files.digest("\n".join(repr(replace(record, where="")) for record in records))
