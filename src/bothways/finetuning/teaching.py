"""Teachers of tasks: models fine-tuned to the same, asked once about every record (Liu et al. 2019b, section 3).

What they say is kept with the records, so a step costs what it costs without them. It is about records, not tokens, so
teachers and student may have different tokenizers, layouts and backbones.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bothways import runtime
from bothways.config import build
from bothways.errors import UsageError
from bothways.finetuning.build import reader_of
from bothways.finetuning.data import TaskRecords
from bothways.finetuning.predicting import task_named
from bothways.interop.folder import describe, read_model
from bothways.records.types import unlabelled
from bothways.task_recipe import TaskPart, TaskRecipe
from bothways.tasks import TASKS, SeveralSettings, TaskSettings
from bothways.tasks.answering import outputs_by_record
from bothways.teachers import with_digests
from bothways.training.run_folder import resolve_run

Say = Callable[[str], None]


def with_teachers(recipe: TaskRecipe) -> TaskRecipe:
    """Return the recipe with what teachers decide: their digests, and what the outputs mean, such as the labels.

    Raises `UsageError` for teachers that do another task.
    """
    parts = {name: _with_teachers(name, part) for name, part in recipe.tasks.items()}
    return recipe.model_copy(update={"tasks": parts})


def _with_teachers(name: str, part: TaskPart) -> TaskPart:
    if part.distil is None:
        return part
    kind, task = part.task.kind, part.task
    if not TASKS[kind][1].teaches:
        able = " or ".join(known for known, (_, build_task) in TASKS.items() if build_task.teaches)
        raise UsageError(f"a model cannot be taught to {kind} by others, only to {able}; leave distil out")
    for teacher in part.distil.teachers:
        theirs = settings_of(Path(teacher), name)
        if theirs.kind != kind:
            raise UsageError(
                f"the teacher {teacher} was fine-tuned to {theirs.kind}, task {name} is to {kind}; "
                "choose another teacher, or another task"
            )
        task = _meaning_the_same(task, theirs, teacher)
    return part.model_copy(update={"task": task, "distil": with_digests(part.distil, f"tasks.{name}.distil")})


def settings_of(teacher: Path, name: str | None) -> TaskSettings:
    """Return the settings of a teacher's task; of several, that of the name, or else the only one."""
    settings = describe(resolve_run(teacher)).objective
    if isinstance(settings, SeveralSettings):
        tasks = settings.tasks
        if name not in tasks and len(tasks) > 1:
            raise UsageError(
                f"the teacher {teacher} does several tasks, {', '.join(tasks)}, none of them called {name}; "
                "name the task as it does with --as"
            )
        values = tasks[name] if name in tasks else next(iter(tasks.values()))
        return build(TASKS[values["kind"]][0], values, str(teacher))
    if not isinstance(settings, TaskSettings):
        raise UsageError(
            f"the teacher {teacher} was pretrained and does no task yet; fine-tune it first: bothways finetune"
        )
    return settings


def _meaning_the_same(task: TaskSettings, theirs: TaskSettings, teacher: str) -> TaskSettings:
    """Return a student's settings whose outputs mean what a teacher's do; what is not said is the teacher's.

    Labels must be the same ones in the same order. Numbers are compared in their own unit, whatever that is.
    """
    for name in TASKS[task.kind][1].meaning:
        ours, wanted = getattr(task, name), getattr(theirs, name)
        if ours in (None, ()):
            task = task.model_copy(update={name: wanted})
        elif name == "labels" and ours != wanted:
            raise UsageError(
                f"the teacher {teacher} knows the labels {', '.join(wanted)}, its student is to learn "
                f"{', '.join(ours)}; teachers and student need the same ones in the same order"
            )
    return task


def soft_targets(
    recipe: TaskRecipe, tasks: Mapping[str, TaskRecords], say: Say, device: torch.device
) -> dict[str, list[np.ndarray]]:
    """Return what teachers say of each training record, a mean over teachers, of every task that has some.

    They are asked on `device`, where their student is trained afterwards.
    """
    runtime.set_threads(recipe.training.threads)
    return {
        name: _mean_over_teachers(name, part, tasks[name].train, say, device)
        for name, part in recipe.tasks.items()
        if part.distil is not None
    }


def _mean_over_teachers(
    name: str, part: TaskPart, records: list[Any], say: Say, device: torch.device
) -> list[np.ndarray]:
    assert part.distil is not None
    say(f"{name}: asking {', '.join(part.distil.teachers)} about {len(records):,} records")
    answers = [
        _said_by(teacher, name, records, part.distil.temperature, device) for teacher in part.distil.teachers
    ]
    return [np.mean(said, axis=0) for said in zip(*answers, strict=True)]


def _said_by(
    teacher: str, name: str, records: list[Any], temperature: float, device: torch.device
) -> list[np.ndarray]:
    """Return what one teacher says of each record."""
    folder = resolve_run(teacher)
    model, missing = read_model(folder)
    is_of_several = isinstance(describe(folder).objective, SeveralSettings)
    task = task_named(model, name if is_of_several else None, folder, missing)
    reader = reader_of(model, task)
    items = [task.items(unlabelled(record), reader) for record in records]
    outputs = outputs_by_record(task.to(device), model.encoder.to(device), items)
    return [task.soft_targets(each, said, temperature) for each, said in zip(items, outputs, strict=True)]
