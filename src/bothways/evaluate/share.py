"""A share of right answers, or a mean of several, with an interval that stays between 0 and 1.

Each share has Wilson's score interval (1927), which is honest near 0 and 1 and for few answers, where the mean plus or
minus its standard error is not. A mean of independent shares recovers its variance from their limits (MOVER: Zou and
Donner 2008); of one share it is that share's own interval.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

_NORMAL_975 = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Share:
    """A share, or a mean of shares, with its 95% interval."""

    value: float
    low: float
    high: float
    count: int
    """How many answers it is about."""

    def __str__(self) -> str:
        """In percent."""
        return f"{100 * self.value:.1f} [{100 * self.low:.1f}, {100 * self.high:.1f}]"


def share_of(right: np.ndarray) -> Share:
    """Return the share of right answers; `right` float [answers] is 1, 0, or 0.5 where both are as good."""
    count, value = len(right), float(np.mean(right))
    z2 = _NORMAL_975**2 / count
    middle = (value + z2 / 2) / (1 + z2)
    reach = _NORMAL_975 * math.sqrt(value * (1 - value) / count + z2 / (4 * count)) / (1 + z2)
    # Where all answers are alike one limit is the value itself, but for rounding.
    low = 0.0 if value == 0 else middle - reach
    high = 1.0 if value == 1 else middle + reach
    return Share(value, low, high, count)


def mean_share(shares: Sequence[Share]) -> Share:
    """Return the mean of independent shares; each counts alike, however many answers it is about."""
    value = math.fsum(share.value for share in shares) / len(shares)
    below = math.hypot(*(share.value - share.low for share in shares)) / len(shares)
    above = math.hypot(*(share.high - share.value for share in shares)) / len(shares)
    return Share(value, value - below, value + above, sum(share.count for share in shares))
