"""A mean with an honest interval.

Tokens of one window share their context, so their nats are dependent; windows are (nearly) independent. The
mean is a ratio of two sums over windows, and its standard error is that of the ratio estimator (Cochran
1977, *Sampling Techniques*, section 6.4). The price: the interval is wider than one that believes in
independent tokens.
"""

import math
from dataclasses import dataclass

import numpy as np

_NORMAL_975 = 1.959963984540054


@dataclass(frozen=True)
class Estimate:
    """A mean and half of its 95% interval."""

    mean: float
    margin: float | None
    """Half the width of the 95% interval, in the unit of `mean`; absent with fewer than two windows."""
    count: int
    """How many items (tokens, spans, characters) the mean divides by."""
    windows: int
    """How many windows they lie in."""

    def __str__(self) -> str:
        return f"{self.mean:.3f}" if self.margin is None else f"{self.mean:.3f} ± {self.margin:.3f}"


def estimate(values: np.ndarray, weights: np.ndarray, windows: np.ndarray) -> Estimate:
    """Return sum(values) / sum(weights) with an interval clustered by window.

    `values` float [items], `weights` int [items] (what the mean divides by), `windows` int [items].
    """
    _, cluster = np.unique(windows, return_inverse=True)
    sums = np.bincount(cluster, weights=values)
    counts = np.bincount(cluster, weights=weights)
    total, clusters = float(counts.sum()), len(sums)
    mean = float(sums.sum()) / total
    margin = None
    if clusters > 1:
        residuals = sums - mean * counts
        variance = clusters / (clusters - 1) * float((residuals**2).sum()) / total**2
        margin = student_975(clusters - 1) * math.sqrt(variance)
    return Estimate(mean, margin, round(total), clusters)


def student_975(freedom: int) -> float:
    """Return the 97.5% quantile of Student's t, by Fisher's expansion around the normal quantile.

    Abramowitz and Stegun, 26.7.5. Within 0.3% from 4 degrees of freedom upwards; below, where the expansion
    is poor, the values of the table.
    """
    exact = {1: 12.706204736, 2: 4.302652730, 3: 3.182446305}
    if freedom in exact:
        return exact[freedom]
    z = _NORMAL_975
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3
