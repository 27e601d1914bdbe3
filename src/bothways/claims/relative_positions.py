"""What breaks when remembered states carry absolute positions, and why relative ones do not.

The language: random symbols, and at every token the question which stood `BACK` tokens before. Segments count their
places from zero, so with absolute positions a remembered place 2 looks exactly like the segment's own place 2. In one
layer of attention nothing else tells them apart: from place `BACK` on there are two candidates, and the least possible
cost is that of a coin between them, log 2 where they differ. Before that the answer is in memory alone, and is found.
Relative positions differ for the two, and cost nothing anywhere.
"""

from collections.abc import Mapping
from typing import cast

import numpy as np
import torch
from torch import nn

from bothways.batch import IGNORED, Batch, Memory
from bothways.claims.base import Claim, Finding, Models
from bothways.claims.expectation import Expectation, judge
from bothways.claims.recall import SEGMENT, in_segments
from bothways.claims.trial import FIRST, Trial, begin, learn, nats_of, plan, predictions, shape, symbols
from bothways.claims.verdict import measured
from bothways.model.attention import Sight
from bothways.model.encoder import Encoder
from bothways.model.visibility import visible
from bothways.objectives.causal import CausalSettings
from bothways.pages.figures import Figure, Point, Series

BACK = 3
SYMBOLS = 8
SEGMENTS = 3
ROWS = 32
TESTED = 1024
GUESS = float(np.log(SYMBOLS))
COIN = float(np.log(2)) * (1 - 1 / SYMBOLS)
"""Two candidates, equally likely: log 2 where they are different symbols, nothing where they are the same."""

MODELS = ("absolute, no memory", "absolute, with memory", "relative, with memory")


class AbsoluteSight(nn.Module):
    """BERT's sight, with memory: remembered states are keys like all others, and positions are in the states."""

    def forward(self, batch: Batch, memory: Memory | None, dtype: torch.dtype) -> Sight:
        return Sight.of(visible(batch, memory), dtype)


def build(name: str, seed: int) -> Trial:
    """Build one of `MODELS`: one layer over segments of `SEGMENT` tokens."""
    kind, memory = name.split(", ")
    remembers = SEGMENT if memory == "with memory" else 0
    if kind == "relative":
        return begin(shape("transformer_xl", memory=remembers), CausalSettings(), symbols(SYMBOLS), seed)
    trial = begin(shape("bert", max_positions=SEGMENT), CausalSettings(), symbols(SYMBOLS), seed)
    encoder = cast(Encoder, trial.encoder)
    encoder.look, encoder.memory_length = AbsoluteSight(), remembers
    return trial


def texts(rng: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw random symbols and what stood `BACK` places before each, int64 [rows, SEGMENTS · SEGMENT]."""
    tokens = FIRST + rng.integers(0, SYMBOLS, (rows, SEGMENTS * SEGMENT))
    answers = np.full_like(tokens, IGNORED)
    answers[:, BACK:] = tokens[:, :-BACK]
    return tokens, answers


def bounds(name: str) -> np.ndarray:
    """Return the least possible cost at each place of a segment after the first, float64 [SEGMENT] in nats."""
    starts, rest = {
        "absolute, no memory": (GUESS, 0.0),
        "absolute, with memory": (0.0, COIN),
        "relative, with memory": (0.0, 0.0),
    }[name]
    return np.where(np.arange(SEGMENT) < BACK, starts, rest)


def by_place(name: str, seed: int, steps: int) -> np.ndarray:
    """Train a model and return what each place of the last segment costs it, float64 [SEGMENT]."""
    trial = build(name, seed)

    def draw(rng: np.random.Generator) -> list[Batch]:
        return in_segments(trial.objective, *texts(rng, ROWS))

    learn(trial, draw, steps, seed)
    batches = in_segments(trial.objective, *texts(np.random.default_rng([seed, 2]), TESTED))
    last = nats_of(predictions(trial, batches)[-1], batches[-1])
    return last.double().view(TESTED, SEGMENT).mean(dim=0).numpy()


def measure(models: Models, steps: int = 240) -> Finding:
    """Train the three models and compare what each place of a segment costs them."""
    seeds, steps = plan(models, steps)
    costs = {name: np.stack([by_place(name, seed, steps) for seed in seeds]) for name in MODELS}
    return conclude(costs, quick=models.quick)


def conclude(costs: Mapping[str, np.ndarray], *, quick: bool) -> Finding:
    """Judge costs by place, float [seeds, SEGMENT] for each of `MODELS`; limits are half of what is at stake."""
    parts = {"first": slice(BACK), "other": slice(BACK, None)}
    measures = {
        (name, part): measured(
            f"nats at the {part} places, {name}",
            costs[name][:, cut].mean(axis=1).tolist(),
            float(bounds(name)[cut].mean()),
        )
        for name in MODELS
        for part, cut in parts.items()
    }
    verdict, because = judge(
        [
            Expectation(measures["absolute, with memory", "other"], "above", COIN / 2),
            Expectation(measures["absolute, no memory", "other"], "below", COIN / 2),
            Expectation(measures["relative, with memory", "other"], "below", COIN / 2),
            Expectation(measures["relative, with memory", "first"], "below", GUESS / 2),
        ],
        quick=quick,
    )
    return Finding(tuple(measures.values()), verdict, because, _figure(costs))


def _figure(costs: Mapping[str, np.ndarray]) -> Figure:
    def point(values: np.ndarray, place: int) -> Point:
        found = measured("", values.tolist())
        return Point(float(place + 1), found.value, found.low, found.high)

    return Figure(
        "lines",
        f"What it costs to repeat the symbol {BACK} tokens back",
        "place in the segment",
        "nats a token",
        tuple(
            Series(name, tuple(point(values[:, place], place) for place in range(SEGMENT)))
            for name, values in costs.items()
        ),
        references=(("guessing", GUESS), ("two candidates", COIN)),
    )


RELATIVE_POSITIONS = Claim(
    name="relative_positions",
    sentence="Remembered states fit together with new ones only if positions are relative.",
    experiment=(
        "A model with memory repeats the symbol three tokens back, with absolute and with relative positions; against "
        "exact bounds."
    ),
    source="Dai et al. 2019, section 3.3",
    measure=measure,
)
