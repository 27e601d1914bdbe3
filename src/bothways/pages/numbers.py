"""The numbers of a picture as text: short ones for its axes, and all of them as a table for who cannot see it."""

import math

from bothways.pages.figures import Figure, Point

Cells = tuple[tuple[str, ...], ...]

PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def brief(number: float) -> str:
    """Return a number for an axis, three digits or so: `2.5 M`, `0.001`, `−3`."""
    size = abs(number)
    for unit, prefix in PREFIXES:
        if size >= unit and not (prefix == "k" and size < 10_000):
            return f"{_digits(number / unit)} {prefix}"
    return _digits(number)


def exact(number: float) -> str:
    """Return a number for a table, with four digits behind the whole ones."""
    if math.isfinite(number) and number == round(number) and abs(number) < 1e15:
        return f"{round(number):,}".replace("-", "−")
    small = 0 < abs(number) < 0.001
    return (f"{number:.2e}" if small else f"{number:,.4f}").replace("-", "−")


def name(x: float | str) -> str:
    """Return what stands at a place of the horizontal axis."""
    return x if isinstance(x, str) else exact(x)


def value(point: Point) -> str:
    """Return a point's number with its interval, as the table shows it."""
    if point.low is None or point.high is None:
        return exact(point.y)
    return f"{exact(point.y)} [{exact(point.low)}, {exact(point.high)}]"


def table(figure: Figure) -> tuple[tuple[str, ...], Cells]:
    """Return the head and the rows of a picture's table.

    A column a series where all stand at the same places; else, as for curves that were measured at places of their
    own, a row a point.
    """
    places = [tuple(point.x for point in series.points) for series in figure.series]
    if len(set(places)) == 1 and len(set(places[0])) == len(places[0]):
        return _side_by_side(figure)
    references = tuple((each, "", exact(y)) for each, y in figure.references)
    rows = tuple(
        (series.name, name(point.x), value(point)) for series in figure.series for point in series.points
    )
    return ("", figure.x, figure.y), rows + references


def _side_by_side(figure: Figure) -> tuple[tuple[str, ...], Cells]:
    first, *_ = figure.series
    head = (figure.x, *(series.name or figure.y for series in figure.series))
    head += tuple(each for each, _ in figure.references)
    references = tuple(exact(y) for _, y in figure.references)
    rows = zip(*(series.points for series in figure.series), strict=True)
    named = zip((name(point.x) for point in first.points), rows, strict=True)
    return head, tuple((place, *map(value, points), *references) for place, points in named)


def _digits(number: float) -> str:
    return f"{number:.4g}".replace("-", "−")
