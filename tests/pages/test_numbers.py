"""Numbers as text, and the table that says what a picture shows."""

import pytest

from bothways.pages.figures import Figure, Point, Series
from bothways.pages.numbers import brief, exact, table


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (2_500_000, "2.5 M"),
        (12_000, "12 k"),
        (1_500, "1500"),
        (0.001, "0.001"),
        (-3.25, "−3.25"),
        (1e10, "10 G"),
    ],
)
def test_the_numbers_of_an_axis_are_brief(number: float, text: str) -> None:
    assert brief(number) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1234567, "1,234,567"),
        (6.912345, "6.9123"),
        (0.00012, "1.20e−04"),
        (-2, "−2"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
    ],
)
def test_the_numbers_of_a_table_are_exact(number: float, text: str) -> None:
    assert exact(number) == text


def figure_of(*series: Series) -> Figure:
    return Figure("lines", "title", "tokens", "nats", series, references=(("truth", 1.25),))


def test_series_at_the_same_places_stand_side_by_side() -> None:
    figure = figure_of(
        Series("BERT", (Point("a", 1.5, 1.0, 2.0), Point("b", 2.0))),
        Series("XLNet", (Point("a", 3.0), Point("b", 4.0))),
    )
    assert table(figure) == (
        ("tokens", "BERT", "XLNet", "truth"),
        (("a", "1.5000 [1, 2]", "3", "1.2500"), ("b", "2", "4", "1.2500")),
    )


def test_series_at_places_of_their_own_have_a_row_a_point() -> None:
    figure = figure_of(Series("BERT", (Point(1, 1.5),)), Series("XLNet", (Point(2, 3.5),)))
    assert table(figure) == (
        ("", "tokens", "nats"),
        (("BERT", "1", "1.5000"), ("XLNet", "2", "3.5000"), ("truth", "", "1.2500")),
    )
