"""SpanBERT hides spans, RoBERTa leaves out the next sentence: is BERT better trained so?

All models take equal steps and are asked for whole names at once, which are spans that nobody was trained on as such;
spans by the law that SpanBERT hides them by, and its second loss, from a span's two neighbours, are shown beside.

Static masks, drawn once, and dynamic ones, drawn at every reading, meet on a text short enough to be read often.

Next sentence prediction is added to the same rows of two segments, of documents with one topic, so that it can be
learned; both are asked for the hidden words of the same held-out rows.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from bothways.claims import leave_one_out
from bothways.claims.base import Claim, Finding, Models
from bothways.claims.curves import curve
from bothways.claims.independence import QUESTIONS, hidden_names, true_nats
from bothways.claims.language import Language
from bothways.claims.own import held_out
from bothways.claims.plan import MASKED, ROW, load_subject
from bothways.claims.reader import Blank, Reader
from bothways.claims.verdict import difference, in_words, judge, measured, together
from bothways.evaluate.asking import asking, truth_nats
from bothways.formats.pairs import Pairs
from bothways.objectives.masking import geometric_lengths
from bothways.pages.figures import Figure
from bothways.recipe import resolve
from bothways.text.shards import Shards

MARGIN_NAMES = 0.2
"""Nats a name, hidden whole, by which hiding spans must be better than hiding tokens."""
SPANS = 8
"""Spans of each document."""
LONGEST, STOP = 10, 0.2
"""SpanBERT's geometric law of lengths, which the models of spans are trained with too."""
MARGIN_PAIRS = 0.05
"""Nats a hidden word that leaving out the next sentence may cost at most: RoBERTa says that it costs nothing."""
MARGIN_MASKS = 0.02
"""Nats a word that drawing masks anew must save."""
SHORT = 3000
"""Documents of the text that is read some twenty times."""
ROWS = 256
"""Held-out rows of two segments, each hidden anew `TURNS` times."""
TURNS = 8
_SPANS = {"objective": {"select": "span", "longest": LONGEST, "stop": STOP}}
_PAIRS = {"language": {"shared_topic": True}, "format": {"kind": "pairs", "length": ROW + 1}}
VARIANTS: dict[str, dict[str, Any]] = {
    "tokens": MASKED,
    "spans": _SPANS,
    "spans and boundary": {**_SPANS, "extras": [{"kind": "span_boundary", "place_width": 32}]},
    "dynamic masks": {"documents": SHORT},
    "static masks": {"documents": SHORT, "training": {"static_epochs": 1}},
    "pairs": _PAIRS,
    "pairs and next sentence": {**_PAIRS, "extras": [{"kind": "sentence_pair"}]},
}
WAYS_TO_HIDE = ("tokens", "spans", "spans and boundary")
MASKS = ("dynamic masks", "static masks")
PAIRED = ("pairs", "pairs and next sentence")


@cache
def spans() -> list[Blank]:
    """Return spans of the questions' documents, each hidden and asked whole."""
    rng = np.random.default_rng(0)
    found = []
    for document in leave_one_out.questions():
        for length in geometric_lengths(LONGEST, STOP, SPANS, rng).tolist():
            begin = int(rng.integers(len(document.words) - length + 1))
            places = tuple(range(begin, begin + length))
            found.append(Blank(document.words, places, places))
    return found


def whole_spans(run: Path) -> float:
    """Return the mean nats of spans whose words are all hidden and predicted at once."""
    return float(Reader.of(run).nats(spans()).mean())


def true_spans() -> float:
    """Return what they cost a perfect model that predicts at once: the product of true marginals."""
    language = Language()
    return float(
        np.mean(
            [
                sum(language.nats(each.words, each.hidden, (place,)) for place in each.asked)
                for each in spans()
            ]
        )
    )


def whole_names(run: Path) -> float:
    """Return the mean nats of names whose words are all hidden and predicted at once."""
    blanks = [each.at_once() for each in hidden_names(Language().questions(QUESTIONS))]
    return float(np.mean(Reader.of(run).nats(blanks)))


def hidden_in_pairs(run: Path) -> float:
    """Return the mean nats of words hidden in held-out rows of two segments, as in training; the same for every run."""
    recipe, subject = resolve(str(run)), load_subject(run)
    text = held_out(run)
    assert isinstance(text, Shards)
    rows = Pairs(recipe.format, text, subject.vocabulary, 0, ROWS, subject.layout).examples(0, range(ROWS))
    found = []
    with asking(subject):
        for turn in range(TURNS):
            batch = subject.objective.corrupt(rows, np.random.default_rng(turn)).to(subject.device)
            found.append(truth_nats(subject, batch)[0].double().cpu().numpy())
    return float(np.concatenate(found).mean())


def measure(models: Models) -> Finding:
    """Ask for whole spans, whole names and single words, and for the hidden words of pairs."""

    def asked(ask: Callable[[Path], float], variants: tuple[str, ...]) -> dict[str, list[float]]:
        return {variant: [ask(run) for run in models.folders[variant]] for variant in variants}

    whole, names = asked(whole_spans, WAYS_TO_HIDE), asked(whole_names, WAYS_TO_HIDE)
    words = asked(leave_one_out.nats, (*WAYS_TO_HIDE, *MASKS))
    pairs = asked(hidden_in_pairs, PAIRED)
    saved = difference(names["tokens"], names["spans"])
    boundary = difference(names["spans"], names["spans and boundary"])
    single = difference(words["spans"], words["tokens"])
    anew = difference(words["static masks"], words["dynamic masks"])
    alone = difference(pairs["pairs and next sentence"], pairs["pairs"])
    parts = ((saved, MARGIN_NAMES), (anew, MARGIN_MASKS), (alone, -MARGIN_PAIRS))
    verdict = together([judge(part, margin, quick=models.quick) for part, margin in parts])
    because = (
        f"hiding spans saves {in_words(saved, 'nats')} on names that are hidden whole (more than {MARGIN_NAMES} is "
        f"asked for) and costs {in_words(single, 'nats')} on words that are hidden alone, the boundary loss saves a "
        f"further {in_words(boundary, 'nats')} on names; masks drawn at every reading save "
        f"{in_words(anew, 'nats a word')} against masks drawn once (more than {MARGIN_MASKS} is asked for); leaving "
        f"out the next sentence saves {in_words(alone, 'nats a hidden word')} (it may cost {MARGIN_PAIRS} at most)"
    )
    best_names = true_nats(hidden_names(Language().questions(QUESTIONS)))["at once"]
    shown = {
        "nats a whole span": (whole, true_spans()),
        "nats a whole name": (names, best_names),
        "nats a word alone": (words, leave_one_out.true_nats()),
        "nats a hidden word": (pairs, None),
    }
    measures = tuple(
        measured(f"{variant}, {unit}", values, best)
        for unit, (found, best) in shown.items()
        for variant, values in found.items()
    )
    return Finding(measures, verdict, because, _figure(names, best_names))


def _figure(names: dict[str, list[float]], best: float) -> Figure:
    return Figure(
        "intervals",
        "What a name costs that is hidden whole",
        "how the model was trained",
        "nats a name, its words predicted at once",
        (curve("masked models", names.items()),),
        (("the best possible", best),),
    )


CLAIM = Claim(
    name="improved_training",
    sentence=(
        "RoBERTa and SpanBERT improve BERT's training and objective: masks are drawn anew, the next sentence can be "
        "left out, and whole spans are hidden."
    ),
    experiment=(
        "Masked models of equal steps that hide tokens, spans, or spans with the boundary loss: nats of names and "
        "spans hidden whole, and of every word given all others; static against dynamic masks on a text that is read "
        "often; rows of two segments with and without next sentence prediction: nats of their hidden words."
    ),
    source="Liu et al. 2019, sections 4.1 and 4.2; Joshi et al. 2020, sections 3 and 6",
    measure=measure,
    variants=VARIANTS,
)
