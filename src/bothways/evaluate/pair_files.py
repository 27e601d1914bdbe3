"""Minimal pairs in files as BLiMP has them (Warstadt et al. 2020): JSON Lines, compressed or not, a pair a line.

    {"sentence_good": "Who hugs Jane?", "sentence_bad": "Who hug Jane?", "UID": "agreement", "field": "morphology", ...}

`UID` is the paradigm, `linguistics_term` the phenomenon it belongs to, `field` the phenomenon's field. A list of one's
own may leave them out: the file's name is then the paradigm.
"""

import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bothways.errors import DataError
from bothways.evaluate.json_lines import read_json_lines
from bothways.text.readers import files_under, kind_of


@dataclass(frozen=True)
class MinimalPair:
    """Two sentences that differ in as little as possible, of which one is grammatical."""

    where: str
    """For messages, and to know a pair again: "npi_present_1.jsonl, line 17"."""
    good: str
    bad: str
    paradigm: str
    """What makes the bad one bad; pairs of one paradigm are made alike."""
    field: str | None = None
    """A branch of grammar, such as morphology."""
    phenomenon: str | None = None
    """What several paradigms show, such as anaphor agreement."""


def read_pairs(place: Path) -> list[MinimalPair]:
    """Return the pairs of a file, or of all .jsonl files (.gz, .zst) of a folder, in the order of the names.

    Raises `DataError`, with file and line, at the first line that is no pair.
    """
    if not place.exists():
        raise DataError(f"{place} does not exist; give a folder of minimal pairs, such as BLiMP's data")
    files = [place] if place.is_file() else [file for file in files_under(place) if kind_of(file) == "jsonl"]
    if not files:
        raise DataError(f"{place} holds no .jsonl file; give a folder of minimal pairs, such as BLiMP's data")
    return [pair for file in files for pair in _pairs_of(file)]


def _pairs_of(file: Path) -> list[MinimalPair]:
    rows = read_json_lines(file, "pair", "sentence_good and sentence_bad")
    return [_pair(row, where, file.name.partition(".")[0]) for where, row in rows]


def _pair(row: dict[str, Any], where: str, paradigm: str) -> MinimalPair:
    good, bad = (_sentence(row, name, where) for name in ("sentence_good", "sentence_bad"))
    named = row.get("UID") or paradigm
    # One of BLiMP's files says "syntax/semantics" where its siblings say "syntax_semantics".
    field = row["field"].replace("/", "_") if isinstance(row.get("field"), str) else None
    return MinimalPair(where, good, bad, str(named), field or None, row.get("linguistics_term") or None)


def _sentence(row: dict[str, Any], name: str, where: str) -> str:
    text = row.get(name)
    if not isinstance(text, str) or not text.strip():
        raise DataError(
            f"{where}: {name!r} holds no text; a minimal pair needs sentence_good and sentence_bad"
        )
    return unicodedata.normalize("NFC", text).strip()
