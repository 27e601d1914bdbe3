"""A difference that may be chance for two reasons: other seeds might have been drawn, and other examples.

Recipes are judged by models of a few seeds on the same examples. What the mean difference varies by is the sum of both
variances, with Satterthwaite's degrees of freedom (1946) for Student's distribution. But three seeds that happen to
agree say little of how far seeds differ, and many examples must not hide that: a difference has to hold by the seeds
alone, too, so of both intervals the wider counts, and of both p-values the larger. What an example does to one seed
alone is in both variances, which is on the side of caution as well.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, variance

from bothways.metrics.interval import Interval
from bothways.metrics.student import student_p, student_quantile


@dataclass(frozen=True)
class Difference:
    """How much one is ahead of the other, and how often chance alone would show as much."""

    interval: Interval
    p_value: float
    """Two-sided, of one comparison; several belong to `holm`."""


def difference(of_seeds: Sequence[float], example_variance: float = 0.0, examples: int = 0) -> Difference:
    """Return the mean of the differences, one a seed, with its 95% interval.

    `example_variance` is the squared standard error that the draw of `examples` alone gives the mean; without it only
    seeds count. Where nothing varies at all, as when models of few examples always say the same, chance has no measure,
    and p is 1. Raise `ValueError` for fewer than two seeds and no examples: nothing tells chance then.
    """
    value, seeds = mean(of_seeds), len(of_seeds)
    by_seeds = [(variance(of_seeds) / seeds, seeds - 1)] if seeds > 1 else []
    by_examples = [(example_variance, examples - 1)] if examples > 1 else []
    if not by_seeds and not by_examples:
        raise ValueError("one difference alone has no interval")
    tests = [
        _student(value, reasons)
        for reasons in (by_seeds, by_seeds + by_examples)
        if any(part > 0 for part, _ in reasons)
    ] or [(0.0, 1.0)]
    margin = max(margin for margin, _ in tests)
    return Difference(Interval(value, value - margin, value + margin), max(p_value for _, p_value in tests))


def _student(value: float, reasons: Sequence[tuple[float, int]]) -> tuple[float, float]:
    """Return half of the interval and the p-value of a value with these variances and their degrees of freedom."""
    total = math.fsum(part for part, _ in reasons)
    freedom = total**2 / math.fsum(part**2 / degrees for part, degrees in reasons)
    error = math.sqrt(total)
    return student_quantile(freedom) * error, student_p(value / error, freedom)
