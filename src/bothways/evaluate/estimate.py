"""A mean with an honest interval.

Tokens of one window share their context, so their nats are dependent; windows are (nearly) independent. The
mean is a ratio of two sums over windows, and its standard error is that of the ratio estimator (Cochran
1977, *Sampling Techniques*, section 6.4). The price: the interval is wider than one that believes in
independent tokens.
"""

import math
from dataclasses import dataclass

import numpy as np

from bothways.metrics.student import student_quantile


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
        margin = student_quantile(clusters - 1) * math.sqrt(variance)
    return Estimate(mean, margin, round(total), clusters)
