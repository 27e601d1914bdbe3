"""Pictures as SVG, drawn by matplotlib without its global state: the same figure gives the same text, byte for byte."""

import hashlib
import re
import warnings
from dataclasses import replace
from typing import Any

from bothways.pages import kinds
from bothways.pages.figures import Figure, Point, Series
from bothways.pages.ink import GRID, INK, MUTED
from bothways.pages.numbers import brief
from bothways.pages.svg import FONT, written

WIDTH = 480
"""Of every picture, in pixels, before the page scales it."""
POINTS_AN_INCH = 72
"""One of matplotlib's points is one pixel."""
STYLE = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": FONT,
    "font.size": 11.5,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.labelsize": 11.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "lines.markersize": 5,
}


def draw(figure: Figure) -> str:
    """Return a picture as an SVG element whose colours are the page's variables, with title and description.

    Raises `ValueError` for a figure without points.
    """
    if not any(series.points for series in figure.series):
        raise ValueError(f"the figure {figure.title!r} has no points")
    from matplotlib import rc_context

    figure = legible(figure)
    name = "p" + hashlib.sha256(repr(figure).encode()).hexdigest()[:12]
    style: dict[Any, Any] = {**STYLE, "svg.hashsalt": name}
    with rc_context(style), warnings.catch_warnings():
        # The page's font writes the letters; matplotlib's own, with which it measures, may lack some.
        warnings.filterwarnings("ignore", r"Glyph .* missing from font")
        return written(_drawn(figure), name=name, title=figure.title, description=describe(figure))


def legible(figure: Figure) -> Figure:
    """Return the same without characters that no picture can hold; a line break becomes a space."""

    def clean(text: str) -> str:
        return re.sub(r"[^\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", " ".join(text.split()))

    def named(point: Point) -> Point:
        return replace(point, x=clean(point.x)) if isinstance(point.x, str) else point

    series = tuple(Series(clean(each.name), tuple(map(named, each.points))) for each in figure.series)
    title, x, y, note = (clean(text) for text in (figure.title, figure.x, figure.y, figure.note))
    references = tuple((clean(name), y) for name, y in figure.references)
    return replace(figure, title=title, x=x, y=y, series=series, references=references, note=note)


def describe(figure: Figure) -> str:
    """Say in a sentence or two what a picture shows, for who cannot see it."""
    names = ", ".join(series.name for series in figure.series if series.name)
    sideways, upwards = (figure.y, figure.x) if figure.kind == "intervals" else (figure.x, figure.y)
    axes = f"{figure.kind}; across: {sideways}; {'shades' if figure.kind == 'matrix' else 'upwards'}: "
    axes += figure.y if figure.kind == "matrix" else upwards
    compared = "".join(f"; {reference} at {brief(y)}" for reference, y in figure.references)
    return f"{axes}; of {names}{compared}" if names else axes + compared


def _drawn(figure: Figure) -> Any:
    from matplotlib.figure import Figure as Canvas

    height = _height(figure)
    canvas = Canvas(
        figsize=(WIDTH / POINTS_AN_INCH, height / POINTS_AN_INCH), dpi=POINTS_AN_INCH, layout="constrained"
    )
    axes = canvas.add_subplot()
    kinds.KINDS[figure.kind](axes, figure)
    kinds.gridded(axes, figure.kind)
    kinds.references(axes, figure)
    _label(axes, figure)
    if names := kinds.in_legend(figure):
        canvas.legend(loc="outside lower center", ncols=kinds.legend_columns(names), labelcolor=INK)
    return canvas


def _label(axes: Any, figure: Figure) -> None:
    """Name the axes and write their numbers shortly."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    numeric = FuncFormatter(lambda number, _position: brief(number))
    if figure.log_x:
        axes.set_xscale("log")
        axes.xaxis.set_minor_formatter(NullFormatter())
    named = any(isinstance(point.x, str) for series in figure.series for point in series.points)
    if figure.kind == "intervals":
        axes.set_xlabel(figure.y)
        axes.xaxis.set_major_formatter(numeric)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        return
    axes.set_xlabel(figure.x)
    if figure.kind == "matrix":
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        return
    axes.set_ylabel(figure.y)
    axes.yaxis.set_major_formatter(numeric)
    if figure.kind == "lines" and not named:
        axes.xaxis.set_major_formatter(numeric)
    axes.spines["left"].set_color(GRID)


def _height(figure: Figure) -> float:
    """Return pixels: rows need more the more there are, and so does a long legend."""
    rows = len({str(point.x) for series in figure.series for point in series.points})
    names = kinds.in_legend(figure)
    legend = 18 * -(-len(names) // kinds.legend_columns(names)) if names else 0
    if figure.kind == "matrix":
        return 80 + 36 * len(figure.series)
    if figure.kind == "intervals":
        return 70 + legend + rows * max(24 + 24 // rows, 14 * len(figure.series))
    return 270 + legend
