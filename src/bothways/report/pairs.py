"""Every pair of recipes at every question: the differences behind the sentences."""

from collections.abc import Sequence

from bothways.compare.pairs import Pair
from bothways.pages.blocks import Paragraph, Section, Table
from bothways.report.held_out import NAMES
from bothways.report.records import Records

NONE = "–"
NOTE = (
    "First less second with its 95% interval, in nats or, of tasks, in points; p is how often chance alone would show "
    "as much."
)


def every_pair(records: Records) -> Section | None:
    """Return the table of all pairs; nothing where nobody paired any."""
    if not records.pairs:
        return None
    return Section("Every pair", [Paragraph(NOTE, "note"), pairs_table(records.pairs)])


def pairs_table(pairs: Sequence[Pair]) -> Table:
    """Return a row a pair; p-values of several seeds are shown before and after Holm's correction over all of them."""
    is_corrected = any(pair.holm is not None for pair in pairs)
    head = ["question", "first", "second", "first less second", "seeds", "p", *(["Holm p"] * is_corrected)]
    rows = [[*_told(pair), *([_chance(pair.holm)] * is_corrected)] for pair in pairs]
    return Table(head, rows)


def _told(pair: Pair) -> list[str]:
    return [
        NAMES.get(pair.question, pair.question),
        pair.first,
        pair.second,
        _difference(pair),
        str(pair.seeds),
        _chance(pair.p_value),
    ]


def _difference(pair: Pair) -> str:
    numbers = f"{pair.value:+.3f}" if pair.difference is None else format(pair.difference, "+.3f")
    return numbers.replace("-", "−")


def _chance(p_value: float | None) -> str:
    if p_value is None:
        return NONE
    return "< 0.0001" if p_value < 1e-4 else f"{p_value:.2g}"
