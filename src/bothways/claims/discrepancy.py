"""[MASK] is seen in pretraining and never in fine-tuning; XLNet has no such symbol: does a model notice?

A word that the rest of its document decides is looked at twice: hidden, as in pretraining, and shown, as in
fine-tuning. The model knows it either way, so whatever changes in its states is the symbol's doing:

- how far the word's own state moves, and those of the other words (1 less the cosine);
- whether the model's own head still reads the word off its state when it is shown.

BERT hides 80% of its targets behind [MASK], makes 10% random and shows 10%; with 100% [MASK] nothing reminds it of
words that are shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bothways.claims.base import Claim, Finding, Measure, Models
from bothways.claims.language import Language
from bothways.claims.own import by_window, windows_of
from bothways.claims.plan import ALL_MASKED, MASKED, XLNET
from bothways.claims.reader import Reader, named, states
from bothways.claims.verdict import difference, in_words, judge, judge_interval, measured, together
from bothways.evaluate import Question, Subject
from bothways.metrics.interval import Interval
from bothways.pages.figures import Figure, Point, Series

MARGIN = 0.03
"""By how much further a word's state must move in a model with [MASK] (1 less the cosine)."""
MARGIN_SHOWN = 0.1
"""Share of shown words that a model of 100% [MASK] must name worse than one of 80/10/10."""
QUESTIONS = 60
SURE = {"week": (0, 1, 2, 3, 4), "scene": (1,)}
"""Group -> which of its words the rest of the sentence decides."""


@dataclass(frozen=True)
class Shift:
    """What showing a token changes; every vector has one entry a question."""

    own: np.ndarray
    """float64: how far the token's own state moves."""
    others: np.ndarray
    """float64: how far the other tokens' states move, on average."""
    named_hidden: np.ndarray
    """bool: whether the head reads the token off its state while it is hidden; for an objective with orders this is the
    state of its content, not of its query."""
    named_shown: np.ndarray
    """bool: the same while it is shown."""


def shift(subject: Subject, texts: Sequence[np.ndarray], places: Sequence[int]) -> Shift:
    """Look at the token at each text's place (int [text tokens] each), hidden and shown."""
    hidden = states(
        subject, [Question(text, (place,), (place,)) for text, place in zip(texts, places, strict=True)]
    )
    shown = states(subject, [Question(text, (), ()) for text in texts])
    moved = [1 - _cosine(before, after) for before, after in zip(hidden, shown, strict=True)]
    truth = np.array([text[place] for text, place in zip(texts, places, strict=True)])
    return Shift(
        own=np.array([each[place] for each, place in zip(moved, places, strict=True)]),
        others=np.array([np.delete(each, place).mean() for each, place in zip(moved, places, strict=True)]),
        named_hidden=_names(subject, hidden, places) == truth,
        named_shown=_names(subject, shown, places) == truth,
    )


def _cosine(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the cosine of each pair of rows, float64 [rows]."""
    first, second = first.astype(np.float64), second.astype(np.float64)
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    cosine: np.ndarray = (first * second).sum(axis=1) / lengths
    return cosine


def _names(subject: Subject, encoded: Sequence[np.ndarray], places: Sequence[int]) -> np.ndarray:
    return named(subject, np.stack([each[place] for each, place in zip(encoded, places, strict=True)]))


def measure(models: Models) -> Finding:
    """Look at the words that a document decides, in models of three ways to hide."""
    asked = [
        (document.words, slots[word])
        for document in Language().questions(QUESTIONS)
        for group, words in SURE.items()
        for slots in document.find(group)
        for word in words
    ]
    found: dict[str, list[Shift]] = {}
    for model, runs in models.folders.items():
        readers = [Reader.of(run) for run in runs]
        found[model] = [
            shift(each.subject, [each.encode(words) for words, _ in asked], [place for _, place in asked])
            for each in readers
        ]
    own = {model: [float(each.own.mean()) for each in seeds] for model, seeds in found.items()}
    shown = {model: [float(each.named_shown.mean()) for each in seeds] for model, seeds in found.items()}
    further = difference(own["masked"], own["permutation"])
    forgets = difference(shown["masked"], shown["all masked"])
    verdict = together(
        [
            judge(further, MARGIN, quick=models.quick),
            judge(forgets, MARGIN_SHOWN, quick=models.quick),
        ]
    )
    because = (
        f"between hidden and shown a word's state moves {in_words(further, '(1 less the cosine)')} further with [MASK] "
        f"than in XLNet (more than {MARGIN} is asked for); of shown words a model of 100% [MASK] names a share of "
        f"{in_words(forgets, 'less')} than one of 80/10/10 (more than {MARGIN_SHOWN} is asked for)"
    )
    measures: list[Measure] = []
    for model, seeds in found.items():
        others = [float(each.others.mean()) for each in seeds]
        measures += [
            measured(f"{model}, the word's own state moves by (1 - cosine)", own[model], 0.0),
            measured(f"{model}, other words' states move by (1 - cosine)", others),
            measured(f"{model}, share of shown words its head names", shown[model]),
        ]
    return Finding(
        tuple(measures), verdict, because, _figure({name: measured("", own[name]) for name in own})
    )


def ask(run: Path) -> Finding:
    """Look at tokens of held-out text in a user's own model."""
    subject, windows = windows_of(run)
    rng = np.random.default_rng(0)
    places = [int(rng.integers(len(window))) for window in windows]
    found = shift(subject, windows, places)
    name = subject.objective.name
    own, others, shown, hidden = (
        by_window(each.astype(np.float64), np.arange(len(each)))
        for each in (found.own, found.others, found.named_shown, found.named_hidden)
    )
    # A model with orders has no symbol: of it the sentence says that nothing moves.
    moves = "orders" not in subject.objective.answers
    verdict = judge_interval(own, MARGIN) if moves else judge_interval(_negated(own), -MARGIN)
    because = (
        f"the state of a token moves by {own} (1 less the cosine) between hidden and shown ("
        f"{'more' if moves else 'less'} than {MARGIN} is expected), over {len(windows)} windows of held-out text"
    )
    measures = (
        Measure(f"{name}, the token's own state moves by (1 - cosine)", own.value, own.low, own.high, 0.0),
        Measure(f"{name}, other tokens' states move by (1 - cosine)", others.value, others.low, others.high),
        Measure(f"{name}, share of shown tokens its head names", shown.value, shown.low, shown.high),
        Measure(f"{name}, share of hidden tokens its head names", hidden.value, hidden.low, hidden.high),
    )
    return Finding(measures, verdict, because, _figure({name: _of(own)}))


def _negated(interval: Interval) -> Interval:
    return Interval(-interval.value, -interval.high, -interval.low)


def _of(interval: Interval) -> Measure:
    return Measure("", interval.value, interval.low, interval.high)


def _figure(own: dict[str, Measure]) -> Figure:
    points = tuple(Point(model, each.value, each.low, each.high) for model, each in own.items())
    return Figure(
        "intervals",
        "How far a word's own state moves between hidden and shown",
        "model",
        "1 - cosine of the two states",
        (Series("the word itself", points),),
    )


CLAIM = Claim(
    name="discrepancy",
    sentence="[MASK] is seen in pretraining and never in fine-tuning; XLNet has no such symbol.",
    experiment=(
        "Words that their document decides are hidden and then shown: how far their states move, and whether the "
        "model's own head still names them; BERT's 80/10/10, 100% [MASK], and permutation."
    ),
    source="Yang et al. 2019, sections 1 and 2.1; Devlin et al. 2019, section 3.1 and appendix C.2",
    measure=measure,
    variants={"masked": MASKED, "all masked": ALL_MASKED, "permutation": XLNET},
    ask=ask,
)
