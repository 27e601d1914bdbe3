"""What several seeds say of the difference between two ways: its interval, and the verdict that follows from it."""

from collections.abc import Iterable, Sequence
from statistics import mean

from bothways.claims.base import Measure, Models, Verdict
from bothways.metrics.student import student_interval
from bothways.pages.figures import Point, Series


def over_seeds(name: str, values: Sequence[float], truth: float | None = None) -> Measure:
    """Return the mean of `values`, one a seed, with Student's interval where there are several."""
    if len(values) < 2:
        return Measure(name, values[0], truth=truth)
    interval = student_interval(values)
    return Measure(name, interval.value, interval.low, interval.high, truth)


def curve(name: str, at: Iterable[tuple[float | str, Sequence[float]]]) -> Series:
    """Return a series of a picture from pairs of an x and the values there, one a seed."""
    points = []
    for x, values in at:
        here = over_seeds(name, values)
        points.append(Point(x, here.value, here.low, here.high))
    return Series(name, tuple(points))


def verdict_on(gains: Sequence[float], margin: float, *, quick: bool) -> Verdict:
    """Judge whether a gain, measured once a seed, exceeds `margin`.

    It does where the whole interval of its mean lies above the margin, and does not where the whole interval lies
    below. One seed has no interval.
    """
    if quick:
        return "preview"
    if len(gains) < 2:
        return "inconclusive"
    interval = student_interval(gains)
    if interval.low > margin:
        return "holds"
    return "does not hold here" if interval.high < margin else "inconclusive"


def of_all(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the verdict on a sentence that says several things at once: it holds where all of them do."""
    order: tuple[Verdict, ...] = ("preview", "does not hold here", "inconclusive", "holds")
    return next(verdict for verdict in order if verdict in verdicts)


def said(gains: Sequence[float]) -> str:
    """Return a gain with its interval in words."""
    if len(gains) < 2:
        return f"{mean(gains):+.3f} (one seed)"
    return f"{student_interval(gains):+.3f} over {len(gains)} seeds"


def seeds_of(models: Models) -> Sequence[int]:
    """Return the seeds that a claim trains: the first alone where it must be quick."""
    return models.seeds[:1] if models.quick else models.seeds
