"""Token, segment and position: a question that needs all three, and what is left without each.

A row is [CLS], eight different symbols of which the first few are segment A and the rest segment B, and a blank: which
symbol stands first in B? Where B begins, only segments tell; which symbol of B is first, only positions; what it is,
only tokens. What can be guessed without each of them is exact.

Nor may an input be longer than the positions that a model has: it is refused with a sentence.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import cast

import numpy as np
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from bothways.batch import Batch
from bothways.claims.base import Claim, Finding, Measure, Models
from bothways.claims.expectation import Expectation, judge
from bothways.claims.trial import (
    CLS,
    FIRST,
    MASK,
    UNKNOWN,
    Trial,
    accuracy,
    as_rows,
    at_slot,
    begin,
    learn,
    plan,
    shape,
    symbols,
)
from bothways.claims.verdict import measured
from bothways.errors import UsageError
from bothways.evaluate.asking import Subject
from bothways.evaluate.fill import BLANK, read_prompt
from bothways.model.encoder import Encoder
from bothways.objectives.masked import MaskedSettings
from bothways.pages.figures import Figure, Point, Series

ALPHABET = 12
TEXT = 8
LENGTH = TEXT + 2
BOUNDARIES = (2, 3, 4, 5)
"""How many symbols segment A may hold, all equally likely."""
PUBLISHED = 512
"""Positions of a published BERT."""
ROWS = 64
TESTED = 2048


def _without_tokens(batch: Batch) -> Batch:
    is_text = (batch.tokens != MASK) & (batch.tokens != CLS)
    return dataclasses.replace(batch, tokens=batch.tokens.masked_fill(is_text, UNKNOWN))


def _without_segments(batch: Batch) -> Batch:
    return dataclasses.replace(batch, segments=torch.zeros_like(batch.segments))


def _without_positions(batch: Batch) -> Batch:
    return dataclasses.replace(batch, positions=torch.zeros_like(batch.positions))


ABLATIONS: Mapping[str, tuple[Callable[[Batch], Batch], float]] = {
    "all three": (lambda batch: batch, 1.0),
    "no tokens": (_without_tokens, 1 / ALPHABET),
    "no segments": (_without_segments, 1 / len(BOUNDARIES)),
    "no positions": (_without_positions, float(np.mean([1 / (TEXT - size) for size in BOUNDARIES]))),
}
"""What an input lacks, and the best accuracy that is possible so."""


def questions(trial: Trial, rng: np.random.Generator, count: int) -> Batch:
    """Draw rows and ask in the last slot for the first symbol of segment B."""
    alphabet = np.tile(np.arange(ALPHABET), (count, 1))
    text = FIRST + rng.permuted(alphabet, axis=1)[:, :TEXT]
    sizes = rng.choice(BOUNDARIES, count)
    answers = text[np.arange(count), sizes]
    tokens = np.concatenate([np.full((count, 1), CLS), text, answers[:, None]], axis=1)
    segments = (np.arange(LENGTH) > sizes[:, None]).astype(np.int32)
    asked = at_slot(tokens.shape, LENGTH - 1)
    return trial.objective.cloze(dataclasses.replace(as_rows(tokens), segments=segments), asked, asked)


def learned(ablation: str, seed: int, steps: int) -> float:
    """Train a model on inputs that lack something and return its accuracy on such inputs."""
    ablate, _ = ABLATIONS[ablation]
    trial = begin(shape("bert", max_positions=LENGTH), MaskedSettings(), symbols(ALPHABET), seed)
    learn(trial, lambda rng: [ablate(questions(trial, rng, ROWS))], steps, seed)
    return accuracy(trial, ablate(questions(trial, np.random.default_rng([seed, 2]), TESTED)))


def refuses_longer(positions: int = PUBLISHED) -> bool:
    """Say whether a text one token longer than a model has `positions` is refused with an error for its user."""
    vocabulary = symbols(ALPHABET)
    trial = begin(shape("bert", max_positions=positions), MaskedSettings(), vocabulary, seed=0)
    subject = Subject(cast(Encoder, trial.encoder), trial.objective, vocabulary, "cls_first")
    read_prompt(subject, Tokenizer(WordLevel({}, "")), BLANK * (positions - 2))
    try:
        read_prompt(subject, Tokenizer(WordLevel({}, "")), BLANK * (positions - 1))
    except UsageError:
        return True
    return False


def measure(models: Models, steps: int = 400) -> Finding:
    """Train a model on whole inputs, and one without each of the three embeddings."""
    seeds, steps = plan(models, steps)
    found = {name: [learned(name, seed, steps) for seed in seeds] for name in ABLATIONS}
    return conclude(found, is_refused=refuses_longer(), quick=models.quick)


def conclude(found: Mapping[str, Sequence[float]], *, is_refused: bool, quick: bool) -> Finding:
    """Judge accuracies, one a seed; the limit lies half-way from the best of them to one."""
    measures = {
        name: measured(f"accuracy, {name}", found[name], best) for name, (_, best) in ABLATIONS.items()
    }
    refused = Measure(
        f"texts longer than {PUBLISHED} positions refused with a sentence, of 1", float(is_refused), truth=1
    )
    largest = max(best for _, best in ABLATIONS.values() if best < 1)
    expected = [
        Expectation(each, "above" if name == "all three" else "below", (1 + largest) / 2)
        for name, each in measures.items()
    ]
    verdict, because = judge([*expected, Expectation(refused, "above", 1, is_exact=True)], quick=quick)
    return Finding((*measures.values(), refused), verdict, because, _figure(measures))


def _figure(measures: Mapping[str, Measure]) -> Figure:
    measured = tuple(Point(name, each.value, each.low, each.high) for name, each in measures.items())
    best = tuple(Point(name, best) for name, (_, best) in ABLATIONS.items())
    return Figure(
        "bars",
        "Which symbol stands first in segment B",
        "what the model is given",
        "accuracy",
        (Series("measured", measured), Series("best possible", best)),
    )


THREE_EMBEDDINGS = Claim(
    name="three_embeddings",
    sentence="BERT's input is the sum of token, segment and position embeddings, of which it has 512.",
    experiment=(
        "Accuracy on a question that needs all three, with all and without each, beside what can be guessed; and "
        "whether a longer text is refused with a sentence."
    ),
    source="Devlin et al. 2019, section 3 and figure 2",
    measure=measure,
)
