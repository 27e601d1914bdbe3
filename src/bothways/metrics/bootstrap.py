"""Intervals by resampling: how far would a score move, had other examples, or other seeds, been drawn?

The percentile bootstrap (Efron and Tibshirani 1993, chapter 13) of any metric. Examples are drawn whole, with all that
is known of them, so that metrics which are no means (F1, Matthews, correlations) are as welcome as those which are.
Several seeds are resampled, too: their number is drawn with replacement from themselves, and every resample shows all
of them the same examples. The price of percentiles: a score of exactly 1 has no width, and three seeds vary a little
less among themselves than seeds do; `student.py` has the interval for seeds alone.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from bothways.metrics.interval import Interval

Run = Sequence[np.ndarray]
"""What a metric needs to know of one seed's answers: arrays with one entry an example, [examples, ...]."""
Metric = Callable[..., Any]
"""From the arrays of a run, each with any number of resamples in front, [..., examples, ...], to scores [...]."""

RESAMPLES = 10_000
FEWEST = 1_000
"""What an interval and a p-value need at least."""
_AFFORDABLE = 50_000_000
"""How many examples are drawn in all within seconds."""
_AT_ONCE = 250_000
"""How many examples are drawn at once: few enough that they stay in a processor's cache."""


def mean(scores: np.ndarray) -> np.ndarray:
    """Return the mean score, [...], of float [..., examples]: the metric of what is scored example by example."""
    return np.mean(scores, axis=-1)


def bootstrap(metric: Metric, runs: Sequence[Run], *, resamples: int = RESAMPLES, seed: int = 0) -> Interval:
    """Return the mean of `metric` over the runs (one a seed, on the same examples) and its 95% interval.

    `bootstrap(accuracy, [(truth, predicted)])` has one seed, so only examples are resampled. The same arguments give
    the same interval. Raise `ValueError` without examples, or where arrays differ in their number.
    """
    count = count_examples(runs)
    rng = np.random.default_rng(seed)
    drawn = [_resample(metric, runs, (size, count), rng) for size in batches(resamples, count)]
    low, high = np.quantile(np.concatenate(drawn), [0.025, 0.975])
    return Interval(over_seeds(metric, runs), float(low), float(high))


def affordable(examples: int) -> int:
    """Return how many resamples take seconds: 10,000 of up to 5,000 examples, fewer of more, 1,000 at least."""
    return min(RESAMPLES, max(FEWEST, _AFFORDABLE // examples))


def over_seeds(metric: Metric, runs: Sequence[Run]) -> float:
    """Return the mean of `metric` over the runs."""
    return float(np.mean([metric(*run) for run in runs]))


def count_examples(runs: Sequence[Run]) -> int:
    """Return how many examples all arrays of all runs have."""
    counts = {len(column) for run in runs for column in run}
    if len(counts) != 1 or counts == {0}:
        raise ValueError(f"runs need the same examples, at least one; they have {sorted(counts)}")
    return counts.pop()


def batches(resamples: int, examples: int) -> Iterator[int]:
    """Yield how many resamples are made at a time."""
    size = max(1, _AT_ONCE // examples)
    for done in range(0, resamples, size):
        yield min(size, resamples - done)


def _resample(
    metric: Metric, runs: Sequence[Run], shape: tuple[int, int], rng: np.random.Generator
) -> np.ndarray:
    """Return the scores of [resamples, examples] drawn examples, each over as many drawn seeds as there are."""
    examples = rng.integers(0, shape[1], shape)
    drawn = {id(column): column[examples] for run in runs for column in run}  # runs share their truth
    scores = np.stack([metric(*(drawn[id(column)] for column in run)) for run in runs], axis=-1)
    seeds = rng.integers(0, len(runs), scores.shape)
    return np.take_along_axis(scores, seeds, axis=-1).mean(axis=-1)
