"""Attention reaches any distance in one step; a recurrent network carries what it knows through every token between.

Two tasks, at growing distance, for an LSTM and a layer of causal attention of equal width:

    copy        a symbol, noise, and the question which symbol it was
    agreement   a noun, more nouns of either number, and the question which number the first had

Both models are trained until they answer 95% right, or until the budget ends.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from bothways.batch import IGNORED, Batch
from bothways.claims.base import Claim, Finding, Measure, Models
from bothways.claims.expectation import Expectation, judge
from bothways.claims.recurrent import begin_recurrent
from bothways.claims.trial import FIRST, Trial, accuracy, as_rows, begin, learn, plan, scoring, shape, symbols
from bothways.claims.verdict import measured
from bothways.evaluate.asking import ReadsLeftToRight
from bothways.objectives.causal import CausalSettings
from bothways.pages.figures import Figure, Point, Series

SYMBOLS = 8
NOISE = FIRST + SYMBOLS
"""The first of as many symbols that are never asked for."""
QUESTION = NOISE + SYMBOLS
NUMBERS = QUESTION + 1
"""Singular; plural is the next."""
DISTANCES = (4, 16, 48)
"""Tokens between the evidence and the question."""
ROWS = 32
TESTED = 256
LEARNED = 0.95
EVERY = 10
"""Steps between two looks at the accuracy."""
RIGHT = 0.9
"""The accuracy from which a model counts as able."""
MARGIN = 0.2
"""By how much attention must be more often right."""
RATES = {"LSTM": 1e-2, "attention": 3e-3}
"""Peak learning rates; an LSTM learns faster with a larger one."""

MODELS = ("LSTM", "attention")


@dataclass(frozen=True)
class Learned:
    """What training came to: steps until the task was learned (all of them, if never), and the accuracy then."""

    steps: int
    accuracy: float


Cell = tuple[str, str, int]
"""Model, task, distance."""


def copying(rng: np.random.Generator, rows: int, distance: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw symbols before noise, int64 [rows, 1 + distance], and the symbols again, int64 [rows]."""
    first = FIRST + rng.integers(0, SYMBOLS, (rows, 1))
    noise = NOISE + rng.integers(0, SYMBOLS, (rows, distance))
    return np.concatenate([first, noise], axis=1), first[:, 0]


def agreement(rng: np.random.Generator, rows: int, distance: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw nouns, int64 [rows, 1 + distance], and the number of the first, int64 [rows]; odd nouns are plural."""
    nouns = rng.integers(0, SYMBOLS, (rows, 1 + distance))
    return FIRST + nouns, NUMBERS + nouns[:, 0] % 2


TASKS: Mapping[str, Callable[[np.random.Generator, int, int], tuple[np.ndarray, np.ndarray]]] = {
    "copy": copying,
    "agreement": agreement,
}


def questions(trial: Trial, task: str, distance: int, rng: np.random.Generator, count: int) -> Batch:
    """Draw rows of a task that end in the question, which alone is scored."""
    told, answers = TASKS[task](rng, count, distance)
    tokens = np.concatenate([told, np.full((count, 1), QUESTION)], axis=1)
    targets = np.full_like(tokens, IGNORED)
    targets[:, -1] = answers
    return scoring(cast(ReadsLeftToRight, trial.objective).left_to_right(as_rows(tokens)), targets)


def train(model: str, task: str, distance: int, seed: int, steps: int) -> Learned:
    """Train one of `MODELS` on a task until it is learned, for at most so many steps."""
    settings = shape("bert", max_positions=distance + 2)
    build = begin_recurrent if model == "LSTM" else begin
    trial = build(settings, CausalSettings(), symbols(2 * SYMBOLS + 3), seed)
    test = questions(trial, task, distance, np.random.default_rng([seed, 2]), TESTED)

    def is_learned(step: int) -> bool:
        return step % EVERY == 0 and accuracy(trial, test) >= LEARNED

    taken = learn(
        trial,
        lambda rng: [questions(trial, task, distance, rng, ROWS)],
        steps,
        seed,
        RATES[model],
        is_learned,
    )
    return Learned(taken, accuracy(trial, test))


def measure(models: Models, steps: int = 400) -> Finding:
    """Train both models on both tasks at all distances."""
    seeds, steps = plan(models, steps)
    found = {
        (model, task, distance): [train(model, task, distance, seed, steps) for seed in seeds]
        for model in MODELS
        for task in TASKS
        for distance in DISTANCES
    }
    return conclude(found, quick=models.quick)


def conclude(found: Mapping[Cell, Sequence[Learned]], *, quick: bool) -> Finding:
    """Judge what was learned, one a seed, at the longest distance: attention is right, the LSTM clearly less often."""
    accuracies = {
        cell: _over_seeds("accuracy", cell, [each.accuracy for each in runs]) for cell, runs in found.items()
    }
    steps = {
        cell: _over_seeds("steps to learn", cell, [each.steps for each in runs])
        for cell, runs in found.items()
    }
    gains = []
    for task in TASKS:
        recurrent, attention = (found[model, task, DISTANCES[-1]] for model in MODELS)
        values = [two.accuracy - one.accuracy for one, two in zip(recurrent, attention, strict=True)]
        gains.append(measured(f"accuracy that attention gains, {task}, {DISTANCES[-1]} tokens apart", values))
    expected = [
        *(Expectation(accuracies["attention", task, DISTANCES[-1]], "above", RIGHT) for task in TASKS),
        *(Expectation(gain, "above", MARGIN) for gain in gains),
    ]
    verdict, because = judge(expected, quick=quick)
    return Finding((*accuracies.values(), *steps.values(), *gains), verdict, because, _figure(steps))


def _over_seeds(what: str, cell: Cell, values: Sequence[float]) -> Measure:
    model, task, distance = cell
    return measured(f"{what}, {model}, {task}, {distance} tokens apart", values)


def _figure(steps: Mapping[Cell, Measure]) -> Figure:
    def points(model: str, task: str) -> tuple[Point, ...]:
        measured = [(distance, steps[model, task, distance]) for distance in DISTANCES]
        return tuple(Point(float(distance), each.value, each.low, each.high) for distance, each in measured)

    return Figure(
        "lines",
        "How many steps it takes to learn what stands far back",
        "tokens between evidence and question",
        "steps to 95%",
        tuple(Series(f"{model}, {task}", points(model, task)) for model in MODELS for task in TASKS),
        note="A task that was never learned counts as the whole budget.",
    )


DISTANCE = Claim(
    name="distance",
    sentence="Attention goes by relevance, not by distance; a recurrent network forgets.",
    experiment=(
        "An LSTM and a layer of causal attention copy a symbol, and find the number of the first noun, at growing "
        "distance: steps to learn and accuracy."
    ),
    source="Vaswani et al. 2017, section 4",
    measure=measure,
)
