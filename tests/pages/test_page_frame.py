"""Pages: one file, every text escaped, headings in order, colours that can be read."""

import re
from html.parser import HTMLParser
from importlib import resources
from itertools import pairwise

import pytest
from pages.contrast import contrast
from pages.example_page import NASTY, PICTURES, example

from bothways.pages.blocks import Section
from bothways.pages.page import page

STYLE = (resources.files("bothways.pages") / "style.css").read_text(encoding="utf-8")


class Elements(HTMLParser):
    """All start tags of a page, with their attributes, and the text of each."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def test_every_text_is_escaped() -> None:
    elements = Elements(example())
    assert not elements.of("script")
    assert not elements.of("b")
    assert sum(NASTY in text for text in elements.texts) > 10


def test_nothing_is_loaded_from_anywhere() -> None:
    elements = Elements(example("let a = 1;", "a"))
    addresses = [
        value
        for _, attributes in elements.found
        for name, value in attributes.items()
        if name in ("src", "href")
    ]
    assert all(address is not None and re.match(r"#|data:,$", address) for address in addresses)
    assert "@import" not in STYLE
    assert "url(" not in STYLE


def test_a_page_allows_no_script_but_its_own() -> None:
    def policy(text: str) -> str:
        return str(Elements(text).of("meta")[1]["content"])

    assert policy(example()).startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert "script-src" not in policy(example())
    # echo -n 'let a = 1;' | openssl dgst -sha256 -binary | base64
    assert "script-src 'sha256-xY6QKfH9PRsQnLz56nj6MBwiK5oHg+im1Jkpdp1x/Ck='" in policy(example("let a = 1;"))


def test_data_cannot_end_its_element() -> None:
    elements = Elements(example("let a = 1;", "</script><b>"))
    assert len(elements.of("script")) == 2
    assert not elements.of("b")


def test_headings_stand_in_order_and_sections_are_linked() -> None:
    elements = Elements(example())
    levels = [int(tag[1]) for tag, _ in elements.found if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    anchors = {attributes["id"] for attributes in elements.of("h2")}
    links = {str(attributes["href"])[1:] for attributes in elements.of("a")}
    assert links == anchors | {"content"}
    assert elements.of("html") == [{"lang": "en"}]


def test_each_picture_is_followed_by_its_numbers() -> None:
    elements = Elements(example())
    kinds = [tag for tag, _ in elements.found if tag in ("figure", "svg", "details", "table")]
    assert "".join(f"{kind} " for kind in kinds).count("figure svg details table") == len(PICTURES)


def test_names_inside_a_page_are_unique() -> None:
    names = [attributes["id"] for _, attributes in Elements(example()).found if "id" in attributes]
    assert len(names) == len(set(names))


def test_a_page_of_one_section_has_no_list_of_sections() -> None:
    assert not Elements(page("title", Section("Only", []))).of("nav")


def colours(dark: bool) -> dict[str, str]:
    light, _, after = STYLE.partition("@media screen and (prefers-color-scheme: dark)")
    block = after[: after.index("}")] if dark else light
    return dict(re.findall(r"(--[a-z0-9-]+): (#[0-9a-f]{6})", block))


@pytest.mark.parametrize("dark", [False, True])
def test_text_and_graphics_stand_out_from_the_paper(dark: bool) -> None:
    known = colours(dark)
    paper = known["--paper"]
    for name in ("--ink", "--muted", "--accent"):
        assert contrast(known[name], paper) >= 4.5, name
        assert contrast(known[name], known["--card"]) >= 4.5, name
    for name in ("--yes", "--no", "--open"):
        assert contrast(known[name], known[f"{name}-paper"]) >= 4.5, name
    for number in range(1, 9):
        assert contrast(known[f"--series-{number}"], paper) >= 3, number


@pytest.mark.parametrize("dark", [False, True])
def test_ink_is_readable_on_the_darkest_cell_of_a_matrix(dark: bool) -> None:
    from bothways.pages.kinds import DARKEST

    known = colours(dark)

    def mixed(start: int) -> int:
        over, under = (int(known[name][start : start + 2], 16) for name in ("--shade", "--paper"))
        return round(DARKEST * over + (1 - DARKEST) * under)

    assert contrast(known["--ink"], "#" + "".join(f"{mixed(start):02x}" for start in (1, 3, 5))) >= 4.5
