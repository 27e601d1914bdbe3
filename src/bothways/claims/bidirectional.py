"""BERT reads both sides of a blank, GPT the left one alone: what does the right side save?

Three slots of the language differ in where their evidence stands: a verb agrees with the noun before it (left), the
first day of a week is known from those after it (right), the noun of a scene is decided by season and verb together
(both). Each word is asked alone; what it costs at best given both sides, and given the left one, is known exactly.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from bothways.claims.base import Claim, Finding, Measure, Models
from bothways.claims.language import Document, Language
from bothways.claims.plan import CAUSAL, MASKED, XLNET
from bothways.claims.reader import Blank, Reader
from bothways.claims.verdict import difference, in_words, judge, measured, together
from bothways.pages.figures import Figure, Point, Series

SLOTS = {"left": ("agreement", 1), "right": ("week", 0), "both": ("scene", 1)}
"""Where the evidence stands -> group, and which of its words is asked."""
MARGIN = 0.5
"""Nats by which both sides must be better than one where evidence is on the right."""

Place = tuple[int, int]
"""A document's number and a position in it."""


def _places(documents: Sequence[Document], group: str, word: int) -> list[Place]:
    return [
        (number, slots[word]) for number, document in enumerate(documents) for slots in document.find(group)
    ]


def _cloze(run: Path, documents: Sequence[Document], places: Sequence[Place]) -> float:
    """Return the mean nats of a model that sees all words but the one it is asked for."""
    blanks = [Blank(documents[number].words, (place,), (place,)) for number, place in places]
    return float(Reader.of(run).nats(blanks).mean())


def _from_left(run: Path, documents: Sequence[Document], places: Sequence[Place]) -> float:
    """Return the mean nats of a model that sees the words before."""
    nats = Reader.of(run).left_to_right(documents)
    return float(np.mean([nats[place] for place in places]))


READERS: dict[str, Callable[[Path, Sequence[Document], Sequence[Place]], float]] = {
    "masked": _cloze,
    "permutation": _cloze,
    "causal": _from_left,
}


def _truth(documents: Sequence[Document], places: Sequence[Place], *, from_left: bool) -> float:
    """Return what the best possible model pays on average for the same words."""
    language = Language()
    length = len(documents[0].words)
    return float(
        np.mean(
            [
                language.nats(
                    documents[number].words, range(place, length if from_left else place + 1), (place,)
                )
                for number, place in places
            ]
        )
    )


def measure(models: Models) -> Finding:
    """Ask every model for the three kinds of slots."""
    documents = Language().questions()
    nats: dict[tuple[str, str], list[float]] = {}
    truth: dict[tuple[str, str], float] = {}
    for evidence, (group, word) in SLOTS.items():
        places = _places(documents, group, word)
        for reader, ask in READERS.items():
            runs = models.folders[reader]
            nats[reader, evidence] = [ask(run, documents, places) for run in runs]
            truth[reader, evidence] = _truth(documents, places, from_left=reader == "causal")
    savings = {
        evidence: difference(nats["causal", evidence], nats["masked", evidence])
        for evidence in ("right", "both")
    }
    verdict = together([judge(each, MARGIN, quick=models.quick) for each in savings.values()])
    because = "; ".join(
        f"evidence on {'the right' if evidence == 'right' else 'both sides'}: the masked model pays "
        f"{in_words(saved, 'nats')} less than the causal one"
        for evidence, saved in savings.items()
    )
    measures = tuple(
        measured(f"{reader}, evidence {evidence}, nats", values, truth[reader, evidence])
        for (reader, evidence), values in nats.items()
    )
    return Finding(measures, verdict, f"{because} (more than {MARGIN} is asked for)", _figure(nats, truth))


def _figure(nats: dict[tuple[str, str], list[float]], truth: dict[tuple[str, str], float]) -> Figure:
    series = [
        Series(reader, tuple(_point(measured("", nats[reader, evidence]), evidence) for evidence in SLOTS))
        for reader in READERS
    ]
    best = {"best from both sides": "masked", "best from the left": "causal"}
    series += [
        Series(name, tuple(Point(evidence, truth[reader, evidence]) for evidence in SLOTS))
        for name, reader in best.items()
    ]
    return Figure(
        "bars",
        "What a hidden word costs, by where its evidence stands",
        "evidence",
        "nats a word",
        tuple(series),
    )


def _point(measure: Measure, x: str) -> Point:
    return Point(x, measure.value, measure.low, measure.high)


CLAIM = Claim(
    name="bidirectional",
    sentence=(
        "BERT is a denoising autoencoder: it predicts a masked token from both sides, where GPT sees only the left."
    ),
    experiment=(
        "Words whose evidence stands on the left, on the right or on both sides are hidden one at a time; nats of a "
        "masked, a permutation and a causal model, beside the exact conditional entropies."
    ),
    source="Devlin et al. 2019, sections 1 and 3.1",
    measure=measure,
    variants={"masked": MASKED, "permutation": XLNET, "causal": CAUSAL},
)
