"""Named entities: F1 of whole entities in strict IOB2, as CoNLL and seqeval count them.

An entity begins with `B-TYPE` and goes on with `I-` of the same type. An `I-` that continues nothing belongs to no
entity, in truth as in prediction; labelled files of other schemes go through `tag_schemes.to_iob2` first. An entity is
right if its type, its first and its last word are.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from bothways.errors import DataError
from bothways.metrics.ratio import ratio

Tags = Sequence[str]
"""The tags of one sentence, one a word."""


@dataclass(frozen=True)
class Entity:
    """Words `start` up to but not including `end`, of one type."""

    type: str
    start: int
    end: int


def entities_in(tags: Tags) -> list[Entity]:
    """Return the entities of a sentence in strict IOB2; raise `DataError` for a tag of another scheme."""
    found: list[Entity] = []
    for place, tag in enumerate(tags):
        if tag == "O":
            continue
        begin, _, name = tag.partition("-")
        if begin not in ("B", "I") or not name:
            raise DataError(
                f"{tag!r} is no IOB2 tag; use O, B-TYPE and I-TYPE, or convert the tags with to_iob2"
            )
        if begin == "B":
            found.append(Entity(name, place, place + 1))
        elif found and (found[-1].type, found[-1].end) == (name, place):
            found[-1] = Entity(name, found[-1].start, place + 1)
    return found


def entity_counts(truth: Iterable[Tags], predicted: Iterable[Tags]) -> np.ndarray:
    """Count entities sentence by sentence, int [sentences, 3]: right, found, wanted.

    What `entity_f1`, and with it an interval or a comparison, needs to know. Raise `ValueError` where the two differ
    in sentences or words.
    """
    sentences = _paired(truth, predicted)
    counts = [(len(wanted & found), len(found), len(wanted)) for wanted, found in sentences]
    return np.array(counts, dtype=np.int64).reshape(-1, 3)


def entity_f1(counts: np.ndarray) -> np.ndarray:
    """Return micro F1, [...], of counts int [..., sentences, 3]; 0 where there is no entity anywhere."""
    right, found, wanted = np.moveaxis(counts.sum(axis=-2), -1, 0)
    return ratio(2 * right, found + wanted)


def _paired(truth: Iterable[Tags], predicted: Iterable[Tags]) -> list[tuple[set[Entity], set[Entity]]]:
    pairs = list(zip(truth, predicted, strict=True))
    for number, (gold, guessed) in enumerate(pairs):
        if len(gold) != len(guessed):
            raise ValueError(f"sentence {number} has {len(gold)} words but {len(guessed)} predicted tags")
    return [(set(entities_in(gold)), set(entities_in(guessed))) for gold, guessed in pairs]
