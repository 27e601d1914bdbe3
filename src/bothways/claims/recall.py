"""Recalling the last fact: a text in segments, on which what a model cannot see has an exact price.

A text is filler with facts in it, at all distances alike, and at every token the model is asked what the last fact
was. Whoever sees that far knows; whoever does not can only guess, which costs the logarithm of the number of facts.
"""

from dataclasses import dataclass
from typing import cast

import numpy as np

from bothways.batch import IGNORED, Batch
from bothways.claims.trial import (
    FIRST,
    Trial,
    as_rows,
    begin,
    learn,
    nats_of,
    predictions,
    scoring,
    shape,
    symbols,
)
from bothways.evaluate.asking import ReadsLeftToRight
from bothways.objectives.base import Objective
from bothways.objectives.causal import CausalSettings

SEGMENT = 8
FACTS = 8
FILLER = FIRST + FACTS
SEGMENTS = 5
"""Of a text; the last one is scored in the end, so that every distance up to `FURTHEST` can stand before it."""
FURTHEST = 24
ROWS = 32
TESTED = 1024


@dataclass(frozen=True)
class Looks:
    """How a model looks back."""

    layers: int
    memory: int

    @property
    def reach(self) -> int:
        """Tokens before a segment that its queries can know of."""
        return self.layers * self.memory


def facts(rng: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw texts: tokens, the last fact, and how many tokens back it stands, int64 [rows, SEGMENTS · SEGMENT].

    From one fact to the next are 1 to `FURTHEST` + 1 tokens, all equally likely. Before the first fact the last one is
    `IGNORED`.
    """
    length = SEGMENTS * SEGMENT
    gaps = rng.integers(1, FURTHEST + 2, (rows, length))
    places = gaps.cumsum(axis=1) - rng.integers(1, FURTHEST + 2, (rows, 1))
    tokens = np.full((rows, length), FILLER)
    row, number = np.nonzero((places >= 0) & (places < length))
    tokens[row, places[row, number]] = FIRST + rng.integers(0, FACTS, len(row))
    slots = np.arange(length)
    last = np.maximum.accumulate(np.where(tokens != FILLER, slots, -1), axis=1)
    answers = np.where(last >= 0, np.take_along_axis(tokens, np.maximum(last, 0), axis=1), IGNORED)
    return tokens, answers, slots - last


def in_segments(objective: Objective, tokens: np.ndarray, answers: np.ndarray) -> list[Batch]:
    """Cut texts int [rows, length] into segments that remember each other, and ask for `answers` everywhere."""
    batches = []
    for start in range(0, tokens.shape[1], SEGMENT):
        cut = slice(start, start + SEGMENT)
        laid_out = cast(ReadsLeftToRight, objective).left_to_right(as_rows(tokens[:, cut], carry=SEGMENT))
        batches.append(scoring(laid_out, answers[:, cut]))
    return batches


def bound(look: Looks, distance: int) -> float:
    """Return the least possible cost of a fact so many tokens back, in nats, over all slots of a segment."""
    unseen = sum(slot + look.reach < distance for slot in range(SEGMENT))
    return unseen / SEGMENT * float(np.log(FACTS))


def by_distance(look: Looks, seed: int, steps: int) -> np.ndarray:
    """Train a model and return what a fact 0 to `FURTHEST` tokens back costs it, float64 [FURTHEST + 1]."""
    backbone = shape("transformer_xl", layers=look.layers, memory=look.memory)
    trial = begin(backbone, CausalSettings(), symbols(FACTS + 1), seed)

    def draw(rng: np.random.Generator) -> list[Batch]:
        return in_segments(trial.objective, *facts(rng, ROWS)[:2])

    learn(trial, draw, steps, seed)
    return _costs(trial, np.random.default_rng([seed, 2]))


def _costs(trial: Trial, rng: np.random.Generator) -> np.ndarray:
    tokens, answers, distances = facts(rng, TESTED)
    batches = in_segments(trial.objective, tokens, answers)
    last = nats_of(predictions(trial, batches)[-1], batches[-1]).double().numpy()
    behind = distances[:, -SEGMENT:].ravel()
    known = ~np.isnan(last) & (behind <= FURTHEST)
    counts = np.bincount(behind[known], minlength=FURTHEST + 1)
    return np.bincount(behind[known], last[known], minlength=FURTHEST + 1) / np.maximum(counts, 1)
