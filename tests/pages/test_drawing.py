"""Pictures: reproducible, described, in the page's colours, and any text a label."""

import re
from xml.etree import ElementTree

import pytest

from bothways.pages.drawing import describe, draw
from bothways.pages.figures import Figure, Point, Series
from bothways.pages.ink import DASHES, MARKS, SERIES
from bothways.pages.kinds import LONGEST

SVG = "{http://www.w3.org/2000/svg}"
KINDS = ("lines", "bars", "intervals", "matrix")


def a_figure(kind: str, **changes: object) -> Figure:
    series = tuple(
        Series(
            model,
            tuple(Point(task, y + step, y + step - 0.1, y + step + 0.2) for step, task in enumerate("ab")),
        )
        for model, y in {"BERT": 1.0, "XLNet": 2.5}.items()
    )
    figure = Figure(kind, "How it went", "task", "nats", series, references=(("truth", 1.5),))
    return Figure(**{**vars(figure), **changes})


def texts(svg: str) -> list[str]:
    return ["".join(each.itertext()) for each in ElementTree.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_figure_gives_the_same_bytes(kind: str) -> None:
    assert draw(a_figure(kind)) == draw(a_figure(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_is_named_described_and_without_a_size_of_its_own(kind: str) -> None:
    root = ElementTree.fromstring(draw(a_figure(kind)))
    named = root.get("aria-labelledby", "").split()
    assert root.get("role") == "img"
    assert [root[0].text, root[1].text] == ["How it went", describe(a_figure(kind))]
    assert named == [root[0].get("id"), root[1].get("id")]
    assert "viewBox" in root.attrib
    assert not {"width", "height"} & set(root.attrib)


@pytest.mark.parametrize("kind", KINDS)
def test_every_colour_is_a_variable_of_the_page(kind: str) -> None:
    svg = draw(a_figure(kind))
    assert "var(--ink)" in svg
    assert not re.findall(r"#[0-9a-f]{6}\b(?!\")", svg)
    assert not re.findall(r"rgb\(|<style|<image|<metadata", svg)


@pytest.mark.parametrize("kind", KINDS)
def test_all_names_stand_in_the_picture(kind: str) -> None:
    shown = texts(draw(a_figure(kind)))
    assert {"BERT", "XLNet", "a", "b"} <= set(shown)
    assert ("truth" in shown) == (kind != "matrix")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "label", ["a < b & c > d", "$x^2$ and _", "<script>x</script>", "#fe01b1", '"quoted"', "中文"]
)
def test_a_label_is_shown_as_it_is_written(kind: str, label: str) -> None:
    series = (
        Series(label, (Point(label, 1.0), Point("other", 2.0))),
        Series("second", (Point("other", 1.0),)),
    )
    figure = a_figure(kind, series=series, title=label, x=label, y=label, references=((label, 1.0),))
    assert texts(draw(figure)).count(label) >= 2


def test_characters_that_no_picture_can_hold_are_replaced() -> None:
    shown = texts(draw(a_figure("bars", x="a\x00b\nc\ud800")))
    assert "a\ufffdb c\ufffd" in shown


@pytest.mark.parametrize("kind", KINDS)
def test_names_of_any_length_and_number_leave_room_for_the_numbers(kind: str) -> None:
    long = "a very long name of a model " * 5
    series = tuple(
        Series(f"{long}{number}", tuple(Point(f"{long}{task}", task + number) for task in range(12)))
        for number in range(12)
    )
    shown = texts(draw(a_figure(kind, series=series)))
    assert max(map(len, shown)) == LONGEST
    assert len([text for text in shown if text.startswith("a very")]) == 24 if kind != "lines" else True


def test_no_two_of_many_series_look_alike() -> None:
    looks = {(n % SERIES, n % len(MARKS), n % len(DASHES)) for n in range(280)}
    assert len(looks) == 280


def test_a_point_outside_its_interval_is_drawn_all_the_same() -> None:
    figure = a_figure("intervals", series=(Series("odd", (Point("a", 1.0, 1.1, 1.2),)),))
    assert "odd" in texts(draw(figure))


def test_curves_may_share_a_logarithmic_axis() -> None:
    series = (Series("K", tuple(Point(x, 1 / x) for x in (1, 10, 100, 1000))),)
    shown = texts(draw(a_figure("lines", series=series, log_x=True)))
    assert {"1", "10", "100", "1000"} <= set(shown)


def test_a_figure_without_points_is_refused() -> None:
    with pytest.raises(ValueError, match="no points"):
        draw(a_figure("bars", series=(Series("empty", ()),)))
