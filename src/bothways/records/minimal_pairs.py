"""Minimal pairs in BLiMP's JSON lines (Warstadt et al. 2020): `sentence_good` and `sentence_bad`."""

from pathlib import Path

from bothways.records.cells import text_in
from bothways.records.reading import BadRow, Reading
from bothways.records.table import Row, read_table
from bothways.records.types import PairOfSentences


def read_minimal_pairs(path: Path, reading: Reading) -> list[PairOfSentences]:
    """Return the good rows of one file (a paradigm)."""
    return reading.good(read_table(path, reading).rows, lambda row: _record(reading.at(row.number), row))


def _record(where: str, row: Row) -> PairOfSentences:
    good, bad = (text_in(row[name]) if row.has(name) else "" for name in ("sentence_good", "sentence_bad"))
    if not good or not bad:
        raise BadRow(where, "sentence_good or sentence_bad is empty")
    return PairOfSentences(where, good, bad)
