"""From any scheme of entity tags to IOB2, the one that is scored.

Schemes differ in what their letters say of a word's place in its entity, and agree on what a sentence means. One rule
reads them all: IOB1, IOB2, IOE1, IOE2, BIOES, BILOU and BMES (whose middle is `M-`).
"""

from collections.abc import Sequence

from bothways.errors import DataError

BEGINS = frozenset("BSU")
"""Letters of a first word: begin, single, unit."""
ENDS = frozenset("ELSU")
"""Letters of a last word: end, last, single, unit."""
INSIDE = frozenset("IMEL")
"""Letters of a word that goes on with an entity of its type, or begins one where there is none."""


def to_iob2(tags: Sequence[str]) -> list[str]:
    """Return the tags of a sentence in IOB2; tags that are IOB2 stay as they are.

    For labelled files only: a tag that continues nothing, legal in IOB1, becomes the beginning of an entity, whereas in
    a prediction it is a mistake and stays one. Raise `DataError` for a tag of no known scheme.
    """
    converted = []
    open_type = None
    for tag in tags:
        letter, name = _split(tag)
        continues = letter in INSIDE and name == open_type
        converted.append(f"{'I' if continues else 'B'}-{name}" if name else "O")
        open_type = None if letter in ENDS else name
    return converted


def _split(tag: str) -> tuple[str, str | None]:
    """Return the letter and the type of a tag; no type outside of entities."""
    if tag == "O":
        return tag, None
    letter, _, name = tag.partition("-")
    if letter not in BEGINS | INSIDE or not name:
        raise DataError(f"{tag!r} is no entity tag; use O, or one of B, I, M, E, L, S, U before -TYPE")
    return letter, name
