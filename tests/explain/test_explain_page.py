"""The page in Chromium: its masks are the library's, and words move by pointer and by keyboard."""

import numpy as np
import pytest
from asked_models import subject, tokenizer

from bothways.explain.asked import ask_model
from bothways.explain.command import explain
from bothways.explain.page import render
from bothways.explain.sentence import read_sentence
from bothways.explain.views import SHOWN, lay_out_ranks, matrix, sees_memory, smallest

pytestmark = pytest.mark.browser
TEXT = "New York is a city"
CELLS = """() => [...document.querySelectorAll(".panel .mask td[data-seen]")].map((cell) => {
  const table = cell.closest("table").dataset;
  return [table.view, table.stream, cell.dataset.kind, Number(cell.dataset.query), Number(cell.dataset.key),
          cell.dataset.seen === "true"];
})"""
ORDER = "() => [...document.querySelectorAll('.chip')].map((chip) => Number(chip.dataset.place))"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Write the page of the published example, with two models."""
    said = [ask_model(name, subject(name), tokenizer(), TEXT.lower()) for name in ("permutation", "causal")]
    path = tmp_path_factory.mktemp("page") / "explain.html"
    path.write_text(render(read_sentence(TEXT, "2,4,3,1"), said), encoding="utf-8")
    return path


def masks_are_the_librarys(page, order, predicted):
    """Compare every cell that is shown with the rule's answer on the row that the objective lays out."""
    ranks = np.zeros(len(order), dtype=np.int64)
    ranks[order[len(order) - predicted :]] = np.arange(1, predicted + 1)
    batches = {name: lay_out_ranks(smallest(name, len(order)), ranks) for name in SHOWN}
    cells = page.evaluate(CELLS)
    assert {cell[0] for cell in cells} == set(SHOWN)
    for name, stream, kind, query, key, seen in cells:
        if kind == "memory":
            assert seen == sees_memory(batches[name], stream)[query]
        else:
            assert seen == matrix(batches[name], stream, kind)[query, key], (name, stream, kind, query, key)
    return cells


def test_the_masks_that_are_shown_are_the_librarys(open_page, written):
    page = open_page(written)
    cells = masks_are_the_librarys(page, [1, 3, 2, 0, 4], predicted=3)
    assert not any(cell[2] == "memory" for cell in cells)
    page.check("#memory")
    page.fill("#count", "5")
    cells = masks_are_the_librarys(page, [1, 3, 2, 0, 4], predicted=5)
    assert {cell[0] for cell in cells if cell[2] == "memory"} == {"masked", "causal", "permutation"}
    example = page.inner_text("#example").replace("\xa0", " ")
    assert "Predicting 3 “is”, the query sees 2 “York”, 4 “a” and the memory" in example
    assert "still read as “New York is a city”" in example


def test_dragging_a_word_changes_the_order_and_the_masks(open_page, written):
    page = open_page(written)
    page.locator("#chips").scroll_into_view_if_needed()
    city, york = (page.locator(f".chip[data-place='{place}']").bounding_box() for place in (4, 1))
    page.mouse.move(city["x"] + city["width"] / 2, city["y"] + city["height"] / 2)
    page.mouse.down()
    page.mouse.move(york["x"] + 4, york["y"] + york["height"] / 2, steps=12)
    page.mouse.up()
    assert page.evaluate(ORDER) == [4, 1, 3, 2, 0]
    masks_are_the_librarys(page, [4, 1, 3, 2, 0], predicted=3)
    assert [word.inner_text() for word in page.locator("#row strong").all()] == TEXT.split()


def test_arrow_keys_move_the_focused_word_and_it_keeps_the_focus(open_page, written):
    page = open_page(written)
    page.focus(".chip[data-place='2']")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.evaluate(ORDER) == [1, 3, 0, 4, 2]
    assert page.evaluate("() => document.activeElement.dataset.place") == "2"
    assert page.inner_text("#announced").endswith("is (3)")
    masks_are_the_librarys(page, [1, 3, 0, 4, 2], predicted=3)
    page.keyboard.press("Home")
    page.click("[data-move='1']")
    assert page.evaluate(ORDER) == [1, 2, 3, 0, 4]
    page.click("[data-order='reverse']")
    assert page.evaluate(ORDER) == [4, 3, 2, 1, 0]


@pytest.mark.parametrize("width", [400, 1000, 1600])
def test_nothing_is_wider_than_the_screen_however_long_the_sentence(open_page, written, width, tmp_path):
    longest = explain("extraordinarily " * 12, None, [], tmp_path / "page.html", print).page
    for path in (written, longest):
        page = open_page(path, width)
        page.check("#memory")
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width


def test_the_page_is_dark_where_the_reader_wants_it_dark(open_page, written):
    def brightness(scheme):
        page = open_page(written, color_scheme=scheme)
        return page.evaluate(
            "() => Number(getComputedStyle(document.body).backgroundColor.match(/[0-9]+/)[0])"
        )

    assert brightness("dark") < 60 < 200 < brightness("light")


def test_numbers_stand_beside_their_words(open_page, written):
    page = open_page(written)
    together = page.locator("#names table").nth(1)
    row = together.locator("tbody tr", has_text="New")
    assert row.locator("td").all_inner_texts() == ["20%", "12%", "8.0%", "0", "0", "0"]
    heads = together.locator("thead th").all_inner_texts()
    assert heads == ["York", "Jersey", "Orleans", "Angeles", "Francisco", "Diego"]


def test_another_token_of_a_model_can_be_hidden(open_page, written):
    page = open_page(written)
    page.click("[data-model='0'] .token >> nth=3")
    said = page.inner_text("[data-model='0']")
    assert "The true “a” has" in said
    page.locator("[data-model='0'] select").last.select_option(label="content")
    assert page.locator("[data-model='1'] .token.is-unread").count() == 4


def test_words_are_text_whatever_they_hold(open_page, tmp_path):
    nasty = "<script>document.title='no'</script> </style> {{ 7*7 }} \"&amp; </script><img/src=x>"
    page = open_page(explain(nasty, None, [], tmp_path / "page.html", print).page)
    assert page.title() == f"Who sees whom in “{nasty}”"
    assert [word.inner_text() for word in page.locator("#row strong").all()] == nasty.split()
    assert page.locator("img").count() == 0
