"""`bothways finetune`: train a pretrained model to its tasks in a run folder, and judge the best checkpoint."""

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bothways import files, runtime
from bothways.config import Settings
from bothways.errors import CheckpointError, UsageError
from bothways.finetuning.build import (
    Built,
    build,
    build_model,
    check,
    lay_out,
    make_feed,
    reader_of,
    tasks_of,
)
from bothways.finetuning.data import TaskRecords, read_tasks
from bothways.finetuning.results import RESULTS, TaskResult, write_results
from bothways.finetuning.teaching import soft_targets, with_teachers
from bothways.interop.folder import describe, load_weights, read_model
from bothways.metrics.bootstrap import bootstrap
from bothways.objectives import OBJECTIVES
from bothways.pretrain import next_folder
from bothways.recipe_files import flat
from bothways.task_recipe import TaskRecipe, of_file, write_resolved
from bothways.tasks import SeveralSettings, TaskSettings
from bothways.tasks.answering import predict
from bothways.training import distributed, run_folder
from bothways.training.loop import train
from bothways.training.metrics import Progress, duration
from bothways.training.state import State

Say = Callable[[str], None]


@dataclass(frozen=True)
class FineTuned:
    """What a fine-tuning run came to."""

    folder: Path
    checkpoint: Path
    """The best checkpoint: a Hugging Face folder."""
    steps: int
    seconds: float
    results: list[TaskResult]

    def lines(self) -> list[str]:
        """Return every score with its interval, and where everything is."""
        return [
            *(_line(result) for result in self.results),
            f"trained {self.steps:,} steps in {duration(self.seconds)}",
            f"model: {self.checkpoint}",
            f"next:  bothways predict {self.folder} FILE --out predictions.jsonl",
        ]


def finetune(recipe: TaskRecipe, out: Path | None, *, resume: bool = False, quiet: bool = False) -> FineTuned:
    """Train a model to the tasks of a recipe, or continue the run that is there; raises every `BothwaysError`."""
    began = time.monotonic()
    start = run_folder.resolve_run(Path(recipe.model))
    about = describe(start)
    check(recipe, about)
    with (
        distributed.joined(recipe.training.device) as place,
        Progress(quiet=quiet or not place.is_main) as bar,
    ):
        folder = out or next_folder(recipe.name)
        is_causal = reads_from_the_left(about.objective)
        recipe = with_teachers(recipe)
        tasks = read_tasks(recipe, about.layout, is_causal=is_causal, say=bar.say)
        recipe = filled_in(recipe, tasks)
        _refuse_other_run(folder, recipe, resume=resume)
        with run_folder.locked(folder) if place.is_main else contextlib.nullcontext():
            checkpoint = run_folder.newest_complete(folder, bar.say) if resume else None
            soft = soft_targets(recipe, tasks, bar.say)
            built = build(recipe, about, start, tasks, folder, place, checkpoint or start, soft)
            if place.is_main:
                _write_down(recipe, built, tasks, folder)
            for line in _opening(recipe, built):
                bar.say(line)
            state = train(built.run, bar, checkpoint)
        return _outcome(recipe, tasks, folder, state, began)


@dataclass(frozen=True)
class Foreseen:
    """What a fine-tuning run would do."""

    recipe: TaskRecipe
    steps: int
    """An epoch's."""
    parameters: int
    fresh: tuple[str, ...]
    """Parameters that the model it starts from does not have."""
    notes: list[str]

    def lines(self) -> list[str]:
        """Return what was read and what would be trained."""
        kinds = ", ".join(f"{name} ({part.task.kind})" for name, part in self.recipe.tasks.items())
        return [
            *self.notes,
            f"would train {kinds} from {self.recipe.model}: {self.parameters / 1e6:.1f} M parameters, "
            f"{self.steps:,} steps an epoch",
            "nothing was written; leave out --dry-run to do it",
        ]


def foresee(recipe: TaskRecipe, say: Say) -> Foreseen:
    """Read the records, build the model and say what would happen; writes nothing."""
    start = run_folder.resolve_run(Path(recipe.model), say)
    about = describe(start)
    check(recipe, about)
    is_causal = reads_from_the_left(about.objective)
    recipe = with_teachers(recipe)
    tasks = read_tasks(recipe, about.layout, is_causal=is_causal, say=say)
    model = build_model(recipe, about, start, tasks)
    fresh = load_weights(start, model.encoder, model.objective)
    feed = make_feed(recipe, model, lay_out(model, tasks, "train"))
    count = sum(each.numel() for part in (model.encoder, model.objective) for each in part.parameters())
    return Foreseen(filled_in(recipe, tasks), feed.steps_per_epoch, count, tuple(fresh), feed.report())


def reads_from_the_left(objective: Settings) -> bool:
    """Say whether a model was trained to read from left to right, by the settings of its objective."""
    if isinstance(objective, SeveralSettings):
        return any(values["is_causal"] for values in objective.tasks.values())
    if isinstance(objective, TaskSettings):
        return objective.is_causal
    kind: str = objective.kind  # type: ignore[attr-defined]  # every objective's settings have one
    return "both sides" not in OBJECTIVES[kind][1].offers


def filled_in(recipe: TaskRecipe, tasks: Mapping[str, TaskRecords]) -> TaskRecipe:
    """Return the recipe with what the training records decide, such as labels."""
    parts = {
        name: part.model_copy(update={"task": tasks[name].settings}) for name, part in recipe.tasks.items()
    }
    return recipe.model_copy(update={"tasks": parts})


def _refuse_other_run(folder: Path, recipe: TaskRecipe, *, resume: bool) -> None:
    """Overwrite no run that was not asked to be resumed, and resume none that is not there or of another recipe."""
    written = folder / "recipe.yaml"
    if not resume:
        if (folder / "checkpoints").exists() or written.exists():
            raise UsageError(
                f"{folder} already holds a run; continue it with --resume, or choose another folder with --out"
            )
        return
    if not written.exists():
        raise CheckpointError(f"{folder} holds no run to resume; leave out --resume to begin one")
    before, now = (
        flat(
            each.model_dump(
                mode="json", exclude={"training": {"epochs", "steps", "minutes", "device", "threads"}}
            )
        )
        for each in (of_file(None, written, []), recipe)
    )
    for name in sorted(before | now):
        if before.get(name) != now.get(name):
            raise UsageError(
                f"{folder} was begun with {name}={before.get(name)}, now it is {now.get(name)}, which would be another "
                "run; resume it unchanged, or begin a new one"
            )


def _write_down(recipe: TaskRecipe, built: Built, tasks: Mapping[str, TaskRecords], folder: Path) -> None:
    write_resolved(recipe, folder / "recipe.yaml")
    parts = (built.model.encoder, built.model.objective)
    files.write_json(
        folder / "environment.json",
        runtime.environment()
        | {
            "device": str(built.run.place.device),
            "world": built.run.place.world,
            "parameters": sum(parameter.numel() for part in parts for parameter in part.parameters()),
            "records": {
                name: {"train": len(each.train), "dev": len(each.dev), "test": len(each.test)}
                for name, each in tasks.items()
            },
        },
    )


def _opening(recipe: TaskRecipe, built: Built) -> list[str]:
    """Say what is about to run."""
    lines = [f"{recipe.name}: fine-tuning {recipe.model} on {built.run.place.device}", *built.feed.report()]
    if built.missing:
        lines.append("drawn anew, absent in the model started from: " + ", ".join(built.missing))
    return lines


def _outcome(
    recipe: TaskRecipe, tasks: Mapping[str, TaskRecords], folder: Path, state: State, began: float
) -> FineTuned:
    """Judge the best checkpoint on every part, and write the results down."""
    best = run_folder.best(folder)
    checkpoint = best.folder if best else run_folder.checkpoint_folder(folder, state.step)
    results = judge_checkpoint(recipe, tasks, checkpoint, began)
    write_results(folder / RESULTS, results)
    return FineTuned(folder, checkpoint, state.step, round(state.seconds, 1), results)


def judge_checkpoint(
    recipe: TaskRecipe, tasks: Mapping[str, TaskRecords], checkpoint: Path, began: float
) -> list[TaskResult]:
    """Return a model's results on the dev and test records of every task."""
    model, _ = read_model(checkpoint)
    device = runtime.choose_device()
    encoder, objective = model.encoder.to(device), model.objective.to(device)
    digest = files.digest(recipe.model_dump_json(exclude={"training": {"device", "threads"}}))
    results = []
    for (_, task), (name, records) in zip(tasks_of(objective).items(), tasks.items(), strict=True):
        for part in ("dev", "test"):
            chosen = getattr(records, part)
            if not chosen:
                continue
            judged = task.judge(chosen, predict(task, encoder, chosen, reader_of(model, task)))
            interval = bootstrap(judged.metric, [judged.run])
            metric = next(iter(judged.metrics))
            results.append(
                TaskResult(
                    model=Path(recipe.model).name,
                    digest=digest,
                    task=name,
                    seed=recipe.seed,
                    part=part,
                    metric=metric,
                    score=interval.value,
                    low=interval.low,
                    high=interval.high,
                    baseline=task.baseline(chosen, records.train)[metric],
                    examples=len(chosen),
                    trained_on=len(records.train),
                    seconds=round(time.monotonic() - began, 1),
                    metrics=judged.metrics,
                    run=tuple(tuple(column.tolist()) for column in judged.run),
                    notes=records.notes,
                    kind=records.settings.kind,
                )
            )
    return results


def _line(result: TaskResult) -> str:
    return (
        f"{result.task}, {result.part}: {result.metric} {result.score:.3f} [{result.low:.3f}, {result.high:.3f}] on "
        f"{result.examples:,} records; baseline {result.baseline:.3f}"
    )
