"""Every task that a model can be fine-tuned to, by the name that the command line gives it."""

from collections.abc import Mapping
from typing import Any

from bothways.model.encoder import Encoder
from bothways.tasks.answer import Answer, AnswerSettings
from bothways.tasks.base import Judged, Prediction, Task, TaskSettings
from bothways.tasks.choose import Choose, ChooseSettings
from bothways.tasks.classify import Classify, ClassifySettings
from bothways.tasks.embed import Embed, EmbedSettings
from bothways.tasks.regress import Regress, RegressSettings
from bothways.tasks.several import Several, SeveralSettings
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
