"""From a recipe of tasks and their records to the parts of a run."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bothways import allocator, runtime
from bothways.errors import UsageError
from bothways.finetuning.data import TaskRecords
from bothways.finetuning.students import is_fresh
from bothways.formats.loader import Loader
from bothways.interop.folder import Description, Model, load_weights, write_model
from bothways.model.backbones import build_encoder, offers_of
from bothways.model.settings import EncoderSettings
from bothways.objectives.base import Objective
from bothways.task_recipe import TaskRecipe
from bothways.tasks import Several, SeveralSettings, Task, TaskSettings, build_several, build_task
from bothways.tasks.answering import predict_items
from bothways.tasks.feed import Feed, Mixture
from bothways.tasks.rows import Item, Reader
from bothways.text.tokenizer import load_tokenizer, vocabulary_of
from bothways.training.distributed import Place
from bothways.training.loop import Run


@dataclass(frozen=True)
class Built:
    """A fine-tuning run and what else was built on the way."""

    run: Run
    model: Model
    feed: Feed | Mixture
    missing: tuple[str, ...]
    """Parameters that the model it starts from does not have."""


def tasks_of(objective: Objective) -> dict[str | None, Task[Any]]:
    """Return the tasks of a model by name; one alone has none."""
    if isinstance(objective, Several):
        return {name: objective.task(name) for name in objective.tasks}
    assert isinstance(objective, Task)
    return {None: objective}


def encoder_settings(recipe: TaskRecipe, about: Description) -> EncoderSettings:
    """Return the settings of the model's encoder, with the recipe's dropout and memory."""
    changes: dict[str, Any] = {"dropout": recipe.dropout, "attention_dropout": recipe.attention_dropout}
    if recipe.memory is not None:
        if "memory" not in type(about.settings).model_fields:
            raise UsageError(
                f"memory={recipe.memory} is asked for, but the model in {recipe.model} keeps none; leave it out"
            )
        changes["memory"] = recipe.memory
    return about.settings.model_copy(update=changes)


def build_model(
    recipe: TaskRecipe, about: Description, folder: Path, tasks: Mapping[str, TaskRecords]
) -> Model:
    """Build the encoder and a head for each task, with fresh weights drawn from the seed alone."""
    runtime.seed_everything(recipe.seed)
    tokenizer = load_tokenizer(folder)
    vocabulary = vocabulary_of(tokenizer)
    encoder = build_encoder(encoder_settings(recipe, about), vocabulary)
    settings = {name: records.settings for name, records in tasks.items()}
    if recipe.is_single:
        objective: Objective = build_task(next(iter(settings.values())), vocabulary, encoder)
    else:
        weights = {name: part.weight for name, part in recipe.tasks.items()}
        objective = build_several(settings, vocabulary, encoder, weights)
    return Model(encoder, objective, tokenizer, vocabulary, about.layout)


def reader_of(model: Model, task: Task[Any]) -> Reader:
    """Return how a model reads a task's texts."""
    has_segments = "segments" in offers_of(model.encoder.settings)
    return Reader(model.tokenizer, model.vocabulary, model.layout, has_segments, task.settings.length)


def check(recipe: TaskRecipe, about: Description) -> None:
    """Refuse tasks that the model cannot do, before any work; raise `UsageError` that names the fix."""
    settings: Any = encoder_settings(recipe, about)
    _check_schedule(recipe)
    longest = getattr(settings, "max_positions", None)
    for name, part in recipe.tasks.items():
        if "." in name or not name:
            raise UsageError(f"a task is called {name!r}; choose a name without a dot")
        if longest is not None and part.task.length > longest:
            key = f"tasks.{name}.task.length"
            raise UsageError(
                f"{key}={part.task.length} is longer than the {longest} positions that the model learned; "
                f"set {key}={longest}"
            )
        if getattr(part.task, "long_texts", "cut") == "memory" and not getattr(settings, "memory", 0):
            raise UsageError(
                f"tasks.{name}.task.long_texts=memory needs a model that remembers: one of backbone transformer_xl, "
                "with memory=N where it was trained without; or leave it out, and longer texts are cut"
            )


def _check_schedule(recipe: TaskRecipe) -> None:
    """Refuse stages: a task has a length, and its records are its batches."""
    schedule = recipe.training.schedule
    if schedule.length:
        raise UsageError(
            "training.schedule.length is for pretraining, where a row is as much text as wanted; rows of records are "
            "as long as their texts, up to the length of their task, so leave it out"
        )
    if schedule.batch:
        raise UsageError(
            "training.schedule.batch is for pretraining, where text abounds; here the records that a smaller batch has "
            "no room for would never be learned, so leave it out"
        )


def lay_out(model: Model, tasks: Mapping[str, TaskRecords], part: str) -> dict[str, list[list[Item]]]:
    """Return the items of every record of a part (`train`, `dev`, `test`) of each task."""
    found = {}
    for (key, task), (name, records) in zip(tasks_of(model.objective).items(), tasks.items(), strict=True):
        assert key in (None, name)
        reader = reader_of(model, task)
        found[name] = [task.items(record, reader) for record in getattr(records, part)]
    return found


def teach(
    recipe: TaskRecipe,
    model: Model,
    items: dict[str, list[list[Item]]],
    soft: Mapping[str, list[np.ndarray]],
) -> None:
    """Give the items of training records, and their tasks, what teachers say of them."""
    for task, (name, part) in zip(tasks_of(model.objective).values(), recipe.tasks.items(), strict=True):
        task.taught = part.distil
        if name in soft:
            pairs = zip(items[name], soft[name], strict=True)
            items[name] = [task.with_soft_targets(each, said) for each, said in pairs]


def make_feed(recipe: TaskRecipe, model: Model, items: Mapping[str, list[list[Item]]]) -> Feed | Mixture:
    """Return which items each step trains."""
    batch = recipe.training.batch
    feeds = {
        name: Feed(task, [item for each in items[name] for item in each], recipe.seed, batch, key)
        for name, (key, task) in zip(items, tasks_of(model.objective).items(), strict=True)
    }
    return next(iter(feeds.values())) if recipe.is_single else Mixture(feeds, recipe.mix, recipe.seed)


def make_judge(
    model: Model, tasks: Mapping[str, TaskRecords], items: Mapping[str, list[list[Item]]]
) -> Callable[[], dict[str, float]]:
    """Return what judges the dev records; of several tasks, the mean of what decides each comes first."""

    def judge() -> dict[str, float]:
        found = {}
        for (key, task), (name, records) in zip(
            tasks_of(model.objective).items(), tasks.items(), strict=True
        ):
            said = predict_items(task, model.encoder, records.dev, items[name])
            settle(model.objective, key, task.tuned(records.dev, said))
            found[key] = task.judge(records.dev, said).metrics
        if None in found:
            return found[None]
        first = {
            f"{name} {metric}": value for name, of in found.items() for metric, value in [*of.items()][:1]
        }
        return {"mean": sum(first.values()) / len(first), **first}

    return judge


def settle(objective: Objective, name: str | None, settings: TaskSettings) -> None:
    """Give a task of a model, which has no name where it is alone, the settings that were tuned for it."""
    tasks_of(objective)[name].settings = settings
    if isinstance(objective, Several):
        known = {**objective.settings.tasks, str(name): settings.model_dump(mode="json")}
        objective.settings = SeveralSettings(tasks=known)


def build(
    recipe: TaskRecipe,
    about: Description,
    folder: Path,
    tasks: Mapping[str, TaskRecords],
    out: Path,
    place: Place,
    weights: Path,
    soft: Mapping[str, list[np.ndarray]],
) -> Built:
    """Build everything a run needs, on its device.

    `folder` is the pretrained model, `weights` what to start from: the same, or a checkpoint of this run. `soft` is
    what teachers say of each training record of the tasks that have some.
    """
    settings = recipe.training
    runtime.set_threads(settings.threads)
    allocator.keep_freed_memory()
    model = build_model(recipe, about, folder, tasks)
    missing = load_weights(weights, model.encoder, model.objective, next(iter(tasks)))
    for module in (model.encoder, model.objective):
        module.to(place.device).train()
    items = {part: lay_out(model, tasks, part) for part in ("train", "dev")}
    teach(recipe, model, items["train"], soft)
    feed = make_feed(recipe, model, items["train"])
    settings = settings.in_steps(feed.steps_per_epoch)
    if settings.evaluate_every is None:
        settings = settings.model_copy(update={"evaluate_every": feed.steps_per_epoch})
    facts = _facts(recipe, model, tasks)
    loader = Loader(
        feed,
        model.objective.corrupt,
        seed=recipe.seed,
        global_rows=settings.batch,
        micro_rows=settings.micro_batch or max(1, settings.batch // place.world),
        rank=place.rank,
        world=place.world,
        static_epochs=settings.static_epochs,
    )
    run = Run(
        model.encoder,
        model.objective,
        loader,
        settings,
        recipe.seed,
        out,
        place,
        runtime.choose_precision(place.device, settings.precision),
        # The settings are those of the moment: judging may have tuned them.
        write_model=lambda place: write_model(place, model, model.objective.settings, (), facts=facts),
        evaluate=make_judge(model, tasks, items["dev"]),
        better="higher",
        judged="dev",
        go_on=f"finetune --tasks {shlex.quote(str(out / 'recipe.yaml'))} --out {shlex.quote(str(out))} --resume",
    )
    runtime.seed_everything(recipe.seed, place.rank)
    return Built(run, model, feed, tuple(missing))


def _facts(recipe: TaskRecipe, model: Model, tasks: Mapping[str, TaskRecords]) -> dict[str, Any]:
    settings: Any = model.encoder.settings
    teachers = [teacher for part in recipe.tasks.values() if part.distil for teacher in part.distil.teachers]
    return {
        "name": recipe.name,
        ("drawn anew as" if is_fresh(Path(recipe.model)) else "fine-tuned from"): Path(recipe.model).name,
        "tasks": ", ".join(f"{name} ({records.settings.kind})" for name, records in tasks.items()),
        "training records": ", ".join(f"{len(records.train):,}" for records in tasks.values()),
        "backbone": f"{settings.kind}, {settings.layers} layers of width {settings.width}",
        **({"taught by": ", ".join(teachers)} if teachers else {}),
        "seed": recipe.seed,
        "made with": f"PyTorch {torch.__version__}",
    }
