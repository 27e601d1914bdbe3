"""A score with its uncertainty, and a warning where the test set is too small to say much."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

NORMAL_QUANTILE = 1.959963984540054
"""97.5% of the normal distribution lie below."""
SMALL = 500
"""Test sets with fewer examples deserve a warning."""


@dataclass(frozen=True)
class Interval:
    """A score and the 95% interval around it, all in the unit of the score.

    Formats as its numbers do: `f"{interval:.1%}"` is `87.3% [85.1%, 89.4%]`.
    """

    value: float
    low: float
    high: float

    @property
    def margin(self) -> float:
        """Half the width of the interval."""
        return (self.high - self.low) / 2

    def __format__(self, form: str) -> str:
        value, low, high = (format(number, form or ".3f") for number in (self.value, self.low, self.high))
        return f"{value} [{low}, {high}]"

    def __str__(self) -> str:
        return format(self)


def mean_interval(intervals: Sequence[Interval]) -> Interval:
    """Return the mean of independent scores; that of one is itself.

    The distances of their limits add up in squares (MOVER: Zou and Donner 2008).
    """
    value = math.fsum(each.value for each in intervals) / len(intervals)
    below = math.hypot(*(each.value - each.low for each in intervals)) / len(intervals)
    above = math.hypot(*(each.high - each.value for each in intervals)) / len(intervals)
    return Interval(value, value - below, value + above)


def small_test_set(count: int) -> str | None:
    """Return a warning for a test set of `count` examples, or nothing from 500 on.

    It names the difference of two accuracies that chance alone exceeds once in twenty, when both models are right
    about half the time and err independently: the worst case, which a paired test (`paired.py`) often improves on.
    """
    if not 0 < count < SMALL:
        return None
    by_chance = NORMAL_QUANTILE * math.sqrt(2 * 0.25 / count)
    examples = "1 example" if count == 1 else f"{count} examples"
    return (
        f"only {examples}: a difference of less than {min(by_chance, 1):.3f} in accuracy between two models may be "
        "chance"
    )
