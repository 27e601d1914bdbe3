"""Which weights of heads a model begins with: those that say what is wanted now; others are drawn anew.

from a pretrained model      what stands before the classifier, such as BERT's pooler
from a task                  the whole head of a task of the same kind and meaning, such as its labels
from several tasks           that of the one which is called the same, too
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from bothways.config import Settings
from bothways.tasks import SeveralSettings, TaskSettings, means_the_same, settings_of_tasks


@dataclass(frozen=True)
class HeadOf:
    """Where the head of a task stands in a model."""

    task: TaskSettings
    name: str | None
    """The task's, where it is known: that of a single one does not stand in its folder."""
    prefix: str
    """What the names of its parameters begin with."""


def heads_of(objective: Settings, name: str | None = None) -> list[HeadOf]:
    """Return the heads of a fine-tuned model, none of a pretrained one; `name` is what a single task is called."""
    if isinstance(objective, TaskSettings):
        return [HeadOf(objective, name, "objective.")]
    if not isinstance(objective, SeveralSettings):
        return []
    return [
        HeadOf(task, each, f"objective.tasks.{each}.") for each, task in settings_of_tasks(objective).items()
    ]


def begun_as_pretrained(found: Mapping[str, Tensor], head: HeadOf) -> dict[str, Tensor]:
    """Return what a head, and its encoder, begin with of a pretrained folder, `found` under the names of its task.

    A classifier that is there is somebody else's, of unknown labels.
    """
    known = {name: tensor for name, tensor in found.items() if not name.startswith("objective.classifier.")}
    return _under(known, "encoder.") | _under(known, "objective.", head.prefix)


def begun_as_trained(
    found: Mapping[str, Tensor], theirs: Sequence[HeadOf], heads: Sequence[HeadOf]
) -> dict[str, Tensor]:
    """Return what heads, and their encoder, begin with of a fine-tuned folder, `found` under its own names."""
    begun = _under(found, "encoder.")
    for head in heads:
        for other in theirs:
            if other.name in (None, head.name) and means_the_same(head.task, other.task):
                begun |= _under(found, other.prefix, head.prefix)
    return begun


def _under(found: Mapping[str, Tensor], prefix: str, wanted: str | None = None) -> dict[str, Tensor]:
    """Return the parameters whose names begin so, with another beginning if wanted."""
    return {
        (wanted or prefix) + name.removeprefix(prefix): tensor
        for name, tensor in found.items()
        if name.startswith(prefix)
    }
