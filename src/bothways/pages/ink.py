"""The colours of pictures: the page's CSS variables, written as stand-ins while matplotlib draws.

Matplotlib knows hexadecimal colours only. Each variable has one that nothing else uses; when the picture is done,
`svg.py` writes the variables in their places, so that one picture serves light, dark and paper.
"""

SERIES = 8
"""Colours of series; then they begin again, with other marks and dashes."""

VARIABLES = {
    "#fe01a1": "--ink",
    "#fe01a2": "--muted",
    "#fe01a3": "--grid",
    "#fe01a4": "--shade",
    **{f"#fe01b{number}": f"--series-{number}" for number in range(1, SERIES + 1)},
}
"""Stand-in -> variable."""

INK, MUTED, GRID, SHADE = list(VARIABLES)[:4]
MARKS = ("o", "s", "^", "D", "v", "P", "X")
DASHES = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)), (0, (9, 3)))
"""Counts without common divisors: no two of the first 280 series look alike."""


def colour(number: int) -> str:
    """Return the stand-in of a series, counted from 0."""
    return f"#fe01b{number % SERIES + 1}"
