"""The four kinds of pictures, drawn onto matplotlib's axes."""

from collections.abc import Callable, Sequence
from typing import Any

from bothways.pages.figures import Figure, Point
from bothways.pages.ink import DASHES, GRID, INK, MARKS, MUTED, SHADE, colour
from bothways.pages.numbers import brief

SHOWN_MARKS = 9
"""Marks along a curve, so that they tell curves apart and do not hide them."""
FEW = 5
"""Bars are as wide as if there were so many at least: two alone would fill the picture."""
REFERENCE_DASHES = ((1, 1.5), (7, 2), (4, 1.5, 1, 1.5), (2, 4))
LETTERS = 60
"""What fits below a picture on one line."""
LONGEST = 31
"""Letters of a name that are shown; all of them stand in the table of the picture."""
DARKEST = 0.6
"""Opacity of a matrix's largest value: the ink on it stays readable, in light and dark."""


def lines(axes: Any, figure: Figure) -> None:
    """Join the points of each series; a band shows their intervals."""
    places = _places(figure)
    for number, series in enumerate(figure.series):
        xs = [_place(point.x, places) for point in series.points]
        axes.plot(
            xs,
            [point.y for point in series.points],
            color=colour(number),
            linestyle=DASHES[number % len(DASHES)],
            marker=MARKS[number % len(MARKS)],
            markevery=max(1, -(-len(xs) // SHOWN_MARKS)),
            label=shortened(series.name),
        )
        low, high = _intervals(series.points)
        if low != high:
            axes.fill_between(xs, low, high, color=colour(number), alpha=0.16, linewidth=0)
    if places:
        _name_columns(axes, places)


def bars(axes: Any, figure: Figure) -> None:
    """Group the bars of all series by x, with whiskers where there are intervals."""
    places = _categories(figure)
    width = 0.8 / len(figure.series)
    spare = max(0, FEW - len(places)) / 2
    axes.set_xlim(-0.5 - spare, len(places) - 0.5 + spare)
    for number, series in enumerate(figure.series):
        xs = [places.index(str(point.x)) - 0.4 + width * (number + 0.5) for point in series.points]
        heights = [point.y for point in series.points]
        axes.bar(xs, heights, width * 0.9, color=colour(number), label=shortened(series.name))
        if any(point.low is not None for point in series.points):
            axes.errorbar(xs, heights, _reach(series.points), fmt="none", color=INK, ecolor=INK, capsize=3)
    _name_columns(axes, places)


def intervals(axes: Any, figure: Figure) -> None:
    """Show a dot and its interval for each series, one row an x, the first on top."""
    places = _categories(figure)
    step = 0.7 / len(figure.series)
    for number, series in enumerate(figure.series):
        rows = [places.index(str(point.x)) - 0.35 + step * (number + 0.5) for point in series.points]
        axes.errorbar(
            [point.y for point in series.points],
            rows,
            xerr=_reach(series.points),
            fmt=MARKS[number % len(MARKS)],
            color=colour(number),
            label=shortened(series.name),
        )
    axes.set_yticks(range(len(places)), [shortened(place) for place in places])
    axes.set_ylim(len(places) - 0.5, -0.5)


def matrix(axes: Any, figure: Figure) -> None:
    """Show each series as a row of shaded cells with their values, the first on top."""
    from matplotlib.patches import Rectangle

    places = _categories(figure)
    values = [point.y for series in figure.series for point in series.points]
    least, most = min(values), max(values)
    for row, series in enumerate(figure.series):
        for point in series.points:
            column = places.index(str(point.x))
            share = (point.y - least) / (most - least) if most > least else 0.0
            corner = (column - 0.5, row - 0.5)
            axes.add_patch(Rectangle(corner, 1, 1, facecolor=SHADE, alpha=DARKEST * share, linewidth=0))
            axes.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=GRID, linewidth=0.8))
            axes.text(column, row, brief(point.y), ha="center", va="center", color=INK)
    axes.set_xlim(-0.5, len(places) - 0.5)
    axes.set_ylim(len(figure.series) - 0.5, -0.5)
    _name_columns(axes, places)
    axes.set_yticks(range(len(figure.series)), [shortened(series.name) for series in figure.series])


def references(axes: Any, figure: Figure) -> None:
    """Draw a line at each value that others are compared with; the legend names it."""
    draw = axes.axvline if figure.kind == "intervals" else axes.axhline
    for number, (name, y) in enumerate(figure.references):
        dashes = REFERENCE_DASHES[number % len(REFERENCE_DASHES)]
        draw(y, color=MUTED, linewidth=1.4, linestyle=(0, dashes), zorder=1, label=shortened(name))


def gridded(axes: Any, kind: str) -> None:
    """Draw the grid along which values are read off."""
    if kind != "matrix":
        axes.grid(axis="x" if kind == "intervals" else "y", color=GRID, linewidth=0.8)
        axes.set_axisbelow(True)


def _categories(figure: Figure) -> list[str]:
    return list(dict.fromkeys(str(point.x) for series in figure.series for point in series.points))


def _places(figure: Figure) -> list[str]:
    """Return the names along the axis of curves, none where it is one of numbers."""
    named = any(isinstance(point.x, str) for series in figure.series for point in series.points)
    return _categories(figure) if named else []


def _place(x: float | str, places: Sequence[str]) -> float:
    return places.index(str(x)) if places else float(x)


def _intervals(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    """Return the limits of each point; those of one without an interval are the point itself."""
    low = [point.y if point.low is None else point.low for point in points]
    return low, [point.y if point.high is None else point.high for point in points]


def _reach(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    """Return how far each interval reaches below and above its point; a percentile interval may not contain it."""
    low, high = _intervals(points)
    below = [max(0.0, point.y - limit) for point, limit in zip(points, low, strict=True)]
    return below, [max(0.0, limit - point.y) for point, limit in zip(points, high, strict=True)]


KINDS: dict[str, Callable[[Any, Figure], None]] = {
    "lines": lines,
    "bars": bars,
    "intervals": intervals,
    "matrix": matrix,
}


def _name_columns(axes: Any, places: Sequence[str]) -> None:
    """Name the places across; names that would run into each other are slanted."""
    names = [shortened(place) for place in places]
    slanted = max(map(len, names)) * len(names) > LETTERS
    turned: dict[str, Any] = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if slanted else {}
    axes.set_xticks(range(len(places)), names, **turned)


def in_legend(figure: Figure) -> list[str]:
    """Return the names that a legend explains: none where there is one series and nothing to compare it with."""
    if figure.kind == "matrix":
        return []
    names = [
        shortened(name)
        for name in (*(series.name for series in figure.series), *dict(figure.references))
        if name
    ]
    return names if len(names) > 1 or figure.references else []


def legend_columns(names: Sequence[str]) -> int:
    """Return in how many columns names stand below a picture."""
    return max(1, min(len(names), LETTERS // (max(map(len, names)) + 6)))


def shortened(name: str) -> str:
    """Return a name without what is beyond `LONGEST` letters in its middle."""
    half = (LONGEST - 1) // 2
    return name if len(name) <= LONGEST else f"{name[:half]}…{name[-half:]}"
