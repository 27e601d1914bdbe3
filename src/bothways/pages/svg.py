"""From what matplotlib writes to a picture inside a page: no size of its own, the page's colours and font, described.

Only attributes are changed, through an XML parser: a label that reads like a colour stays a label.
"""

import io
import re
from typing import Any
from xml.etree import ElementTree

from bothways.pages.ink import VARIABLES

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
FONT = "DejaVu Sans"
"""What matplotlib measures text with; the page shows its own font, which is narrower."""
_STAND_IN = re.compile("|".join(VARIABLES))


def written(canvas: Any, *, name: str, title: str, description: str) -> str:
    """Return the SVG element of a matplotlib figure; `name` must be another one for each picture of a page."""
    stream = io.StringIO()
    canvas.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    root = ElementTree.fromstring(stream.getvalue())
    _drop(root, "metadata")
    _drop(root, "defs")  # of the whole picture: a style sheet, which would reach beyond it
    for element in root.iter():
        _adapt(element)
    for size in ("width", "height", "version"):
        root.attrib.pop(size)
    root.attrib |= {"stroke-linejoin": "round", "role": "img", "aria-labelledby": f"{name}-title {name}-desc"}
    for place, (tag, text) in enumerate({"title": title, "desc": description}.items()):
        told = ElementTree.Element(f"{{{SVG}}}{tag}", id=f"{name}-{tag}")
        told.text = text
        root.insert(place, told)
    ElementTree.register_namespace("", SVG)
    return ElementTree.tostring(root, encoding="unicode")


def _adapt(element: ElementTree.Element) -> None:
    """Write the page's variables into an element, and leave out names that nothing refers to."""
    for key, value in list(element.attrib.items()):
        if key == f"{{{XLINK}}}href":
            del element.attrib[key]
            element.set("href", value)
        elif key == "style":
            coloured = _STAND_IN.sub(lambda found: f"var({VARIABLES[found.group()]})", value)
            element.set(key, coloured.replace(f"'{FONT}'", "var(--sans, sans-serif)"))
        elif key == "id" and re.search(r"_\d+$", value):
            del element.attrib[key]


def _drop(root: ElementTree.Element, tag: str) -> None:
    for child in root.findall(f"{{{SVG}}}{tag}"):
        root.remove(child)
