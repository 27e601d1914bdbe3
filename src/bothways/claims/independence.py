"""BERT predicts hidden tokens independently, so "New York" comes apart; XLNet predicts one after the other.

A name of two or three words is hidden whole. *At once*, every word has its marginal and the joint probability is their
product; *one by one*, each word is asked while those before it are shown, the chain rule. The language knows the truth
of both. The whole joint distribution is computed too: what of it falls on names that do not exist ("New Angeles").
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bothways.claims.base import Claim, Finding, Measure, Models
from bothways.claims.language import Document, Language, Topic
from bothways.claims.own import by_window, windows_of
from bothways.claims.plan import MASKED, XLNET
from bothways.claims.reader import Blank, Reader
from bothways.claims.verdict import difference, in_words, judge, judge_interval, measured, together
from bothways.claims.words import NAMES
from bothways.errors import DataError
from bothways.evaluate.joint import joint_nats
from bothways.evaluate.windows import select_spans
from bothways.pages.figures import Figure, Point, Series

MARGIN = 0.5
"""Nats a name by which independence must cost more than the truth, and more than the chain of the other model."""
QUESTIONS = 150
"""Documents that names are hidden in."""
MARGIN_OWN = 0.1
"""Nats a span of ordinary text by which independence must cost more than the model's own chain."""
SPANS = 300
"""Spans of held-out text that a user's own model is asked for."""
TITLE = "What hidden words cost, at once and one after the other"
WAYS = ("at once", "one by one")


@dataclass(frozen=True)
class Hidden:
    """A name in a document."""

    words: tuple[str, ...]
    """Of the document."""
    places: tuple[int, ...]

    @property
    def name(self) -> Topic:
        return tuple(self.words[place] for place in self.places)

    def with_name(self, name: Topic) -> "Hidden":
        """Return the same document with another name of as many words."""
        shown = dict(zip(self.places, name, strict=True))
        return Hidden(tuple(shown.get(place, word) for place, word in enumerate(self.words)), self.places)

    def at_once(self) -> Blank:
        return Blank(self.words, self.places, self.places)

    def one_by_one(self) -> list[Blank]:
        return [Blank(self.words, self.places[step:], (place,)) for step, place in enumerate(self.places)]


@dataclass(frozen=True)
class Joint:
    """What one model says of hidden names."""

    nats: dict[str, float]
    """Way -> mean nats of the true name."""
    impossible: dict[str, float]
    """Way -> mean probability of all that is no name."""
    likeliest_impossible: dict[str, float]
    """Way -> how often the words that are likeliest, each for its place or one after the other, are no name."""


def hidden_names(documents: Sequence[Document]) -> list[Hidden]:
    """Return every name of the documents."""
    return [Hidden(document.words, places) for document in documents for places in document.find("name")]


def joint(reader: Reader, names: Sequence[Hidden]) -> Joint:
    """Ask a model for names, at once and one by one, and for all names that might stand there."""
    at_once = [np.exp(table) for table in reader.predict([each.at_once() for each in names])]
    pairs = [_of_one(reader, each, table) for each, table in zip(names, at_once, strict=True)]
    return Joint(
        *(
            {way: float(np.mean([pair[part][number] for pair in pairs])) for number, way in enumerate(WAYS)}
            for part in range(3)
        )
    )


def _of_one(reader: Reader, hidden: Hidden, table: np.ndarray) -> list[tuple[float, float]]:
    """Return nats, impossible mass and whether the likeliest words are no name, each at once and one by one.

    `table` holds the marginals, float [words of the name, vocabulary].
    """
    length = len(hidden.places)
    rivals = [name for name in NAMES if len(name) == length]
    product = {name: float(np.prod(table[np.arange(length), reader.encode(name)])) for name in rivals}
    chain = _chain(reader, hidden, rivals)
    likeliest = tuple(table.argmax(axis=1).tolist())
    return [
        (-float(np.log(product[hidden.name])), -float(np.log(chain[hidden.name]))),
        (1 - sum(product.values()), 1 - sum(chain.values())),
        (
            float(likeliest not in {tuple(reader.encode(name).tolist()) for name in rivals}),
            float(_greedy(reader, hidden) not in rivals),
        ),
    ]


def _chain(reader: Reader, hidden: Hidden, rivals: Sequence[Topic]) -> dict[Topic, float]:
    """Return the probability of every name, one word after the other."""
    blanks = [blank for name in rivals for blank in hidden.with_name(name).one_by_one()]
    nats = reader.nats(blanks).reshape(len(rivals), -1).sum(axis=1)
    return dict(zip(rivals, np.exp(-nats).tolist(), strict=True))


def _greedy(reader: Reader, hidden: Hidden) -> Topic:
    """Return the name that comes of the likeliest word at each step, given those before it."""
    words = {number: word for word, number in reader.numbers.items()}
    name = list(hidden.name)
    for step in range(len(name)):
        blank = hidden.with_name(tuple(name)).one_by_one()[step]
        name[step] = words[int(reader.predict([blank])[0].argmax())]
    return tuple(name)


def true_nats(names: Sequence[Hidden]) -> dict[str, float]:
    """Return what names cost the best possible model: as a product of true marginals, and jointly."""
    language = Language()
    product = [
        sum(language.nats(each.words, each.places, (place,)) for place in each.places) for each in names
    ]
    whole = [language.nats(each.words, each.places, each.places) for each in names]
    return {"at once": float(np.mean(product)), "one by one": float(np.mean(whole))}


def measure(models: Models) -> Finding:
    """Ask BERT's way and XLNet's for the same names."""
    names = hidden_names(Language().questions(QUESTIONS))
    truth = true_nats(names)
    found = {model: [joint(Reader.of(run), names) for run in runs] for model, runs in models.folders.items()}
    nats = {(model, way): [each.nats[way] for each in found[model]] for model in found for way in WAYS}
    apart = [value - truth["one by one"] for value in nats["masked", "at once"]]
    gain = difference(nats["masked", "at once"], nats["permutation", "one by one"])
    verdict = together([judge(each, MARGIN, quick=models.quick) for each in (apart, gain)])
    impossible = [each.impossible["at once"] for each in found["masked"]]
    own_chain = difference(nats["masked", "at once"], nats["masked", "one by one"])
    because = (
        f"a name costs the masked model {in_words(apart, 'nats')} above the truth when its words are predicted at "
        f"once ({truth['at once'] - truth['one by one']:.3g} are the price of independence for a perfect model), "
        f"{np.mean(impossible):.0%} of that distribution is no name, and XLNet's chain saves {in_words(gain, 'nats')} "
        f"(more than {MARGIN} is asked for); asked one by one the masked model itself saves "
        f"{in_words(own_chain, 'nats')}"
    )
    measures = [
        *(measured(f"{model}, {way}, nats a name", nats[model, way], truth[way]) for model, way in nats),
        *(
            measured(
                f"{model}, {way}, share of impossible names", [each.impossible[way] for each in runs], 0.0
            )
            for model, runs in found.items()
            for way in WAYS
        ),
        *(
            measured(
                f"{model}, {way}, likeliest words are no name",
                [each.likeliest_impossible[way] for each in runs],
                0.0,
            )
            for model, runs in found.items()
            for way in WAYS
        ),
    ]
    return Finding(tuple(measures), verdict, because, _figure(nats, truth))


def ask(run: Path) -> Finding:
    """Hide spans of two to four words of held-out text from a user's own model, at once and one by one."""
    subject, windows = windows_of(run)
    spans = select_spans(windows, subject.vocabulary, SPANS, seed=0)
    if not spans:
        raise DataError(
            f"the held-out text of {run} has no two whole words in a row; give a model of longer text"
        )
    found = joint_nats(subject, windows, spans, orders=0, seed=0, rows=64)
    where = np.array([span.window for span in spans])
    at_once, chain, cost = (
        by_window(values, where)
        for values in (found.independent, found.chain, found.independent - found.chain)
    )
    because = (
        f"a span of two to four words costs {cost} nats more at once than one by one (more than {MARGIN_OWN} is asked "
        f"for), over {len(spans)} spans of held-out text"
    )
    name = subject.objective.name
    ways = {"at once": at_once, "one by one": chain}
    measures = tuple(
        Measure(f"{name}, {way}, nats a span", each.value, each.low, each.high) for way, each in ways.items()
    )
    points = tuple(Point(way, each.value, each.low, each.high) for way, each in ways.items())
    figure = Figure("bars", TITLE, "how it is asked", "nats a span", (Series(name, points),))
    return Finding(measures, judge_interval(cost, MARGIN_OWN), because, figure)


def _figure(nats: dict[tuple[str, str], list[float]], truth: dict[str, float]) -> Figure:
    models = dict.fromkeys(model for model, _ in nats)
    series = []
    for model in models:
        found = [(way, measured("", nats[model, way])) for way in WAYS]
        series.append(
            Series(model, tuple(Point(way, each.value, each.low, each.high) for way, each in found))
        )
    return Figure(
        "bars",
        TITLE,
        "how it is asked",
        "nats a name",
        tuple(series),
        (("product of the true marginals", truth["at once"]), ("the truth", truth["one by one"])),
    )


CLAIM = Claim(
    name="independence",
    sentence=(
        'BERT predicts masked tokens independently of each other, so "New York" comes apart; XLNet, which predicts one '
        "after the other, keeps it together."
    ),
    experiment=(
        "Names of two and three words are hidden whole; nats of the true name as a product of marginals and by the "
        "chain rule, and how much probability falls on names that do not exist."
    ),
    source="Yang et al. 2019, sections 2.1 and 2.5",
    measure=measure,
    variants={"masked": MASKED, "permutation": XLNET},
    ask=ask,
)
