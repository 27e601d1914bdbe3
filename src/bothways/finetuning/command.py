"""`bothways finetune`: train a pretrained model to its tasks in a run folder, and judge the best checkpoint."""

import time
from dataclasses import dataclass
from pathlib import Path

from bothways.finetuning.build import Built, build
from bothways.finetuning.identity import (
    MAY_GROW,
    refuse_other_inputs,
    refuse_other_recipe,
    refuse_to_overwrite,
    write_down,
)
from bothways.finetuning.inputs import Inputs, read_inputs
from bothways.finetuning.judging import judge_checkpoint, line_of, warnings_of
from bothways.finetuning.results import RESULTS, TaskResult, read_results, write_results
from bothways.finetuning.teaching import soft_targets
from bothways.pretrain import next_folder
from bothways.task_recipe import TaskRecipe
from bothways.training import distributed, run_folder
from bothways.training.distributed import Place
from bothways.training.going_on import alone, going_on, where_to_go_on
from bothways.training.loop import train
from bothways.training.metrics import Progress, duration


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
            *(line_of(result) for result in self.results),
            *warnings_of(self.results),
            f"trained {self.steps:,} steps in {duration(self.seconds)}",
            f"model: {self.checkpoint}",
            f"next:  bothways predict {self.folder} FILE --out predictions.jsonl",
        ]


def finetune(recipe: TaskRecipe, out: Path | None, *, resume: bool = False, quiet: bool = False) -> FineTuned:
    """Train a model to the tasks of a recipe, or continue the run that is there; raises every `BothwaysError`."""
    began = time.monotonic()
    with (
        distributed.joined(recipe.training.device) as place,
        Progress(quiet=quiet or not place.is_main) as bar,
    ):
        inputs = read_inputs(recipe, bar.say)
        folder = out or next_folder(recipe.name)
        if resume:
            refuse_other_recipe(folder, inputs.recipe, free=MAY_GROW)
        else:
            refuse_to_overwrite(folder)
        distributed.barrier()  # all have looked at the folder before the main process writes there
        with alone(folder, place):
            checkpoint = where_to_go_on(folder, place, bar.say) if resume else None
            return _train(inputs, folder, place, bar, checkpoint, began)


def _train(
    inputs: Inputs, folder: Path, place: Place, bar: Progress, checkpoint: Path | None, began: float
) -> FineTuned:
    if checkpoint is not None:
        refuse_other_inputs(folder, inputs)
    recipe, about, tasks = inputs.recipe, inputs.about, inputs.tasks
    soft = soft_targets(recipe, tasks, bar.say, place.device)
    built = build(recipe, about, inputs.model, tasks, folder, place, checkpoint or inputs.model, soft)
    if place.is_main:
        write_down(inputs, built, folder)
    for line in [*_opening(recipe, built), *going_on(checkpoint)]:
        bar.say(line)
    state = train(built.run, bar, checkpoint)
    best = run_folder.best(folder)
    chosen = best.folder if best else run_folder.checkpoint_folder(folder, state.step)
    results = distributed.main_first(place, lambda: _judged(inputs, folder, place, chosen, began))
    return FineTuned(folder, chosen, state.step, round(state.seconds, 1), results)


def _opening(recipe: TaskRecipe, built: Built) -> list[str]:
    """Say what is about to run."""
    lines = [f"{recipe.name}: fine-tuning {recipe.model} on {built.run.place.device}", *built.feed.report()]
    if built.missing:
        lines.append(
            "drawn anew, since the model started from has none of the same meaning: "
            + ", ".join(built.missing)
        )
    return lines


def _judged(inputs: Inputs, folder: Path, place: Place, checkpoint: Path, began: float) -> list[TaskResult]:
    """Judge a checkpoint on every part and write the results down; other processes than the main one read them."""
    if not place.is_main:
        return read_results(folder / RESULTS)
    results = judge_checkpoint(inputs, checkpoint, place.device, began)
    write_results(folder / RESULTS, results)
    return results
