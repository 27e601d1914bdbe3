"""SpanBERT hides spans, RoBERTa leaves out the next sentence: is BERT better trained so?

All models take equal steps. Those of spans are asked for whole names at once, which is what hiding spans practises;
SpanBERT's second loss, from a span's two neighbours, is beside them. The one with next sentence prediction reads the
same text in pairs of segments, and is asked for every word given all others, as the one without it.
"""

from pathlib import Path

import numpy as np

from bothways.claims import leave_one_out
from bothways.claims.base import Claim, Finding, Models
from bothways.claims.independence import QUESTIONS, hidden_names, true_nats
from bothways.claims.language import Language
from bothways.claims.plan import MASKED, ROW
from bothways.claims.reader import Reader
from bothways.claims.verdict import difference, in_words, judge, measured, together
from bothways.pages.figures import Figure, Point, Series

MARGIN_SPANS = 0.2
"""Nats a name, hidden whole, by which hiding spans must be better than hiding tokens."""
MARGIN_PAIRS = 0.002
"""Nats a word by which leaving out the next sentence must be better."""
_SPANS = {"objective": {"select": "span", "longest": 10}}
VARIANTS = {
    "tokens": MASKED,
    "spans": _SPANS,
    "spans and boundary": {**_SPANS, "extras": [{"kind": "span_boundary", "place_width": 32}]},
    "tokens and next sentence": {
        "format": {"kind": "pairs", "length": ROW + 1},
        "extras": [{"kind": "sentence_pair"}],
    },
}


def whole_names(run: Path) -> float:
    """Return the mean nats of names whose words are all hidden and predicted at once."""
    blanks = [each.at_once() for each in hidden_names(Language().questions(QUESTIONS))]
    return float(np.mean(Reader.of(run).nats(blanks)))


def measure(models: Models) -> Finding:
    """Ask for whole names, and for single words."""
    names = {variant: [whole_names(run) for run in runs] for variant, runs in models.folders.items()}
    words = {variant: [leave_one_out.nats(run) for run in runs] for variant, runs in models.folders.items()}
    spans = difference(names["tokens"], names["spans"])
    boundary = difference(names["spans"], names["spans and boundary"])
    single = difference(words["spans"], words["tokens"])
    alone = difference(words["tokens and next sentence"], words["tokens"])
    verdict = together(
        [judge(spans, MARGIN_SPANS, quick=models.quick), judge(alone, MARGIN_PAIRS, quick=models.quick)]
    )
    because = (
        f"hiding spans saves {in_words(spans, 'nats')} on names that are hidden whole (more than {MARGIN_SPANS} is "
        f"asked for) and costs {in_words(single, 'nats')} on words that are hidden alone, the boundary loss saves a "
        f"further {in_words(boundary, 'nats')} on names; leaving out the next sentence saves "
        f"{in_words(alone, 'nats a word')} (more than {MARGIN_PAIRS} is asked for)"
    )
    best = true_nats(hidden_names(Language().questions(QUESTIONS)))["at once"]
    measures = [
        *(measured(f"{variant}, nats a whole name at once", each, best) for variant, each in names.items()),
        *(
            measured(f"{variant}, nats a word", each, leave_one_out.true_nats())
            for variant, each in words.items()
        ),
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
    sentence="RoBERTa and SpanBERT improve BERT's training and objective: no next sentence, and whole spans.",
    experiment=(
        "Masked models of equal steps that hide tokens, spans, spans with the boundary loss, or tokens with next "
        "sentence prediction: nats of names hidden whole, and of every word given all others."
    ),
    source="Liu et al. 2019, section 4.2; Joshi et al. 2020, sections 3 and 6",
    measure=measure,
    variants=VARIANTS,
)
