"""From measured numbers to a verdict, by one rule for all claims.

A claim says that something is larger than something else, by more than a margin that would matter. Over seeds the
difference has Student's 95% interval. All of it above the margin: the sentence holds. All of it below: it does not hold
here. The margin inside: inconclusive. One seed has no interval, so what it gives is a preview.
"""

from collections.abc import Sequence

from bothways.claims.base import Measure, Verdict
from bothways.metrics.interval import Interval
from bothways.metrics.student import student_interval


def over_seeds(values: Sequence[float]) -> Interval | None:
    """Return the mean of `values`, one a seed, and its interval; none of a single seed."""
    return student_interval(values) if len(values) > 1 else None


def difference(larger: Sequence[float], smaller: Sequence[float]) -> list[float]:
    """Return by how much each seed's first number is larger than its second."""
    return [first - second for first, second in zip(larger, smaller, strict=True)]


def judge(differences: Sequence[float], margin: float, *, quick: bool = False) -> Verdict:
    """Return what differences, one a seed, say of the claim that they are larger than `margin` (in their unit)."""
    interval = over_seeds(differences)
    return "preview" if interval is None or quick else judge_interval(interval, margin)


def judge_interval(interval: Interval, margin: float) -> Verdict:
    """Return what an interval says of the claim that its number is larger than `margin`."""
    if interval.low > margin:
        return "holds"
    return "does not hold here" if interval.high < margin else "inconclusive"


def together(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the verdict on a sentence of several parts: it holds where all do, and fails with any of them."""
    for decisive in ("preview", "does not hold here", "inconclusive"):
        if decisive in verdicts:
            return decisive
    return "holds"


def measured(name: str, values: Sequence[float], truth: float | None = None) -> Measure:
    """Return the mean over seeds with its interval, beside what it would be at best."""
    interval = over_seeds(values)
    mean = sum(values) / len(values)
    if interval is None:
        return Measure(name, mean, truth=truth)
    return Measure(name, mean, interval.low, interval.high, truth)


def in_words(differences: Sequence[float], unit: str = "") -> str:
    """Return a difference and its interval, such as `0.52 nats [0.48, 0.56]`."""
    interval = over_seeds(differences)
    value = differences[0] if interval is None else interval.value
    margin = "" if interval is None else f"[{interval.low:.3g}, {interval.high:.3g}]"
    return " ".join(part for part in (f"{value:.3g}", unit, margin) if part)
