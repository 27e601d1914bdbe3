"""Every task that a model can be fine-tuned to, by the name that the command line gives it."""

from collections.abc import Mapping
from typing import Any

from bothways.config import build
from bothways.errors import CheckpointError
from bothways.model.encoder import Encoder
from bothways.tasks.answer import Answer, AnswerSettings
from bothways.tasks.base import Judged, Prediction, Task, TaskSettings
from bothways.tasks.choose import Choose, ChooseSettings
from bothways.tasks.classify import Classify, ClassifySettings
from bothways.tasks.embed import Embed, EmbedSettings
from bothways.tasks.regress import Regress, RegressSettings
from bothways.tasks.several import Several, SeveralSettings, can_be_called
from bothways.tasks.tag import Tag, TagSettings
from bothways.vocabulary import Vocabulary

TASKS: dict[str, tuple[type[TaskSettings], type[Task[Any]]]] = {
    "classify": (ClassifySettings, Classify),
    "regress": (RegressSettings, Regress),
    "tag": (TagSettings, Tag),
    "answer": (AnswerSettings, Answer),
    "choose": (ChooseSettings, Choose),
    "embed": (EmbedSettings, Embed),
}

__all__ = [
    "TASKS",
    "Judged",
    "Prediction",
    "Several",
    "SeveralSettings",
    "Task",
    "TaskSettings",
    "build_several",
    "build_task",
    "can_be_called",
    "means_the_same",
    "settings_of_tasks",
]


def build_task(settings: TaskSettings, vocabulary: Vocabulary, encoder: Encoder) -> Task[Any]:
    """Build a task with a fresh head."""
    task = TASKS[settings.kind][1](settings, vocabulary, encoder, {})
    task.initialise(encoder.settings.initial_deviation)
    return task


def build_several(
    tasks: Mapping[str, TaskSettings],
    vocabulary: Vocabulary,
    encoder: Encoder,
    loss_weights: dict[str, float] | None = None,
) -> Several:
    """Build several tasks over one encoder, with fresh heads."""
    built = {name: build_task(settings, vocabulary, encoder) for name, settings in tasks.items()}
    settings = SeveralSettings(tasks={name: each.model_dump(mode="json") for name, each in tasks.items()})
    return Several(settings, vocabulary, encoder, built, loss_weights)


def settings_of_tasks(several: SeveralSettings) -> dict[str, TaskSettings]:
    """Return the settings of each of several tasks; raise `CheckpointError` for a kind that there is not."""
    found: dict[str, TaskSettings] = {}
    for name, values in several.tasks.items():
        if (kind := values.get("kind")) not in TASKS:
            raise CheckpointError(
                f"task {name} of the model is of kind {kind!r}, which this Bothways does not know; use a newer one"
            )
        found[name] = build(TASKS[kind][0], values, f"task {name} of the model")
    return found


def means_the_same(one: TaskSettings, other: TaskSettings) -> bool:
    """Say whether the outputs of two heads mean the same, so that one can go on from the other's weights."""
    meaning = TASKS[one.kind][1].meaning
    return one.kind == other.kind and all(getattr(one, name) == getattr(other, name) for name in meaning)
