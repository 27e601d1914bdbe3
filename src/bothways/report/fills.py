"""How models fill the blanks of the same sentences, all blanks together, side by side."""

from bothways.compare.record import Fill
from bothways.pages.blocks import Group, Section, Table
from bothways.report.records import Records

BLANK = "[?]"


def fills(records: Records) -> Section | None:
    """Return a table a sentence; nothing where nobody filled one."""
    texts = list(dict.fromkeys(fill.text for fill in records.fills))
    if not texts:
        return None
    return Section("Blanks, filled together", [Group(text, [_table(text, records)]) for text in texts])


def sentence(fill: Fill) -> str:
    """Return the sentence with what was filled in between angle quotes, so that it can be told from the rest."""
    pieces = fill.text.split(BLANK)
    if len(pieces) != len(fill.filled) + 1:
        return ", ".join(fill.filled)
    return pieces[0] + "".join(
        f"‹{word}›{piece}" for word, piece in zip(fill.filled, pieces[1:], strict=True)
    )


def _table(text: str, records: Records) -> Table:
    rows = [
        [fill.model, "" if fill.probability is None else f"{fill.probability:.2%}", sentence(fill)]
        for fill in records.fills
        if fill.text == text
    ]
    return Table(["model", "joint probability", "sentence"], rows, words=True)
