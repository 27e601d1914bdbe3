"""A fine-tuning run is one recipe too: a model, its tasks with their data, and how it is trained.

`bothways finetune RUN --task classify --data train.csv` is short for a recipe of one task; `--tasks FILE` reads one in
full, or a part of it. What is resolved is written down as `recipe.yaml`, and reads back to the identical run.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic import Field

from bothways import files
from bothways.config import Settings, build, nearest, one_of
from bothways.errors import UsageError
from bothways.objectives.teaching import TeachingSettings
from bothways.recipe_files import dump, merge_layers, parse_words, read_yaml
from bothways.records.columns import ColumnSettings
from bothways.tasks import TASKS, TaskSettings, can_be_called
from bothways.tasks.feed import MixSettings
from bothways.training.metrics import COLUMNS
from bothways.training.settings import TrainingSettings

if TYPE_CHECKING:  # a type checker cannot read unions out of dictionaries
    AnyTask: TypeAlias = TaskSettings
else:
    AnyTask = one_of(TASKS)

TRAINING: dict[str, Any] = {
    "epochs": 3.0,
    "batch": 32,
    "optimizer": {"kind": "adamw", "layer_decay": 0.8},
    "schedule": {"kind": "linear", "warmup": 0.1},
    "evaluate_every": None,
    "save_every": None,
    "keep": 1,
}
"""How small labelled sets are learned unless it is said otherwise: ELECTRA's settings for its small and base models
(Clark et al. 2020, appendix B, table 7), which serve the other families as well; 3 epochs are BERT's."""

LEARNING_RATES: dict[float, float] = {512: 3e-4, math.inf: 1e-4}
"""Width of the encoder, at most -> the learning rate: ELECTRA-small's and ELECTRA-base's, from the same table.

The bound lies between their widths of 256 and 768, where models of our own (4 layers of width 512, BERT's and XLNet's)
still learn better at the higher rate."""


class TaskData(Settings):
    """The labelled files of a task."""

    train: str | None = None
    """Records to learn from: a file, or for some tasks a folder."""
    dev: str | None = None
    """Records that choose the best checkpoint; absent, a tenth of `train` by hash of its content, and another tenth is
    the test records if there are none."""
    test: str | None = None
    """Records that are judged once, at the end; absent, none are where `dev` is given."""
    columns: ColumnSettings = ColumnSettings()
    """Which columns of a table hold what; guessed where nothing is said."""
    limit: int | None = Field(default=None, ge=1)
    """Training records that are used at most, drawn by the seed of the data: 0."""
    judged: int | None = Field(default=None, ge=1)
    """Dev records, and test records, that are judged at most, drawn in the same way."""
    strict: bool = False
    """Whether the first bad row is an error; else bad rows are left out and counted."""


class TaskPart(Settings):
    """One of the tasks."""

    task: AnyTask
    """What is learned."""
    data: TaskData = TaskData()
    """From what."""
    weight: float = Field(default=1.0, ge=0)
    """What its mean loss is multiplied by."""
    distil: TeachingSettings | None = None
    """Models of the same task to learn from besides; see `bothways distil`."""


class TaskRecipe(Settings):
    """Everything that decides a fine-tuning run."""

    name: str
    """What the run is called: its folder is `runs/NAME-1` unless `--out` says otherwise."""
    seed: int = Field(default=1, ge=0, lt=2**63)
    """Decides new heads, the order of the records, and dropout."""
    model: str
    """The encoder: a run, a checkpoint, or a folder from Hugging Face."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Share of hidden values dropped in training, whatever the model was pretrained with."""
    attention_dropout: float = Field(default=0.1, ge=0, lt=1)
    """Share of attention weights dropped in training."""
    memory: int | None = Field(default=None, ge=0)
    """How many states are remembered where long texts are read with memory; absent: as in the model."""
    tasks: dict[str, TaskPart]
    """The tasks, by name; each has a head of its own over the shared encoder."""
    mix: MixSettings = MixSettings()
    """Which task a step trains, where there are several."""
    training: TrainingSettings
    """How the weights are learned, how often the dev records are judged, and when to stop; with `evaluate_every: null`
    they are judged after each epoch."""

    @property
    def is_single(self) -> bool:
        return len(self.tasks) == 1


def of_one_task(
    model: str, kind: str, data: Mapping[str, Any], words: Sequence[str], *, name: str | None = None
) -> TaskRecipe:
    """Return the recipe of one task: `task.…`, `data.…` and `distil.…` words are about it, others about the recipe."""
    values = parse_words(words)
    about: dict[str, Any] = {part: values.pop(part) for part in ("task", "data", "distil") if part in values}
    part = merge_layers([{"task": {"kind": kind}, "data": dict(data)}, about])
    named = str(values.pop("name", "") or name or kind)
    return of_layers([{"name": named, "model": model, "tasks": {named: part}}, values])


def of_file(model: str | None, path: Path, words: Sequence[str]) -> TaskRecipe:
    """Return the recipe that a YAML file describes, `words` on top; `model`, where it is given, replaces the file's."""
    given = {} if model is None else {"model": model}
    return of_layers([{"name": path.stem}, read_yaml(path), given, parse_words(words)])


def of_layers(layers: Sequence[dict[str, Any]]) -> TaskRecipe:
    """Return the recipe of nested values, later ones on top; `TRAINING` lies below all of them.

    A learning rate that none of them says waits for the model: `with_learning_rate`.
    """
    values = merge_layers([{"training": TRAINING}, *layers])
    recipe = build(TaskRecipe, values, f"the recipe {values['name']}")
    if not recipe.tasks:
        raise UsageError("the recipe names no task; give one under `tasks`, or --task and --data")
    _check_names(recipe)
    return recipe


def with_learning_rate(recipe: TaskRecipe, width: int) -> TaskRecipe:
    """Return the recipe with the learning rate for an encoder of that width, unless one was said."""
    training = recipe.training
    if "learning_rate" in training.optimizer.model_fields_set:
        return recipe
    rate = next(rate for widest, rate in LEARNING_RATES.items() if width <= widest)
    optimizer = training.optimizer.model_copy(update={"learning_rate": rate})
    return recipe.model_copy(update={"training": training.model_copy(update={"optimizer": optimizer})})


def _check_names(recipe: TaskRecipe) -> None:
    """Refuse tasks that cannot be called so, and a main one that is not there; raise `UsageError`."""
    names = list(recipe.tasks)
    for name in names if len(names) > 1 else ():
        if not can_be_called(name):
            raise UsageError(
                f"a task of several cannot be called {name!r}, which PyTorch needs; choose another name"
            )
        if name in COLUMNS:
            raise UsageError(
                f"a task of several cannot be called {name!r}, a column of metrics.jsonl, where its loss has one of "
                "its own; choose another name"
            )
    if recipe.mix.main is not None and recipe.mix.main not in names:
        raise UsageError(
            f"mix.main={recipe.mix.main} is none of the tasks; {nearest(recipe.mix.main, names)}"
        )


def write_resolved(recipe: TaskRecipe, path: Path) -> None:
    """Write every setting of `recipe` to `path` as YAML; `of_file` reads the identical recipe back."""
    heading = "# This fine-tuning run with every setting filled in; `bothways finetune --tasks` accepts this file.\n"
    files.write_text(path, heading + dump(recipe.model_dump(mode="json")))
