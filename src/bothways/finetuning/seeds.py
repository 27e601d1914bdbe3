"""The same fine-tuning with several seeds: a new head, another order of the records, other dropout."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from bothways.errors import UsageError
from bothways.evaluate import lines_of
from bothways.finetuning.command import finetune
from bothways.finetuning.identity import RECIPE, refuse_other_inputs, refuse_other_recipe
from bothways.finetuning.inputs import WHERE, read_inputs
from bothways.finetuning.judging import warnings_of
from bothways.finetuning.results import RESULTS, TaskResult, read_results
from bothways.metrics.student import student_interval
from bothways.pretrain import next_folder
from bothways.task_recipe import TaskRecipe

Say = Callable[[str], None]


@dataclass(frozen=True)
class Seeds:
    """What several seeds came to."""

    folder: Path
    results: list[TaskResult]

    def lines(self) -> list[str]:
        """Return the mean over seeds of every score, how far seeds differ, and where everything is."""
        table = lines_of(seeds_table(self.results))
        return [*table, *warnings_of(self.results), f"all runs: {self.folder}"]


def finetune_seeds(
    recipe: TaskRecipe,
    seeds: int,
    out: Path | None,
    say: Say,
    *,
    quiet: bool = False,
    begin: Callable[[TaskRecipe, Path], TaskRecipe] | None = None,
) -> Seeds:
    """Fine-tune with the seeds 1 to `seeds`, each into a folder of its own; what is finished is not done again.

    `begin` returns the recipe of a seed for its folder, where they differ in more than the seed. Raises `UsageError`,
    `DataError` or `CheckpointError` where a folder holds a run of another recipe, of other records or from another
    model; every `BothwaysError` of `finetune` besides.
    """
    if seeds < 1:
        raise UsageError(f"--seeds is {seeds}; give 1 or more")
    folder = out or next_folder(recipe.name)
    results: list[TaskResult] = []
    for seed in range(1, seeds + 1):
        place, run = folder / f"seed-{seed}", recipe.model_copy(update={"seed": seed})
        run = begin(run, place) if begin is not None else run
        begun = (place / RECIPE).exists()  # written first, so that it is there after any interruption
        found = _done_before(run, place) if begun else []
        say(f"[{seed}/{seeds}] seed {seed}" + (": done before" if found else ""))
        results += found or finetune(run, place, resume=begun, quiet=quiet).results
    return Seeds(folder, results)


def _done_before(recipe: TaskRecipe, folder: Path) -> list[TaskResult]:
    """Return the results of this very run, none where it is not finished; refuse another run, even a longer one.

    Seeds that trained for unlike times would not differ by their seeds alone.
    """
    inputs = read_inputs(recipe, lambda _line: None)
    refuse_other_recipe(folder, inputs.recipe, free=WHERE)
    found = read_results(folder / RESULTS)
    if found:
        refuse_other_inputs(folder, inputs)
    return found


def seeds_table(results: Sequence[TaskResult]) -> Table:
    """Return a table with a row for each task and part."""
    table = Table()
    for heading in ("task", "part", "metric"):
        table.add_column(heading)
    for heading in ("mean of seeds", "deviation", "95% of seeds", "baseline", "records"):
        table.add_column(heading, justify="right")
    for task, part in dict.fromkeys((result.task, result.part) for result in results):
        same = [result for result in results if (result.task, result.part) == (task, part)]
        scores, first = [result.score for result in same], same[0]
        interval = student_interval(scores) if len(scores) > 1 else None
        table.add_row(
            task,
            part,
            first.metric,
            f"{statistics.mean(scores):.3f}",
            f"{statistics.stdev(scores):.3f}" if interval else "–",
            f"{interval.low:.3f} to {interval.high:.3f}" if interval else "–",
            f"{first.baseline:.3f}",
            f"{first.examples:,}",
        )
    return table
