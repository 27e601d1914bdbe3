"""Pages in a real browser: nothing overflows, everything is reached by keyboard, and all text can be read."""

from collections.abc import Callable
from typing import Any

import pytest
from pages.contrast import contrast
from pages.example_page import example

pytestmark = pytest.mark.browser

COLOURS = """
() => {
  const painted = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (!colour.endsWith(", 0)")) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !element.checkVisibility()) continue;
    if (["SCRIPT", "title", "desc"].includes(element.tagName)) continue;
    const style = getComputedStyle(element);
    const colour = element.namespaceURI.endsWith("svg") ? style.fill : style.color;
    found.push([walker.currentNode.textContent.trim(), colour, painted(element)]);
  }
  return found;
}
"""


@pytest.mark.parametrize("width", [400, 1000, 1600])
def test_a_page_scrolls_downwards_only(opened: Callable[..., Any], width: int) -> None:
    page = opened(example(), width=width)
    page.evaluate("document.querySelectorAll('details').forEach((each) => each.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_a_wide_table_scrolls_inside_itself(opened: Callable[..., Any]) -> None:
    page = opened(example(), width=400)
    assert page.evaluate(
        "(() => { const e = document.querySelector('.scroll'); return e.scrollWidth > e.clientWidth })()"
    )


def test_no_text_becomes_a_script(opened: Callable[..., Any]) -> None:
    assert opened(example()).title().startswith("A title: <script>")


def test_the_script_of_a_page_runs_and_finds_its_data(opened: Callable[..., Any]) -> None:
    script = "document.title = JSON.parse(document.getElementById('data').textContent);"
    assert opened(example(script, "</script> & more")).title() == "</script> & more"


def test_the_keyboard_reaches_and_opens_all_that_opens(opened: Callable[..., Any]) -> None:
    page = opened(example())
    count = page.locator("details").count()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    while page.evaluate("document.activeElement.tagName") != "BODY":
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == "SUMMARY":
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
            page.keyboard.press("Enter")
    assert page.locator("details[open]").count() == count > 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_what_it_is_written_on(opened: Callable[..., Any], scheme: str) -> None:
    page = opened(example(), scheme=scheme)
    found = page.evaluate(COLOURS)
    assert len(found) > 50
    for text, colour, behind in found:
        assert contrast(hexadecimal(colour), hexadecimal(behind)) >= 4.5, (text, colour, behind)


def test_dark_is_dark_and_paper_is_light(opened: Callable[..., Any]) -> None:
    page = opened(example(), scheme="dark")
    behind = "getComputedStyle(document.body).backgroundColor"
    assert contrast(hexadecimal(page.evaluate(behind)), "#000000") < 1.5
    page.emulate_media(media="print")
    assert contrast(hexadecimal(page.evaluate(behind)), "#ffffff") < 1.5


def hexadecimal(colour: str) -> str:
    """Return `rgb(1, 2, 3)` as `#010203`."""
    parts = colour[colour.index("(") + 1 : -1].split(",")
    assert len(parts) == 3, f"{colour} is not opaque"
    return "#" + "".join(f"{int(part):02x}" for part in parts)
