"""Is one recipe ahead of another? Every pair of recipes at every question, with Holm's correction over all of them.

A difference is the mean over seeds (each seed of one recipe beside the same seed of the other) and may be chance twice:
by the seeds, and by the windows or examples on which both were judged (`metrics.two_reasons`).
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import mean
from typing import TypeAlias

import numpy as np

from bothways.compare.questions import Question
from bothways.compare.results import Result
from bothways.evaluate.heldout import Measurement
from bothways.finetuning.results import TaskResult
from bothways.metrics.bootstrap import Metric, affordable, bootstrap
from bothways.metrics.holm import holm
from bothways.metrics.interval import NORMAL_QUANTILE, Interval
from bothways.metrics.two_reasons import Difference, difference
from bothways.suites.summary import MEASURES, run_of

POINTS = 100
"""Points of a score of 1, as papers have it."""


@dataclass(frozen=True)
class Pair:
    """Two recipes at one question."""

    question: str
    first: str
    second: str
    seeds: int
    """On how many both were judged."""
    difference: Interval | None
    """First less second, in the question's unit, with its 95% interval: over seeds and windows or examples; of one seed
    over windows or examples alone. None where nothing tells chance."""
    value: float
    """The difference without its interval."""
    p_value: float | None
    """How often chance alone would show as much; of one seed about these two models, not about recipes."""
    holm: float | None
    """The same after Holm's correction over all pairs and questions; None for one seed, which is no test of recipes."""


@dataclass(frozen=True)
class Answers:
    """What each recipe came to at one question, by seed."""

    values: dict[str, dict[int, float]]
    """Recipe -> seed -> value, in the question's unit."""
    variance: Callable[[str, str, Sequence[int]], tuple[float, int]]
    """For two recipes and the seeds of both: the squared standard error that the windows or examples give their mean
    difference, and the number of those; (0, 0) where it is not known."""


def pairs_of(asked: Sequence[Question], results: Sequence[Result], tasks: Sequence[TaskResult]) -> list[Pair]:
    """Return every pair at every question, corrected for their number."""
    found = [
        _pair(question, first, second, answers)
        for question in asked
        for answers in [answers_to(question, results, tasks)]
        for first, second in itertools.combinations(answers.values, 2)
        if set(answers.values[first]) & set(answers.values[second])
    ]
    tested = [pair.p_value for pair in found if pair.seeds > 1 and pair.p_value is not None]
    corrected = iter(holm(tested))
    return [
        replace(pair, holm=next(corrected)) if pair.seeds > 1 and pair.p_value is not None else pair
        for pair in found
    ]


def answers_to(question: Question, results: Sequence[Result], tasks: Sequence[TaskResult]) -> Answers:
    """Return what recipes came to at a question."""
    return _of_text(question.key, results) if question.is_paid else _of_task(question.key, tasks)


def _pair(question: Question, first: str, second: str, answers: Answers) -> Pair:
    ours, theirs = answers.values[first], answers.values[second]
    seeds = sorted(set(ours) & set(theirs))
    apart = [ours[seed] - theirs[seed] for seed in seeds]
    variance, items = answers.variance(first, second, seeds)
    found: Difference | None = None
    if len(seeds) > 1 or items > 1:
        found = difference(apart, variance, items)
    return Pair(
        question.key,
        first,
        second,
        len(seeds),
        None if found is None else found.interval,
        mean(apart),
        None if found is None else found.p_value,
        None,
    )


# ---- held-out text: a ratio of sums over windows ------------------------------------------------------------

Windows: TypeAlias = dict[int, tuple[float, float]]
"""Number of a window -> the nats in it, and what to divide them by."""


def _of_text(key: str, results: Sequence[Result]) -> Answers:
    known: dict[str, dict[int, Measurement]] = {}
    for result in results:
        for item in result.score.measurements:
            if item.key == key and item.model is not None:
                known.setdefault(result.recipe, {})[result.seed] = item
    values = {
        recipe: {seed: item.model.mean for seed, item in of_seeds.items() if item.model is not None}
        for recipe, of_seeds in known.items()
    }

    def variance(first: str, second: str, seeds: Sequence[int]) -> tuple[float, int]:
        sides = [[_windows(known[name][seed]) for seed in seeds] for name in (first, second)]
        shared = sorted(set.intersection(*(set(windows) for side in sides for windows in side)))
        if len(shared) < 2:
            return 0.0, 0
        ours, theirs = (np.mean([_residuals(windows, shared) for windows in side], axis=0) for side in sides)
        return len(shared) / (len(shared) - 1) * float(np.sum((ours - theirs) ** 2)), len(shared)

    return Answers(values, variance)


def _windows(item: Measurement) -> Windows:
    return {number: (nats, count) for number, nats, count in item.by_window}


def _residuals(windows: Windows, shared: Sequence[int]) -> np.ndarray:
    """Return by how much each window moves the mean, float64 [windows] (Cochran 1977, section 6.4)."""
    nats, counts = np.array([windows[number] for number in shared]).T
    residuals: np.ndarray = (nats - nats.sum() / counts.sum() * counts) / counts.sum()
    return residuals


# ---- tasks: any metric, by resampling its examples ----------------------------------------------------------


def _of_task(name: str, tasks: Sequence[TaskResult]) -> Answers:
    known: dict[str, dict[int, TaskResult]] = {}
    for result in judged_part(tasks, name):
        known.setdefault(result.model, {})[result.seed] = result
    values = {
        recipe: {seed: POINTS * result.score for seed, result in of_seeds.items()}
        for recipe, of_seeds in known.items()
    }

    def variance(first: str, second: str, seeds: Sequence[int]) -> tuple[float, int]:
        both = [[known[recipe][seed] for seed in seeds] for recipe in (first, second)]
        counts = {result.examples for side in both for result in side}
        if len(counts) != 1 or not all(result.run for side in both for result in side):
            return 0.0, 0
        (examples,) = counts
        measure = MEASURES[both[0][0].kind][both[0][0].metric]
        columns = [run_of(result) for side in both for result in side]
        interval = bootstrap(
            _mean_difference(measure, len(columns[0]), len(seeds)),
            [[column for run in columns for column in run]],
            resamples=affordable(examples * len(columns)),
        )
        return (POINTS * interval.margin / NORMAL_QUANTILE) ** 2, examples

    return Answers(values, variance)


def judged_part(tasks: Sequence[TaskResult], name: str) -> list[TaskResult]:
    """Return the results of a task that count: on its test records, or on dev where there are none."""
    of_task = [result for result in tasks if result.task == name]
    part = "test" if any(result.part == "test" for result in of_task) else "dev"
    return [result for result in of_task if result.part == part]


def _mean_difference(measure: Metric, width: int, seeds: int) -> Metric:
    """Return a metric of all seeds of two recipes: the difference of their means, from `width` arrays a run."""

    def apart(*columns: np.ndarray) -> np.ndarray:
        runs = [columns[start : start + width] for start in range(0, len(columns), width)]
        scores = [measure(*run) for run in runs]
        return np.mean(scores[:seeds], axis=0) - np.mean(scores[seeds:], axis=0)

    return apart
