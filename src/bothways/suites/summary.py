"""What results say together: means over seeds with intervals, and differences between models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from statistics import mean
from typing import TypeAlias

import numpy as np

from bothways.finetuning.results import TaskResult
from bothways.metrics.bootstrap import Metric, Run, affordable, bootstrap
from bothways.metrics.grouped import mean_of_groups
from bothways.metrics.holm import holm
from bothways.metrics.interval import Interval, mean_interval
from bothways.metrics.paired import Comparison, compare
from bothways.suites import probing, zero_shot
from bothways.tasks import TASKS

MEASURES: dict[str, Mapping[str, Metric]] = {
    **{kind: task.measures for kind, (_, task) in TASKS.items()},
    zero_shot.KIND: {zero_shot.METRIC: mean_of_groups},
    probing.KIND: probing.MEASURES,
}
"""Kind of task → deciding metric → what computes it from the arrays of a result."""

Written: TypeAlias = tuple[tuple[tuple[float, ...], ...], ...]
"""The arrays of each seed, as results hold them."""


@dataclass(frozen=True)
class Difference:
    """Between a model and the first one."""

    comparison: Comparison
    p_value: float
    """After Holm's correction for all differences of the table."""


@dataclass(frozen=True)
class Line:
    """What all models came to in one row."""

    row: str
    part: str
    """`test`, or `dev` where there is no test part."""
    metric: str
    examples: int
    trained_on: int
    """Training records; 0 without training."""
    baseline: float
    scores: dict[str, Interval]
    """Of each model: the mean over its seeds, with a 95% interval over seeds and examples."""
    seeds: int
    resamples: int
    """Of the bootstrap and of the exchange test."""
    also: dict[str, dict[str, float]]
    """Further metrics → model → mean over seeds."""
    notes: dict[str, str]
    """What to know of each model's score, such as how it was asked."""
    about_records: list[str]
    """What to know of the records, each thing once."""
    differences: dict[str, Difference]
    """Of each model but the first."""


def summarise(
    results: Sequence[TaskResult], also: Mapping[str, Sequence[str]], *, resamples: int | None = None
) -> list[Line]:
    """Return a line for each row, in the order of the results; the first model is the one that others are compared to.

    `also` names the further metrics of each row. Of very many examples there are fewer `resamples`, unless their
    number is given. What was computed once is remembered, since a table is shown after each seed.
    """
    lines = [
        _line([result for result in results if result.task == row], also.get(row, ()), resamples)
        for row in dict.fromkeys(result.task for result in results)
    ]
    return _corrected(lines)


def _line(results: Sequence[TaskResult], also: Sequence[str], wanted: int | None) -> Line:
    part = "test" if any(result.part == "test" for result in results) else "dev"
    by_model = {
        name: [result for result in results if (result.model, result.part) == (name, part)]
        for name in dict.fromkeys(result.model for result in results)
    }
    first = next(iter(by_model.values()))
    measure = first[0].kind, first[0].metric
    resamples = wanted or affordable(first[0].examples)
    runs = {name: tuple(result.run for result in seeds) for name, seeds in by_model.items()}
    (one, *others) = runs
    return Line(
        row=first[0].task,
        part=part,
        metric=first[0].metric,
        examples=first[0].examples,
        trained_on=first[0].trained_on,
        baseline=first[0].baseline,
        scores={name: _interval(*measure, each, resamples) for name, each in runs.items()},
        seeds=len(first),
        resamples=resamples,
        also={metric: _means(by_model, metric) for metric in also},
        notes={name: seeds[0].note for name, seeds in by_model.items() if seeds[0].note},
        about_records=list(dict.fromkeys(note for result in results for note in result.notes)),
        differences={
            name: _difference(*measure, runs[name], runs[one], resamples)
            for name in others
            if len(runs[name]) == len(runs[one])
        },
    )


@cache
def _interval(kind: str, metric: str, runs: Written, resamples: int) -> Interval:
    return bootstrap(MEASURES[kind][metric], [_arrays(run) for run in runs], resamples=resamples)


@cache
def _difference(kind: str, metric: str, ours: Written, firsts: Written, resamples: int) -> Difference:
    both = ([_arrays(run) for run in runs] for runs in (ours, firsts))
    comparison = compare(MEASURES[kind][metric], *both, resamples=resamples)
    return Difference(comparison, comparison.p_value)


def _means(by_model: Mapping[str, Sequence[TaskResult]], metric: str) -> dict[str, float]:
    return {
        name: mean(result.metrics[metric] for result in seeds)
        for name, seeds in by_model.items()
        if all(metric in result.metrics for result in seeds)
    }


def run_of(result: TaskResult) -> Run:
    """Return a result's arrays as its metric takes them: whole numbers are classes or counts."""
    return _arrays(result.run)


def _arrays(run: tuple[tuple[float, ...], ...]) -> Run:
    columns = [np.array(column) for column in run]
    return [
        column.astype(np.int64) if np.array_equal(column, np.round(column)) else column for column in columns
    ]


def average(lines: Sequence[Line], rows: Sequence[str]) -> tuple[list[str], dict[str, Interval]]:
    """Return which of the rows there are, and each model's mean over them; nothing where fewer than two are there."""
    there = [line for line in lines if line.row in rows]
    if len(there) < 2:
        return [], {}
    models = [name for name in there[0].scores if all(name in line.scores for line in there)]
    return [line.row for line in there], {
        name: mean_interval([line.scores[name] for line in there]) for name in models
    }


def _corrected(lines: Sequence[Line]) -> list[Line]:
    """Correct the p-values for the number of all differences."""
    raw = [each.comparison.p_value for line in lines for each in line.differences.values()]
    adjusted = iter(holm(raw))
    return [
        replace(
            line,
            differences={
                name: replace(each, p_value=next(adjusted)) for name, each in line.differences.items()
            },
        )
        for line in lines
    ]
