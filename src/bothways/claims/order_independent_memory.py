"""Memory does not know in which order its segment was predicted; the states in it do.

    exact    what a model makes of a segment depends on the segment before by the cached states alone: reading that
             segment again in another order, between caching and use, changes no score by a single bit
    exact    the first layer's cached states, which are embeddings, are the same under every order; those of later
             layers are not, since a state knows only what came before it in the order
    learned  what the difference costs in nats, on a model that needs its memory: the segment before repeated

Yang et al. 2019, section 2.4, equation of the update with memory: "the order of the previous segment" does not enter.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor

from bothways.batch import Batch, Memory
from bothways.claims.base import Claim, Finding, Measure, Models
from bothways.claims.expectation import Expectation, judge
from bothways.claims.trial import FIRST, Trial, as_rows, begin, learn, nats_of, plan, shape, symbols
from bothways.claims.verdict import measured
from bothways.errors import UsageError
from bothways.evaluate.asking import ReadsInOrder
from bothways.objectives.layout import draw_ranks
from bothways.objectives.permutation import PermutationSettings
from bothways.objectives.quiet import without_training
from bothways.pages.figures import Figure, Point, Series
from bothways.trained import load

LENGTH = 8
SYMBOLS = 8
LAYERS = 2
ROWS = 32
TESTED = 512
MARGIN = 0.1
"""Nats a token that another order may cost and still count as little."""


@dataclass(frozen=True)
class Orders:
    """One segment after another, the first read in two orders."""

    moved: float
    """Largest change of a score when the first segment is read in the other order after its states were cached."""
    embeddings: float
    """Largest difference of what the first layer remembers under the two orders."""
    states: float
    """The same in the other layers, as a share of the root mean square of what is remembered there."""
    nats: float
    """What a token of the second segment costs, its memory from the order in which text is read."""
    other: float
    """The same, the memory from a random order."""


def compare(trial: Trial, before: np.ndarray, after: np.ndarray, rng: np.random.Generator) -> Orders:
    """Read `before` in its order and in a random one, and `after` in a random one; int [rows, LENGTH] tokens."""
    device = next(trial.encoder.parameters()).device
    every = np.ones(before.shape, dtype=bool)
    as_read, drawn = (
        _in_order(trial, before, ranks).to(device) for ranks in (every.cumsum(axis=1), draw_ranks(every, rng))
    )
    following = _in_order(trial, after, draw_ranks(np.ones(after.shape, dtype=bool), rng)).to(device)
    with without_training(trial.encoder, trial.objective):
        _, first = trial.encoder(as_read)
        scores = _scores(trial, following, first)
        _, second = trial.encoder(drawn)
        again = _scores(trial, following, first)
        others = _scores(trial, following, second)
    gaps = [(one - two).abs().max() for one, two in zip(first.states, second.states, strict=True)]
    shares = [gap / state.square().mean().sqrt() for gap, state in zip(gaps, first.states, strict=True)]
    return Orders(
        float((scores - again).abs().max()),
        float(gaps[0]),
        float(max(shares[1:], default=torch.zeros(()))),
        float(nats_of(scores, following).mean()),
        float(nats_of(others, following).mean()),
    )


def _in_order(trial: Trial, tokens: np.ndarray, ranks: np.ndarray) -> Batch:
    return cast(ReadsInOrder, trial.objective).in_order(as_rows(tokens, carry=LENGTH), ranks)


def _scores(trial: Trial, batch: Batch, memory: Memory) -> Tensor:
    hidden, _ = trial.encoder(batch, memory)
    return trial.objective.log_probabilities(hidden, cast(Tensor, trial.encoder.token_embedding), batch)


def repeated(rng: np.random.Generator, rows: int) -> np.ndarray:
    """Draw a segment of symbols, to be said twice, int64 [rows, LENGTH]."""
    return FIRST + rng.integers(0, SYMBOLS, (rows, LENGTH))


def trained(seed: int, steps: int) -> Orders:
    """Train a model to predict a segment that repeats the one before, both in random orders; compare two orders."""
    trial = _build(seed)

    def draw(rng: np.random.Generator) -> list[Batch]:
        rows = as_rows(repeated(rng, ROWS), carry=LENGTH)
        return [trial.objective.corrupt(rows, rng) for _ in range(2)]

    learn(trial, draw, steps, seed)
    rng = np.random.default_rng([seed, 2])
    rows = repeated(rng, TESTED)
    return compare(trial, rows, rows, rng)


def _build(seed: int) -> Trial:
    backbone = shape("transformer_xl", layers=LAYERS, memory=LENGTH)
    return begin(backbone, PermutationSettings(one_in=1, select="token"), symbols(SYMBOLS), seed)


def measure(models: Models, steps: int = 300) -> Finding:
    """Compare two orders on random weights in float64, and on models that were trained to need their memory."""
    seeds, steps = plan(models, steps)
    trial = _build(seed=0)
    for part in (trial.encoder, trial.objective):
        part.double()
    rng = np.random.default_rng(0)
    exact = compare(trial, repeated(rng, 4), repeated(rng, 4), rng)
    return conclude(exact, [trained(seed, steps) for seed in seeds], quick=models.quick)


def ask(run: Path) -> Finding:
    """Compare two orders on a trained model, in float64; raise `UsageError` for one without memory or orders."""
    subject, _ = load(run)
    if "memory" not in subject.encoder.offers or "orders" not in subject.objective.answers:
        raise UsageError(
            f"order_independent_memory: {run} does not predict in random order with a memory; give an XLNet"
        )
    for part in (subject.encoder, subject.objective):
        part.double()
    rng = np.random.default_rng(0)
    ids = subject.vocabulary.ordinary()
    with subject.encoder.looking_back(memory=LENGTH):
        before, after = rng.choice(ids, (2, 16, LENGTH))
        return conclude(
            compare(Trial(subject.encoder, subject.objective), before, after, rng), [], quick=False
        )


def conclude(exact: Orders, learned: list[Orders], *, quick: bool) -> Finding:
    """Judge the exact comparison, and those of trained models, one a seed, where there are any."""
    moved = Measure(
        "change of a score when the segment before is read again in another order", exact.moved, truth=0
    )
    first = Measure("difference of the first layer's memory between two orders", exact.embeddings, truth=0)
    later = Measure(
        "difference of later layers' memory between two orders, as a share of its size", exact.states
    )
    expected = [
        Expectation(moved, "below", 0, is_exact=True),
        Expectation(first, "below", 0, is_exact=True),
    ]
    nats = []
    if learned:
        costs = [each.other - each.nats for each in learned]
        nats = [
            measured("nats a token, memory in reading order", [each.nats for each in learned]),
            measured("nats a token, memory in random order", [each.other for each in learned]),
            measured("nats a token that the other order costs", costs),
        ]
        expected.append(Expectation(nats[-1], "below", MARGIN))
    verdict, because = judge(expected, quick=quick)
    return Finding((moved, first, later, *nats), verdict, because, _figure([moved, later, *nats[-1:]]))


def _figure(measures: list[Measure]) -> Figure:
    return Figure(
        "intervals",
        "Two orders of the segment before: what they change",
        "",
        "difference",
        tuple(Series(each.name, (Point(each.name, each.value, each.low, each.high),)) for each in measures),
        references=(("nothing", 0.0),),
    )


ORDER_INDEPENDENT_MEMORY = Claim(
    name="order_independent_memory",
    sentence="Memory works whatever the order in which the segment before was predicted.",
    experiment=(
        "Exact differences in float64: of scores when the order changes after caching, of states cached under two "
        "orders; and what the latter costs a trained model."
    ),
    source="Yang et al. 2019, section 2.4",
    measure=measure,
    ask=ask,
)
