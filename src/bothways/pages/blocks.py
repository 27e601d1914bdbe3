"""What stands on a page, as plain data: page.html.j2 knows how each block looks. Every text is escaped there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from markupsafe import Markup

from bothways.pages.figures import Figure


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of plain text."""

    text: str
    kind: str = ""
    """`lead` for a sentence that answers, `note` for one that explains; else ordinary."""


@dataclass(frozen=True)
class Table:
    """A table; its first column names the rows."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    words: bool = False
    """Whether the last column holds sentences, which are folded."""


@dataclass(frozen=True)
class Answers:
    """Questions, each with a sentence that answers it."""

    answers: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Badge:
    """A verdict beside the sentence that it is about."""

    verdict: str
    tone: str
    """`yes`, `no` or `open`: its colour; the word says the same."""
    sentence: str
    leads_to: str | None = None
    """The anchor of the group that says more."""


@dataclass(frozen=True)
class Pictures:
    """Figures side by side where there is room, each with its numbers below."""

    figures: Sequence[Figure]


@dataclass(frozen=True)
class Details:
    """What is read on demand: a line to open, and text as it was written."""

    summary: str
    text: str


@dataclass(frozen=True)
class Group:
    """Blocks under a heading of their own, one level below the section's."""

    title: str
    blocks: Sequence["Block"]
    anchor: str | None = None
    """What links lead here, unique on its page."""


@dataclass(frozen=True)
class Html:
    """Markup of our own, for pages that do more than report."""

    markup: Markup


Block: TypeAlias = Paragraph | Table | Answers | Badge | Pictures | Details | Group | Html


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it."""

    title: str
    blocks: Sequence[Block]
