"""What a comparison came to, written down in full: every table, sentence and page is made from it.

FOLDER/results.jsonl       a line for each pretrained model: size, cost, held-out numbers, window by window
FOLDER/tasks.jsonl         a line for each model on each part of each task
FOLDER/comparison.json     budget, verdicts, pairs, costs of a quality, contamination, environment, fills
FOLDER/RECIPE/seed-1/      the runs, ordinary run folders; tasks/TASK/RECIPE/seed-1/ those of the tasks
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from bothways import files, runtime
from bothways.compare.budget import Budget
from bothways.compare.contamination import Contamination
from bothways.compare.pairs import Pair, answers_to, pairs_of
from bothways.compare.quality import Quality, same_quality
from bothways.compare.questions import questions
from bothways.compare.results import RESULTS, Result, read_results
from bothways.compare.sentences import Verdict, verdict
from bothways.compare.table import comparison_lines
from bothways.errors import DataError
from bothways.finetuning.results import TaskResult
from bothways.finetuning.results import read_results as read_task_results

RECORD = "comparison.json"
TASKS = "tasks.jsonl"


@dataclass(frozen=True)
class Fill:
    """How a model fills the blanks of a sentence together."""

    text: str
    """With `[?]` at each blank."""
    model: str
    filled: tuple[str, ...]
    """A text for each blank."""
    probability: float | None = None
    """Of all blanks jointly."""


@dataclass(frozen=True)
class Summary:
    """What was found, all but the results themselves."""

    budget: Budget | None
    """Of each run; None where they were trained for a number of steps."""
    compared: list[tuple[str, int]]
    """Recipe and seed of each model, in order; the files of results may hold others from before."""
    verdicts: list[Verdict]
    """One a question."""
    pairs: list[Pair]
    """Every pair of recipes at every question."""
    qualities: list[Quality]
    contamination: list[Contamination]
    notes: list[str]
    """What else must be known, as sentences."""
    environment: dict[str, Any]
    """The machine and software that judged; each run folder has its own, with every setting in `recipe.yaml`."""
    fills: tuple[Fill, ...] = ()
    """Sentences that all were asked to fill, for a person to look at."""


@dataclass(frozen=True)
class Comparison:
    """What a comparison came to."""

    folder: Path
    results: list[Result]
    tasks: list[TaskResult]
    summary: Summary

    def lines(self) -> list[str]:
        """Return the tables, the sentences, what all was measured on, and where everything is."""
        summary = self.summary
        return [
            *comparison_lines(self.results, self.tasks, summary.qualities),
            *(each.line() for each in summary.contamination),
            *summary.notes,
            "",
            *(f"· {each.sentence}" for each in summary.verdicts),
            "",
            f"all runs, {RESULTS} and {RECORD}: {self.folder}",
        ]

    def as_json(self) -> dict[str, Any]:
        """Return everything but what single windows and examples cost."""
        results = [
            dataclasses.replace(
                result,
                score=dataclasses.replace(
                    result.score,
                    measurements=[
                        dataclasses.replace(item, by_window=()) for item in result.score.measurements
                    ],
                ),
            )
            for result in self.results
        ]
        tasks = [dataclasses.replace(result, run=()) for result in self.tasks]
        return {"folder": self.folder, "results": results, "tasks": tasks, "summary": self.summary}


_SUMMARY = TypeAdapter(Summary)


def concluded(
    folder: Path,
    budget: Budget | None,
    results: Sequence[Result],
    tasks: Sequence[TaskResult],
    *,
    contamination: Sequence[Contamination] = (),
    notes: Sequence[str] = (),
    fills: Sequence[Fill] = (),
) -> Comparison:
    """Ask what the results say together."""
    asked = questions(results, tasks)
    pairs = pairs_of(asked, results, tasks)
    verdicts = [
        verdict(
            question,
            answers_to(question, results, tasks).values,
            [pair for pair in pairs if pair.question == question.key],
        )
        for question in asked
    ]
    compared = [(result.recipe, result.seed) for result in results]
    qualities = same_quality(results)
    environment = runtime.environment()
    summary = Summary(
        budget,
        compared,
        verdicts,
        pairs,
        qualities,
        list(contamination),
        list(notes),
        environment,
        tuple(fills),
    )
    return Comparison(folder, list(results), list(tasks), summary)


def write_comparison(comparison: Comparison) -> None:
    """Write `comparison.json`, atomically; the results are written as they come."""
    files.write_text(comparison.folder / RECORD, to_json(comparison.summary, indent=2).decode() + "\n")


def read_comparison(folder: Path) -> Comparison:
    """Return what a comparison came to; raise `DataError` where `folder` holds none that is whole."""
    path = folder / RECORD
    if not path.exists():
        raise DataError(f"{folder} holds no {RECORD}; run bothways compare with --out {folder} to its end")
    try:
        summary = _SUMMARY.validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        why = error.errors(include_url=False)[0]["msg"]
        raise DataError(
            f"{path} is no record of a comparison ({why}); run the same comparison again"
        ) from None
    known = {(result.recipe, result.seed): result for result in read_results(folder)}
    lost = next((key for key in summary.compared if key not in known), None)
    if lost is not None:
        raise DataError(f"{folder / RESULTS} lacks {lost[0]}, seed {lost[1]}; run the same comparison again")
    models = set(summary.compared)
    tasks = [task for task in read_task_results(folder / TASKS) if (task.model, task.seed) in models]
    return Comparison(folder, [known[key] for key in summary.compared], tasks, summary)
