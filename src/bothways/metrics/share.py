"""A share of right answers, with an interval that stays between 0 and 1.

Wilson's score interval (1927) is honest near 0 and 1 and for few answers, where the mean plus or minus its standard
error is not.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bothways.metrics.interval import NORMAL_QUANTILE, Interval, mean_interval


@dataclass(frozen=True)
class Share(Interval):
    """A share, or a mean of shares. Formats in percent unless told otherwise: `80.0 [71.1, 86.7]`."""

    count: int
    """How many answers it is about."""

    def __format__(self, form: str) -> str:
        if form:
            return super().__format__(form)
        return format(Interval(100 * self.value, 100 * self.low, 100 * self.high), ".1f")


def share_of(right: np.ndarray) -> Share:
    """Return the share of right answers; `right` float [answers] is 1, 0, or 0.5 where both are as good."""
    count, value = len(right), float(np.mean(right))
    z2 = NORMAL_QUANTILE**2 / count
    middle = (value + z2 / 2) / (1 + z2)
    reach = NORMAL_QUANTILE * math.sqrt(value * (1 - value) / count + z2 / (4 * count)) / (1 + z2)
    # Where all answers are alike one limit is the value itself, but for rounding.
    low = 0.0 if value == 0 else middle - reach
    high = 1.0 if value == 1 else middle + reach
    return Share(value, low, high, count)


def mean_share(shares: Sequence[Share]) -> Share:
    """Return the mean of independent shares; each counts alike, however many answers it is about."""
    mean = mean_interval(shares)
    return Share(mean.value, mean.low, mean.high, sum(share.count for share in shares))
