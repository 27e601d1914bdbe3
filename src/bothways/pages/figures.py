"""What a picture shows, as plain data: pages draw it, and records carry it."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Point:
    """One number of a picture, with its interval where it has one."""

    x: int | float | str
    """A place or a name; whole numbers are named, so that they are written and read as they are."""
    y: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Series:
    """What belongs together: a curve, bars of one colour, or the row of a matrix."""

    name: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Figure:
    """A picture: its kind, axes and numbers.

    `lines` joins the points of each series, `bars` groups them by x, `intervals` shows a dot and its interval for each
    (one row an x), `matrix` shows series as rows, x as columns and y as shades.
    """

    kind: Literal["lines", "bars", "intervals", "matrix"]
    title: str
    x: str
    """What the horizontal axis shows, with its unit."""
    y: str
    """What the vertical axis (the shade of a matrix) shows, with its unit."""
    series: tuple[Series, ...]
    references: tuple[tuple[str, float], ...] = ()
    """Values to compare with, such as an exact entropy: name and y."""
    log_x: bool = False
    note: str = ""
    """What else to know, in a sentence below the picture."""
