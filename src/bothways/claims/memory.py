"""How far back a model with memory can look, and that it learns to.

Reach, exact: on random weights in float64, change one token and see whether the output at the end of a text changes.
A query sees its own segment and, in each layer, `memory` states before it, each of which saw as far one layer below: in
all `layers` · `memory` tokens before its segment, where memory is whole segments (Dai et al. 2019, section 3.2).

Learned: a text of facts among filler, and at every token the question what the last fact was. A model that cannot see
that far can only guess, which costs the logarithm of the number of facts; what it costs at each distance is known
exactly from what its reach covers.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from bothways.claims.base import Claim, Finding, Measure, Models
from bothways.claims.expectation import Expectation, judge
from bothways.claims.reach import random_reach, reach
from bothways.claims.recall import FACTS, FURTHEST, SEGMENT, Looks, bound, by_distance
from bothways.claims.trial import plan
from bothways.claims.verdict import measured
from bothways.errors import UsageError
from bothways.pages.figures import Figure, Point, Series
from bothways.trained import load

BANDS = ((1, 8), (9, 16), (17, 24))
"""Distances to the evidence, in tokens, that are judged together."""


LOOKS: Mapping[str, Looks] = {
    "no memory": Looks(2, 0),
    "1 layer, memory 8": Looks(1, 8),
    "2 layers, memory 8": Looks(2, 8),
}


def measure(models: Models, steps: int = 240) -> Finding:
    """Measure the reach of random models, and train three to recall facts."""
    seeds, steps = plan(models, steps)
    costs = {
        name: np.stack([by_distance(look, seed, steps) for seed in seeds]) for name, look in LOOKS.items()
    }
    return conclude(costs, {name: random_reach(look) for name, look in LOOKS.items()}, quick=models.quick)


def conclude(costs: Mapping[str, np.ndarray], reaches: Mapping[str, int], *, quick: bool) -> Finding:
    """Judge costs by distance, float [seeds, FURTHEST + 1] for each of `LOOKS`, and their reaches in tokens.

    In each band the limit lies half-way between what a model can know there and what it could with one layer less.
    """
    measures = {(name, band): _in_band(name, band, costs[name]) for name in LOOKS for band in BANDS}
    half = float(np.log(FACTS)) / 4
    one, two = "1 layer, memory 8", "2 layers, memory 8"
    exact = [
        Measure(f"tokens that {name} reaches back", reaches[name], truth=look.reach + SEGMENT - 1)
        for name, look in LOOKS.items()
    ]
    furthest = max(abs(each.value - (each.truth or 0)) for each in exact)
    astray = Measure(
        "tokens by which a reach differs from layers · memory and its segment", furthest, truth=0
    )
    expected = [
        Expectation(astray, "below", 0, is_exact=True),
        *(
            _difference(costs, less, more, band, half)
            for less, more, band in (("no memory", one, BANDS[1]), (one, two, BANDS[2]))
        ),
    ]
    verdict, because = judge(expected, quick=quick)
    return Finding((*exact, astray, *measures.values()), verdict, because, _figure(costs))


def _in_band(name: str, band: tuple[int, int], costs: np.ndarray) -> Measure:
    distances = range(band[0], band[1] + 1)
    truth = float(np.mean([bound(LOOKS[name], distance) for distance in distances]))
    values = costs[:, distances.start : distances.stop].mean(axis=1).tolist()
    return measured(f"nats with {name}, evidence {band[0]} to {band[1]} tokens back", values, truth)


def _difference(
    costs: Mapping[str, np.ndarray], less: str, more: str, band: tuple[int, int], limit: float
) -> Expectation:
    cut = slice(band[0], band[1] + 1)
    saved = (costs[less][:, cut] - costs[more][:, cut]).mean(axis=1).tolist()
    name = f"nats that {more} saves over {less}, evidence {band[0]} to {band[1]} tokens back"
    return Expectation(measured(name, saved), "above", limit)


def _figure(costs: Mapping[str, np.ndarray]) -> Figure:
    def point(values: np.ndarray, distance: int) -> Point:
        found = measured("", values.tolist())
        return Point(float(distance), found.value, found.low, found.high)

    return Figure(
        "lines",
        "What a fact costs, by how far back it stands",
        "tokens since the fact",
        "nats a token",
        tuple(
            Series(name, tuple(point(values[:, distance], distance) for distance in range(1, FURTHEST + 1)))
            for name, values in costs.items()
        ),
        references=(("guessing", float(np.log(FACTS))),),
        note="Segments of 8 tokens; over all places of the last one.",
    )


def ask(run: Path) -> Finding:
    """Measure the exact reach of a trained model; raise `UsageError` for one without memory."""
    subject, _ = load(run)
    if "memory" not in subject.encoder.offers or "left to right" not in subject.objective.answers:
        raise UsageError(
            f"memory: {run} has no memory that a text read from left to right could use; give a Transformer-XL or XLNet"
        )
    layers = len(subject.encoder.blocks)
    subject.encoder.double()
    with subject.encoder.looking_back(memory=SEGMENT):
        found = reach(subject.encoder, subject.objective, subject.vocabulary.ordinary(), min(layers, 4) + 2)
    limit = min(layers, 4) * SEGMENT
    measured = Measure("tokens that a memory of 8 reaches back", found, truth=limit + SEGMENT - 1)
    expected = Expectation(measured, "above", limit, is_exact=True)
    verdict, because = judge([expected], quick=False)
    figure = Figure(
        "bars",
        "How far back a changed token moves the last state",
        "",
        "tokens",
        (Series("this model", (Point("reach", found),)),),
    )
    return Finding((measured,), verdict, because, figure)


MEMORY = Claim(
    name="memory",
    sentence=(
        "Reusing the hidden states of the previous segment gives a longer context, and more layers give a longer one."
    ),
    experiment=(
        "The exact reach of random models; what it costs to recall a fact, by its distance, with and without memory."
    ),
    source="Dai et al. 2019, section 3.2",
    measure=measure,
    ask=ask,
)
