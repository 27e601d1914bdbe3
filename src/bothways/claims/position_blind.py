"""Without the place of its target a permutation model gives one distribution for all places; with it, the right one.

The language: place p of a row holds the symbol (b + p) modulo the alphabet, where b is drawn for the row; after the
first two places any symbol may stand in one case of ten. A model sees the first two and is asked for one other place.
Who knows the place needs little; who does not can at best mix the symbols of all places. Both bounds are exact. (Two,
since relative positions enter by how attention is divided, and with one visible token there is nothing to divide.)

Blind is a probe that stands at the first token's place, whichever place it asks for: h(x) of Yang et al. 2019,
section 2.3, in place of g(x, z).
"""

import dataclasses

import numpy as np
import torch

from bothways.batch import Batch
from bothways.claims.base import Claim, Finding, Measure, Models
from bothways.claims.expectation import Expectation, judge
from bothways.claims.trial import (
    FIRST,
    Trial,
    as_rows,
    at_slot,
    begin,
    learn,
    mean_nats,
    plan,
    shape,
    symbols,
)
from bothways.claims.verdict import measured
from bothways.objectives.permutation import PermutationSettings
from bothways.pages.figures import Figure, Point, Series

LENGTH = 8
SHOWN = 2
"""Places that are seen and never asked for."""
ALPHABET = 12
NOISE = 0.1
ROWS = 64
TESTED = 4096


def bound(*, knows_place: bool) -> float:
    """Return the conditional entropy of a symbol given the base, and its place if that is known, in nats."""
    places = np.arange(SHOWN, LENGTH)
    by_place = np.full((len(places), ALPHABET), NOISE / ALPHABET)
    by_place[np.arange(len(places)), places % ALPHABET] += 1 - NOISE
    seen = by_place if knows_place else by_place.mean(axis=0, keepdims=True)
    return float(-(seen * np.log(seen)).sum(axis=1).mean())


def rows(rng: np.random.Generator, count: int) -> np.ndarray:
    """Draw rows of the language, int64 [count, LENGTH]."""
    bases = rng.integers(0, ALPHABET, (count, 1))
    told = (bases + np.arange(LENGTH)) % ALPHABET
    other = rng.integers(0, ALPHABET, told.shape)
    is_other = rng.random(told.shape) < NOISE
    is_other[:, :SHOWN] = False
    return FIRST + np.where(is_other, other, told)


def ask(trial: Trial, rng: np.random.Generator, count: int, *, knows_place: bool) -> Batch:
    """Ask for one place of each row, given the first two."""
    tokens = rows(rng, count)
    asked = at_slot(tokens.shape, rng.integers(SHOWN, LENGTH, count))
    hidden = np.broadcast_to(np.arange(LENGTH) >= SHOWN, tokens.shape)
    batch = trial.objective.cloze(as_rows(tokens), hidden, asked)
    if knows_place:
        return batch
    assert batch.probes is not None
    return dataclasses.replace(batch, probes=torch.zeros_like(batch.probes))


def measure(models: Models, steps: int = 600) -> Finding:
    """Train both and compare what a token costs them."""
    seeds, steps = plan(models, steps)
    blind = [_cost(seed, steps, knows_place=False) for seed in seeds]
    seeing = [_cost(seed, steps, knows_place=True) for seed in seeds]
    return conclude(blind, seeing, quick=models.quick)


def _cost(seed: int, steps: int, *, knows_place: bool) -> float:
    backbone = shape("transformer_xl", heads=4)
    trial = begin(backbone, PermutationSettings(), symbols(ALPHABET), seed)

    def draw(rng: np.random.Generator) -> list[Batch]:
        return [ask(trial, rng, ROWS, knows_place=knows_place)]

    learn(trial, draw, steps, seed, rate=6e-3)
    return mean_nats(trial, [ask(trial, np.random.default_rng([seed, 2]), TESTED, knows_place=knows_place)])


def conclude(blind: list[float], seeing: list[float], *, quick: bool) -> Finding:
    """Judge costs in nats, one a seed: half-way between the two bounds lies the limit for both."""
    blind_bound, seeing_bound = bound(knows_place=False), bound(knows_place=True)
    half = (blind_bound + seeing_bound) / 2
    without = measured("nats a token without the target's place", blind, blind_bound)
    with_it = measured("nats a token with the target's place", seeing, seeing_bound)
    verdict, because = judge(
        [Expectation(without, "above", half), Expectation(with_it, "below", half)], quick=quick
    )
    return Finding((without, with_it), verdict, because, _figure(without, with_it))


def _figure(without: Measure, with_it: Measure) -> Figure:
    named = {"without its place": without, "with its place": with_it}
    return Figure(
        "intervals",
        "What a token costs when the model is not told which place it predicts",
        "the probe",
        "nats a token",
        tuple(
            Series(name, (Point(name, measure.value, measure.low, measure.high),))
            for name, measure in named.items()
        ),
        references=(
            ("least possible without the place", bound(knows_place=False)),
            ("least possible with it", bound(knows_place=True)),
        ),
    )


POSITION_BLIND = Claim(
    name="position_blind",
    sentence=(
        "A prediction that does not know the place of its target is the same for all places; giving it the place "
        "mends that."
    ),
    experiment=(
        "Two permutation models, one with probes that stand at their target's place and one without, on a language in "
        "which the place decides; against exact bounds."
    ),
    source="Yang et al. 2019, section 2.3",
    measure=measure,
)
