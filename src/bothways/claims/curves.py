"""Series of a picture from numbers of several seeds."""

from collections.abc import Iterable, Sequence

from bothways.claims.verdict import measured
from bothways.pages.figures import Point, Series


def curve(name: str, at: Iterable[tuple[float | str, Sequence[float]]]) -> Series:
    """Return a series of a picture from pairs of an x and the values there, one a seed."""
    points = []
    for x, values in at:
        here = measured(name, values)
        points.append(Point(x, here.value, here.low, here.high))
    return Series(name, tuple(points))
