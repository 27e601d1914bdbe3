"""A difference that may be chance for two reasons: other seeds might have been drawn, and other examples.

Recipes are judged by models of a few seeds on the same examples. What the mean difference varies by is the sum of both
variances; Student's distribution with Satterthwaite's degrees of freedom (1946) gives the interval and the p-value, so
that both say the same. The price is caution: what an example does to one seed alone counts in both variances.
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
    seeds count. Raise `ValueError` for fewer than two seeds and no examples: nothing tells chance then.
    """
    value, seeds = mean(of_seeds), len(of_seeds)
    reasons = [(variance(of_seeds) / seeds, seeds - 1)] if seeds > 1 else []
    reasons += [(example_variance, examples - 1)] if examples > 1 else []
    if not reasons:
        raise ValueError("one difference alone has no interval")
    total = math.fsum(part for part, _ in reasons)
    if total == 0:
        return Difference(Interval(value, value, value), 1.0 if value == 0 else 0.0)
    freedom = total**2 / math.fsum(part**2 / degrees for part, degrees in reasons)
    error = math.sqrt(total)
    margin = student_quantile(freedom) * error
    return Difference(Interval(value, value - margin, value + margin), student_p(value / error, freedom))
