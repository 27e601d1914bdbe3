"""SpanBERT hides spans, RoBERTa leaves out the next sentence: is BERT better trained so?

All models take equal steps. Those of spans are asked for whole names at once, which is what hiding spans practises;
SpanBERT's second loss, from a span's two neighbours, is beside them. Next sentence prediction is added to the same rows
of two segments, of documents with one topic, so that it can be learned; both are asked for the hidden words of the same
held-out rows.
"""

from pathlib import Path
from typing import Any

import numpy as np

from bothways.claims import leave_one_out
from bothways.claims.base import Claim, Finding, Models
from bothways.claims.independence import QUESTIONS, hidden_names, true_nats
from bothways.claims.language import Language
from bothways.claims.own import held_out
from bothways.claims.plan import MASKED, ROW, load_subject
from bothways.claims.reader import Reader
from bothways.claims.verdict import difference, in_words, judge, measured, together
from bothways.evaluate.asking import asking, truth_nats
from bothways.formats.pairs import Pairs
from bothways.pages.figures import Figure, Point, Series
from bothways.recipe import resolve

MARGIN_SPANS = 0.2
"""Nats a name, hidden whole, by which hiding spans must be better than hiding tokens."""
MARGIN_PAIRS = 0.05
"""Nats a hidden word that leaving out the next sentence may cost at most: RoBERTa says that it costs nothing."""
ROWS = 256
"""Held-out rows of two segments, each hidden anew `TURNS` times."""
TURNS = 8
_SPANS = {"objective": {"select": "span", "longest": 10}}
_PAIRS = {"language": {"shared_topic": True}, "format": {"kind": "pairs", "length": ROW + 1}}
VARIANTS: dict[str, dict[str, Any]] = {
    "tokens": MASKED,
    "spans": _SPANS,
    "spans and boundary": {**_SPANS, "extras": [{"kind": "span_boundary", "place_width": 32}]},
    "pairs": _PAIRS,
    "pairs and next sentence": {**_PAIRS, "extras": [{"kind": "sentence_pair"}]},
}


WAYS_TO_HIDE = ("tokens", "spans", "spans and boundary")
PAIRED = ("pairs", "pairs and next sentence")


def whole_names(run: Path) -> float:
    """Return the mean nats of names whose words are all hidden and predicted at once."""
    blanks = [each.at_once() for each in hidden_names(Language().questions(QUESTIONS))]
    return float(np.mean(Reader.of(run).nats(blanks)))


def hidden_in_pairs(run: Path) -> float:
    """Return the mean nats of words hidden in held-out rows of two segments, as in training; the same for every run."""
    recipe, subject = resolve(str(run)), load_subject(run)
    text = held_out(run)
    assert text is not None
    rows = Pairs(recipe.format, text, subject.vocabulary, 0, ROWS, subject.layout).examples(0, range(ROWS))
    found = []
    with asking(subject):
        for turn in range(TURNS):
            batch = subject.objective.corrupt(rows, np.random.default_rng(turn)).to(subject.device)
            found.append(truth_nats(subject, batch)[0].double().cpu().numpy())
    return float(np.concatenate(found).mean())


def measure(models: Models) -> Finding:
    """Ask for whole names, for single words, and for the hidden words of pairs."""
    folders = models.folders
    names = {variant: [whole_names(run) for run in folders[variant]] for variant in WAYS_TO_HIDE}
    words = {variant: [leave_one_out.nats(run) for run in folders[variant]] for variant in WAYS_TO_HIDE}
    pairs = {variant: [hidden_in_pairs(run) for run in folders[variant]] for variant in PAIRED}
    spans = difference(names["tokens"], names["spans"])
    boundary = difference(names["spans"], names["spans and boundary"])
    single = difference(words["spans"], words["tokens"])
    alone = difference(pairs["pairs and next sentence"], pairs["pairs"])
    verdict = together(
        [judge(spans, MARGIN_SPANS, quick=models.quick), judge(alone, -MARGIN_PAIRS, quick=models.quick)]
    )
    because = (
        f"hiding spans saves {in_words(spans, 'nats')} on names that are hidden whole (more than {MARGIN_SPANS} is "
        f"asked for) and costs {in_words(single, 'nats')} on words that are hidden alone, the boundary loss saves a "
        f"further {in_words(boundary, 'nats')} on names; leaving out the next sentence saves "
        f"{in_words(alone, 'nats a hidden word')} (it may cost {MARGIN_PAIRS} at most)"
    )
    best = true_nats(hidden_names(Language().questions(QUESTIONS)))["at once"]
    measures = [
        *(measured(f"{variant}, nats a whole name at once", each, best) for variant, each in names.items()),
        *(
            measured(f"{variant}, nats a word", each, leave_one_out.true_nats())
            for variant, each in words.items()
        ),
        *(measured(f"{variant}, nats a hidden word", each) for variant, each in pairs.items()),
    ]
    points = []
    for variant, values in names.items():
        each = measured("", values)
        points.append(Point(variant, each.value, each.low, each.high))
    figure = Figure(
        "intervals",
        "What a name costs that is hidden whole",
        "how the model was trained",
        "nats a name, its words predicted at once",
        (Series("masked models", tuple(points)),),
        (("the best possible", best),),
    )
    return Finding(tuple(measures), verdict, because, figure)


CLAIM = Claim(
    name="improved_training",
    sentence=(
        "RoBERTa and SpanBERT improve BERT's training and objective: the next sentence can be left out, and whole "
        "spans are hidden."
    ),
    experiment=(
        "Masked models of equal steps that hide tokens, spans, or spans with the boundary loss: nats of names hidden "
        "whole, and of every word given all others; rows of two segments with and without next sentence prediction: "
        "nats of their hidden words."
    ),
    source="Liu et al. 2019, section 4.2; Joshi et al. 2020, sections 3 and 6",
    measure=measure,
    variants=VARIANTS,
)
