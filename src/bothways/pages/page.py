"""One HTML file that needs nothing else: no network, no font, no file beside it.

A policy inside the page forbids it to load anything. Its one script, where there is one, is allowed by its hash, so
that no text that slipped in could ever run.
"""

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bothways.pages.blocks import Section
from bothways.pages.drawing import draw
from bothways.pages.numbers import table

_FOLDER = resources.files("bothways.pages")


def page(
    title: str,
    *sections: Section,
    lead: str = "",
    style: str = "",
    script: str = "",
    data: Any = None,
) -> str:
    """Return a whole page: `title`, a sentence that leads in, and the sections with links to them.

    `style` and `script` are CSS and JavaScript of our own, for pages that do more; `data`, anything that JSON can say,
    is what the script finds in the element `#data`. All other text is escaped.
    """
    anchors = [f"section-{number}" for number in range(1, len(sections) + 1)]
    return _template().render(
        title=title,
        lead=lead,
        sections=list(zip(anchors, sections, strict=True)),
        policy=_policy(script),
        style=Markup(_style() + style),
        script=Markup(script),
        data=data,
    )


def worded(rows: Sequence[Sequence[str]]) -> list[bool]:
    """Say for each column whether it holds words, which stand to the left; numbers stand to the right."""
    return [any(cell[:1].isalpha() for cell in column) for column in zip(*rows, strict=True)]


def _policy(script: str) -> str:
    """Say what the page may load: its own style, and its own script if it has one."""
    policy = (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    if not script:
        return policy
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"{policy}; script-src 'sha256-{digest}'"


@cache
def _style() -> str:
    return (_FOLDER / "style.css").read_text(encoding="utf-8")


@cache
def _template() -> Any:
    """Return the template, in an environment that escapes all and forgives no missing name."""
    environment = Environment(
        loader=PackageLoader("bothways.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"draw": lambda figure: Markup(draw(figure)), "numbers": table, "worded": worded}
    environment.filters["kind"] = lambda block: type(block).__name__.lower()
    return environment.get_template("page.html.j2")
