"""How good a checkpoint is on the dev and test records of every task."""

import time
from collections.abc import Iterable
from pathlib import Path

import torch

from bothways.finetuning.build import reader_of, tasks_of
from bothways.finetuning.inputs import Inputs
from bothways.finetuning.results import TaskResult
from bothways.interop.folder import read_model
from bothways.metrics.bootstrap import bootstrap
from bothways.metrics.interval import small_test_set
from bothways.tasks.answering import predict


def judge_checkpoint(
    inputs: Inputs, checkpoint: Path, device: torch.device, began: float
) -> list[TaskResult]:
    """Return a model's results on the dev and test records of every task; the run `began` at that monotonic time."""
    model, _ = read_model(checkpoint)
    encoder, objective = model.encoder.to(device), model.objective.to(device)
    recipe, results = inputs.recipe, []
    for (_, task), (name, records) in zip(tasks_of(objective).items(), inputs.tasks.items(), strict=True):
        distil = recipe.tasks[name].distil
        # Where teachers alone teach, the training records may have no labels to answer with.
        known = records.dev if distil is not None and distil.mix == 1 else records.train
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
                    digest=inputs.digest,
                    task=name,
                    seed=recipe.seed,
                    part=part,
                    metric=metric,
                    score=interval.value,
                    low=interval.low,
                    high=interval.high,
                    baseline=task.baseline(chosen, known)[metric],
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


def line_of(result: TaskResult) -> str:
    """Return a score with its interval, beside that of the trivial answer."""
    return (
        f"{result.task}, {result.part}: {result.metric} {result.score:.3f} [{result.low:.3f}, {result.high:.3f}] on "
        f"{result.examples:,} records; baseline {result.baseline:.3f}"
    )


def warnings_of(results: Iterable[TaskResult]) -> list[str]:
    """Return which scores rest on few records, once for each task and part."""
    counts = {f"{result.task}, {result.part}": result.examples for result in results}
    return [f"{name}: {warning}" for name, count in counts.items() if (warning := small_test_set(count))]
