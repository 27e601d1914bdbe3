"""Which records train, which choose the checkpoint, which are reported on: by content, never by order."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic

import numpy as np

from bothways.errors import DataError
from bothways.records.types import R, Record

SHARE = 0.1
"""Of the records, for each part that is not given: 80/10/10 if none is."""


@dataclass(frozen=True)
class Parts(Generic[R]):
    """The three parts of a task."""

    train: list[R]
    dev: list[R]
    test: list[R]


def split(records: Sequence[R], dev: Sequence[R] | None = None, test: Sequence[R] | None = None) -> Parts[R]:
    """Return the three parts; one that is not given is a tenth of `records`, by hash of their content.

    Records of the same content (the same passage, for questions) stay together, a record's part depends on no
    other, and the dev part is the same whether or not a test part is given. Only where a part would be empty,
    the content that is next by hash goes there. Raises `DataError` if there are fewer contents than parts.
    """
    ranks = {content: _rank(content) for content in dict.fromkeys(record.content for record in records)}
    missing = [name for name, part in (("test", test), ("dev", dev)) if part is None]
    if len(ranks) <= len(missing):
        raise DataError(
            f"{len(ranks)} different examples are too few to hold out a {' and a '.join(missing)} part; "
            "give more, or parts of their own"
        )
    part_of = {content: _part(rank, missing) for content, rank in ranks.items()}
    for name in [*missing, "train"]:
        if name not in part_of.values():
            part_of[_spare(part_of, ranks)] = name

    def part(name: str) -> list[R]:
        return [record for record in records if part_of[record.content] == name]

    return Parts(
        part("train"), part("dev") if dev is None else list(dev), part("test") if test is None else list(test)
    )


def limit(records: Sequence[R], most: int, seed: int) -> list[R]:
    """Return at most `most` records, drawn without replacement, in their order; a larger draw holds a smaller."""
    order = np.random.default_rng(seed).permutation(len(records))
    return [records[place] for place in sorted(order[:most])]


def repeated(train: Sequence[Record], other: Sequence[Record]) -> int:
    """Return how many of the other records also occur in training, by content."""
    known = {record.content for record in train}
    return sum(record.content in known for record in other)


def repeated_line(train: Sequence[Record], other: Sequence[Record], name: str) -> str | None:
    """Return one sentence about what stands in both parts, or None: "1,100 of 10,000 of dev (11.0%) ..."."""
    count = repeated(train, other)
    if not count:
        return None
    return f"{count:,} of {len(other):,} {name} examples ({count / len(other):.1%}) also occur in train"


def _part(rank: float, missing: Sequence[str]) -> str:
    """The first tenth is for test and the second for dev, whichever of them are missing."""
    tenth = {0: "test", 1: "dev"}.get(int(rank / SHARE), "train")
    return tenth if tenth in missing else "train"


def _spare(part_of: dict[str, str], ranks: dict[str, float]) -> str:
    """The content of lowest rank in the largest part."""
    names = list(part_of.values())
    largest = max(sorted(set(names)), key=names.count)
    return min((content for content in part_of if part_of[content] == largest), key=ranks.__getitem__)


def _rank(content: str) -> float:
    """Return a number in [0, 1) that depends on the content alone."""
    data = hashlib.blake2b(content.encode("utf-8"), digest_size=8, person=b"task split").digest()
    return int.from_bytes(data, "big") / 2**64
