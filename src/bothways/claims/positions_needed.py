"""Attention sees a set; what knows about order are positions.

Exact: with every position made the same, permuting the input permutes the output and changes nothing else, to the
rounding of float64, on every kind of encoder; with positions in place it changes.

Learned: a row holds symbols that are all different, in random order, and every one is asked which stands before it.
Without positions all the others are equally likely.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from bothways.batch import IGNORED, Batch
from bothways.claims.base import Claim, Finding, Measure, Models
from bothways.claims.expectation import Expectation, judge
from bothways.claims.trial import FIRST, Trial, accuracy, as_rows, begin, learn, plan, scoring, shape, symbols
from bothways.claims.verdict import measured
from bothways.model.encoder import Encoder
from bothways.model.settings import EncoderSettings
from bothways.objectives.masked import MaskedSettings
from bothways.objectives.quiet import without_training
from bothways.pages.figures import Figure, Point, Series
from bothways.trained import load

LENGTH = 8
"""Symbols in a row, and in the alphabet."""
CHANCE = 1 / (LENGTH - 1)
ROWS = 64
TESTED = 2048
ROUNDING = 1e-9
"""More than float64 loses in so small a model, and far less than any position contributes."""

ENCODERS: Mapping[str, Callable[[], EncoderSettings]] = {
    "none": lambda: shape("bert", max_positions=LENGTH),
    "learned": lambda: shape("bert", max_positions=LENGTH),
    "sinusoidal": lambda: shape("bert", max_positions=LENGTH, initial_positions="sinusoidal"),
    "relative": lambda: shape("transformer_xl"),
    "rotary": lambda: shape("modern", global_every=1),
}
"""Positions -> the encoder that has them; `none` has positions of zero, `sinusoidal` keeps them as they begin."""


def without_positions(encoder: Encoder, batch: Batch) -> Batch:
    """Return the batch with all slots at one position; change an encoder that reads distances off the slots instead."""
    with torch.no_grad():
        for block in encoder.blocks:
            attention: Any = block.attention
            if attention.is_relative:
                attention.distance.weight.zero_()
    return dataclasses.replace(batch, positions=torch.zeros_like(batch.positions))


def commutes(encoder: Encoder, batch: Batch, order: Tensor) -> float:
    """Return how far permuting the slots of a batch is from permuting its states: the largest difference there is.

    `order` is int64 [slots]. Zero means that the encoder cannot tell any order from another.
    """
    permuted = dataclasses.replace(batch, tokens=batch.tokens[:, order])
    with without_training(encoder):
        states, _ = encoder(batch)
        moved, _ = encoder(permuted)
    return float((moved - states[:, order]).abs().max())


def order_gaps(encoder: Encoder, ids: np.ndarray) -> tuple[float, float]:
    """Return that difference with positions and without; the encoder has lost its positions afterwards."""
    encoder.double()
    length = min(LENGTH, len(ids))
    rows = torch.from_numpy(ids[:length][None].astype(np.int64))
    order = torch.arange(length).roll(3)
    positions = torch.arange(length)[None]
    nothing = torch.zeros(0, dtype=torch.int64)
    batch = Batch(rows, torch.zeros_like(rows), positions, nothing, nothing).to(
        encoder.token_embedding.device
    )
    with_them = commutes(encoder, batch, order)
    return with_them, commutes(encoder, without_positions(encoder, batch), order)


def questions(trial: Trial, rng: np.random.Generator, count: int) -> Batch:
    """Draw rows and ask every symbol but the first which one stands before it."""
    tokens = FIRST + rng.permuted(np.tile(np.arange(LENGTH), (count, 1)), axis=1)
    before = np.full_like(tokens, IGNORED)
    before[:, 1:] = tokens[:, :-1]
    nothing = np.zeros(tokens.shape, dtype=bool)
    return scoring(trial.objective.cloze(as_rows(tokens), nothing, nothing), before)


def build(positions: str, seed: int) -> Trial:
    """Build the model of `ENCODERS` with such positions."""
    trial = begin(ENCODERS[positions](), MaskedSettings(), symbols(LENGTH), seed)
    if positions in ("none", "sinusoidal"):
        table = cast(Any, trial.encoder).embeddings.positions.weight.requires_grad_(False)
        if positions == "none":
            table.zero_()
    return trial


def learned(positions: str, seed: int, steps: int) -> float:
    """Train a model and return its accuracy."""
    trial = build(positions, seed)
    learn(trial, lambda rng: [questions(trial, rng, ROWS)], steps, seed, rate=6e-3)
    return accuracy(trial, questions(trial, np.random.default_rng([seed, 2]), TESTED))


def measure(models: Models, steps: int = 400) -> Finding:
    """Permute the input of random encoders, and train one of each kind to tell what stands before each symbol."""
    seeds, steps = plan(models, steps)
    ids = np.arange(FIRST, FIRST + LENGTH)
    gaps = {
        name: order_gaps(cast(Encoder, build(name, seed=0).encoder), ids)
        for name in ENCODERS
        if name != "none"
    }
    found = {name: [learned(name, seed, steps) for seed in seeds] for name in ENCODERS}
    return conclude(gaps, found, quick=models.quick)


def ask(run: Path) -> Finding:
    """Permute the input of a trained encoder, with its positions and without."""
    subject, _ = load(run)
    ids = subject.vocabulary.ordinary()
    return conclude(
        {"this model": order_gaps(subject.encoder, ids[:: max(1, len(ids) // LENGTH)])}, {}, quick=False
    )


def conclude(
    gaps: Mapping[str, tuple[float, float]], found: Mapping[str, Sequence[float]], *, quick: bool
) -> Finding:
    """Judge gaps with and without positions, and accuracies, one a seed, where there are any.

    The limit for accuracies lies half-way between chance and one.
    """
    half = (1 + CHANCE) / 2
    kept = Measure("least change of states by order, with positions", min(gap for gap, _ in gaps.values()))
    lost = Measure(
        "largest change of states by order, without positions", max(gap for _, gap in gaps.values()), truth=0
    )
    accuracies = {
        name: measured(f"accuracy, positions: {name}", values, CHANCE if name == "none" else 1.0)
        for name, values in found.items()
    }
    expected = [
        Expectation(lost, "below", ROUNDING, is_exact=True),
        Expectation(kept, "above", ROUNDING, is_exact=True),
        *(
            Expectation(each, "below" if name == "none" else "above", half)
            for name, each in accuracies.items()
        ),
    ]
    verdict, because = judge(expected, quick=quick)
    figure = _accuracies(accuracies) if accuracies else _gaps(kept, lost)
    return Finding((lost, kept, *accuracies.values()), verdict, because, figure)


def _accuracies(accuracies: Mapping[str, Measure]) -> Figure:
    return Figure(
        "intervals",
        "Which symbol stands before each",
        "positions",
        "accuracy",
        tuple(
            Series(name, (Point(name, each.value, each.low, each.high),)) for name, each in accuracies.items()
        ),
        references=(("without any order", CHANCE),),
    )


def _gaps(kept: Measure, lost: Measure) -> Figure:
    points = (Point("with positions", kept.value), Point("without", lost.value))
    return Figure(
        "bars", "How much states depend on order", "", "largest difference", (Series("states", points),)
    )


POSITIONS_NEEDED = Claim(
    name="positions_needed",
    sentence="Attention alone knows no order; positions bring it back.",
    experiment=(
        "Whether the output commutes with a permutation of the input, exactly; and the accuracy on a task of order "
        "with no, learned, sinusoidal, relative and rotary positions."
    ),
    source="Vaswani et al. 2017, section 3.5",
    measure=measure,
    ask=ask,
)
