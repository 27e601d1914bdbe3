"""The page itself: one HTML file that opens from disk and asks the network for nothing."""

import base64
import dataclasses
import hashlib
from collections.abc import Sequence
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bothways.explain.asked import Said
from bothways.explain.labels import LABELS
from bothways.explain.names import NAMES, Apart, apart
from bothways.explain.sentence import Sentence
from bothways.explain.views import SHOWN, View, make_view

SCRIPTS = ("look_up.js", "pictures.js", "order.js", "models.js", "page.js")
ROOMY = 7
"""Words of a sentence whose pictures fit beside each other; those of longer ones stand one below the other."""
REMEMBERED = 2
"""Positions of the segment before that are drawn."""


def render(sentence: Sentence, said: Sequence[Said] = ()) -> str:
    """Return the page, HTML whose only script and style are those that it carries."""
    views = [make_view(name, len(sentence.words)) for name in SHOWN]
    names = apart(NAMES)
    style = _text("page.css")
    script = "\n".join(_text(name) for name in SCRIPTS)
    template = _environment().get_template("page.html.j2")
    return template.render(
        sentence=sentence,
        views=views,
        labels=LABELS,
        names=names,
        models=said,
        roomy=ROOMY,
        style=Markup(style),  # the package's own files, not a user's words
        script=Markup(script),
        policy=_policy(style, script),
        data=page_data(sentence, views, names, said),
    )


def page_data(
    sentence: Sentence, views: Sequence[View], names: Apart, said: Sequence[Said]
) -> dict[str, Any]:
    """Return what the page's script reads."""
    return {
        "words": sentence.words,
        "order": sentence.order,
        "predicted": max(1, len(sentence.words) - 2),
        "remembered": REMEMBERED,
        "labels": LABELS,
        "views": {view.objective: dataclasses.asdict(view) for view in views},
        "names": names.as_json(),
        "models": [each.as_json() for each in said],
    }


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("bothways.explain", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )


def _text(name: str) -> str:
    return resources.files("bothways.explain").joinpath(name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """Return a policy that admits this style and this script, by their digests, and nothing else."""

    def admitted(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    rules = {
        "default-src": "'none'",
        "style-src": admitted(style),
        "script-src": admitted(script),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{rule} {value}" for rule, value in rules.items())
