"""How labels of words mark where an entity begins and ends."""

from collections.abc import Iterable, Sequence
from typing import Literal

Scheme = Literal["IOB1", "IOB2", "BIOES", "BILOU", "BMES"]
"""IOB2: an entity begins with B-. IOB1: only one right after another of its type does. BIOES, BILOU and BMES: also its
end, E- or L-, and an entity of one word, S- or U-, are marked; the inside is I- or M-."""

_PREFIXES = frozenset("BIMESLU")


def scheme_of(sentences: Iterable[Sequence[str]]) -> Scheme | None:
    """Return the scheme in which labels are written; None for plain labels, such as parts of speech.

    Sets that break their own scheme in places are named by what most of their entities do.
    """
    prefixes: set[str] = set()
    begins_inside = begins_plainly = 0
    for labels in sentences:
        before = "O"
        for label in labels:
            prefix, dash, kind = label.partition("-")
            if label != "O" and (not dash or prefix not in _PREFIXES):
                return None
            prefixes.add(prefix)
            is_after_own = before != "O" and before.partition("-")[2] == kind
            begins_inside += prefix == "I" and not is_after_own
            begins_plainly += prefix == "B" and not is_after_own
            before = label
    if "M" in prefixes:
        return "BMES"
    if prefixes & {"L", "U"}:
        return "BILOU"
    if prefixes & {"E", "S"}:
        return "BIOES"
    if not prefixes & {"B", "I"}:
        return None
    return "IOB1" if begins_inside > begins_plainly else "IOB2"
