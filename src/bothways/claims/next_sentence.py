"""BERT's second objective: does it teach how two texts are related (Devlin et al. 2019, sections 3.1 and 5.1)?

Encoders are pretrained on stories by the masked objective alone, with next sentence prediction, or with sentence order,
then fine-tuned on few pairs that say what a second text is to a first. A fresh encoder is fine-tuned beside them.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Literal

import numpy as np
from tokenizers import Tokenizer

from bothways.claims.base import Claim, Finding, Models
from bothways.claims.curves import curve
from bothways.claims.practice import (
    ROWS,
    Sentences,
    accuracy_of,
    encoded,
    fresh_encoder,
    practise,
    reader_of,
    tokenizer_of,
)
from bothways.claims.stories import LABELS, WORDS, labelled_pairs, story
from bothways.claims.verdict import in_words, measured
from bothways.claims.verdict import judge as verdict_on
from bothways.formats.pairs import Pairs, PairsSettings
from bothways.model.encoder import Encoder
from bothways.objectives import build_objective
from bothways.objectives.masked import MaskedSettings
from bothways.objectives.sentence_pair import SentencePairSettings
from bothways.pages.figures import Figure
from bothways.records.types import TextRecord
from bothways.tasks import build_task
from bothways.tasks.classify import ClassifySettings
from bothways.tasks.feed import Feed
from bothways.text.tokenizer import vocabulary_of

MARGIN = 0.02
"""Accuracy that the pair loss must add."""

ALONE, NEXT, ORDER, FRESH = "masked alone", "with next sentence", "with sentence order", "not pretrained"
PRETRAININGS: dict[str, Literal["follow", "next", "order"] | None] = {
    ALONE: "follow",
    NEXT: "next",
    ORDER: "order",
    FRESH: None,
}
"""Pretraining -> what its pairs are; those that always follow each other are not labelled."""


@dataclass(frozen=True)
class Size:
    """How much is read and learned."""

    stories: int = 1500
    steps: int = 600
    """Of pretraining; all read the same number of rows."""
    labelled: tuple[int, ...] = (32, 128)
    """Numbers of pairs that are learned from, each by an encoder of its own."""
    draws: int = 3
    """Sets of such pairs, over which accuracies are averaged: few pairs are a matter of luck."""
    fine_tuning: int = 200
    """Steps."""
    judged: int = 402


FULL = Size()
QUICK = Size(stories=500, steps=300, labelled=(64,), draws=1, fine_tuning=120, judged=201)

Scores = dict[str, list[float]]
"""For each pretraining, the accuracy after each number of labelled pairs."""


def measure(models: Models) -> Finding:
    """Pretrain, fine-tune and judge with each seed."""
    size = QUICK if models.quick else FULL
    return judge([scores(seed, size) for seed in models.seeds], size.labelled, quick=models.quick)


def scores(seed: int, size: Size) -> Scores:
    """Return what one seed's encoders come to, on stories and pairs of its own."""
    draw = np.random.default_rng(seed)
    tokenizer = tokenizer_of(WORDS)
    text = encoded(tokenizer, [story(draw) for _ in range(size.stories)])
    judged = labelled_pairs(size.judged, draw)
    sets = [labelled_pairs(max(size.labelled), draw) for _ in range(size.draws)]
    found = {}
    for name in PRETRAININGS:
        encoder = _pretrained(name, seed, size.steps, tokenizer, text)
        found[name] = [
            mean(
                _fine_tuned(copy.deepcopy(encoder), seed, size, tokenizer, pairs[:count], judged)
                for pairs in sets
            )
            for count in size.labelled
        ]
    return found


def judge(by_seed: Sequence[Scores], labelled: Sequence[int], *, quick: bool) -> Finding:
    """Return what the accuracies of all seeds say; what decides is the mean over the numbers of labelled pairs."""
    means = {name: [mean(scores[name]) for scores in by_seed] for name in PRETRAININGS}
    gains = [ours - without for ours, without in zip(means[NEXT], means[ALONE], strict=True)]
    order = [ours - without for ours, without in zip(means[ORDER], means[ALONE], strict=True)]
    verdict = verdict_on(gains, MARGIN, quick=quick)
    because = (
        f"next sentence prediction adds {in_words(gains)} to the accuracy of telling how two texts are related, where "
        f"{MARGIN} is asked for; sentence order adds {in_words(order)}"
    )
    measures = [measured(f"accuracy, {name}", values) for name, values in means.items()]
    series = [
        curve(
            name,
            ((count, [scores[name][place] for scores in by_seed]) for place, count in enumerate(labelled)),
        )
        for name in PRETRAININGS
    ]
    figure = Figure(
        kind="lines",
        title="How two texts are related, learned from few pairs",
        x="labelled pairs",
        y="accuracy",
        series=tuple(series),
        references=(("chance", 1 / len(LABELS)),),
        log_x=True,
        note="All encoders are pretrained for the same number of steps and rows; bars are intervals over seeds.",
    )
    return Finding((*measures, measured("gain of next sentence", gains)), verdict, because, figure)


def _pretrained(name: str, seed: int, steps: int, tokenizer: Tokenizer, text: Sentences) -> Encoder:
    vocabulary = vocabulary_of(tokenizer)
    encoder = fresh_encoder(vocabulary, seed)
    pair = PRETRAININGS[name]
    if pair is None:
        return encoder
    extras = [] if pair == "follow" else [SentencePairSettings()]
    objective = build_objective(MaskedSettings(), [*extras], vocabulary, encoder)
    rows = Pairs(PairsSettings(length=32, pair=pair), text, vocabulary, seed, ROWS)
    practise(encoder, objective, rows, seed=seed, steps=steps, rate=4e-3)
    return encoder


def _fine_tuned(
    encoder: Encoder,
    seed: int,
    size: Size,
    tokenizer: Tokenizer,
    pairs: Sequence[TextRecord],
    judged: Sequence[TextRecord],
) -> float:
    """Return the accuracy after learning from `pairs`."""
    vocabulary = vocabulary_of(tokenizer)
    task = build_task(ClassifySettings(labels=LABELS, length=64, dropout=0.0), vocabulary, encoder)
    reader = reader_of(tokenizer, vocabulary)
    items = [item for record in pairs for item in task.items(record, reader)]
    practise(encoder, task, Feed(task, items, seed, ROWS), seed=seed, steps=size.fine_tuning, rate=1e-3)
    return accuracy_of(task, encoder, judged, reader)


NEXT_SENTENCE = Claim(
    name="next_sentence",
    sentence="BERT's second objective, added to the first, teaches how sentences are related.",
    experiment=(
        "Encoders pretrained on stories with next sentence prediction, with sentence order and with neither learn from "
        "few pairs whether a second text follows the first, precedes it, or is of another story."
    ),
    source="Devlin et al. 2019, sections 3.1 and 5.1; Lan et al. 2020, section 3.1; Liu et al. 2019, section 4.2",
    measure=measure,
)
