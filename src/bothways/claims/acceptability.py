"""Which sentences are possible? A task of few labels for encoders that were pretrained on the plan's language.

An impossible sentence is a possible one with one word of another of its kind, so no word alone gives it away: who
tells them apart knows which words go together, and that was learned in pretraining.
"""

from functools import cache
from pathlib import Path

import numpy as np

from bothways import runtime
from bothways.claims.language import WORDS, Language, Sentence
from bothways.claims.plan import ROW
from bothways.claims.practice import ROWS, accuracy_of, practise, reader_of
from bothways.records.types import TextRecord
from bothways.tasks import build_task
from bothways.tasks.classify import ClassifySettings
from bothways.tasks.feed import Feed
from bothways.trained import load

LABELS = ("impossible", "possible")
LABELLED = 512
"""Sentences that are learned from."""
JUDGED = 400
STEPS = 400
"""Of fine-tuning."""
_ALONE = Language(sentences=1)


def accuracy(run: Path) -> float:
    """Return the accuracy of a trained encoder that is fine-tuned on the same sentences as every other."""
    subject, tokenizer = load(run)
    runtime.seed_everything(0)  # the head is drawn here
    settings = ClassifySettings(labels=LABELS, length=ROW, dropout=0.0)
    task = build_task(settings, subject.vocabulary, subject.encoder)
    reader = reader_of(tokenizer, subject.vocabulary, ROW)
    learned, judged = records()
    items = [item for record in learned for item in task.items(record, reader)]
    rows = Feed(task, items, 0, ROWS)
    practise(subject.encoder, task, rows, seed=0, steps=STEPS, rate=1e-3)
    return accuracy_of(task, subject.encoder, judged, reader)


@cache
def records() -> tuple[list[TextRecord], list[TextRecord]]:
    """Return what is learned from and what is judged, half of each possible; no sentence is in both."""
    draw = np.random.default_rng([2, 1])
    found: dict[str, TextRecord] = {}
    while len(found) < LABELLED + JUDGED:
        label = LABELS[len(found) % 2]
        words = possible(draw).words if label == "possible" else impossible(draw)
        found.setdefault(" ".join(words), TextRecord("", " ".join(words), label=label))
    every = list(found.values())
    return every[:LABELLED], every[LABELLED:]


def possible(draw: np.random.Generator) -> Sentence:
    """Draw a sentence of the language."""
    return _ALONE.document(draw).sentences[0]


def impossible(draw: np.random.Generator) -> tuple[str, ...]:
    """Draw a sentence in which one word is from another sentence of the same frame, and so does not fit."""
    while True:
        sentence, other = possible(draw), possible(draw)
        slot = int(draw.integers(WORDS))
        words = (*sentence.words[:slot], other.words[slot], *sentence.words[slot + 1 :])
        if other.frame == sentence.frame and not _ALONE.mass(words):
            return words
