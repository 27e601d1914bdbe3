"""Student's interval: what the mean of a few seeds says of the mean of all."""

import math
from collections.abc import Sequence
from statistics import mean, stdev

from bothways.metrics.interval import Interval


def student_interval(values: Sequence[float]) -> Interval:
    """Return the mean of `values`, one a seed, and its 95% interval; raise `ValueError` for fewer than two."""
    if len(values) < 2:
        raise ValueError("one value alone has no interval")
    value = mean(values)
    margin = student_quantile(len(values) - 1) * stdev(values) / math.sqrt(len(values))
    return Interval(value, value - margin, value + margin)


def student_quantile(freedom: float) -> float:
    """Return the number below which 97.5% of Student's distribution lie, for `freedom` degrees of freedom."""
    from scipy.special import stdtrit  # of all scipy the part that loads quickly, and only here

    return float(stdtrit(freedom, 0.975))


def student_p(statistic: float, freedom: float) -> float:
    """Return how often chance leaves Student's statistic at least as far from zero: the two-sided p-value."""
    from scipy.special import stdtr

    return float(2 * stdtr(freedom, -abs(statistic)))
