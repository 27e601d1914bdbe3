"""Several heads look at several things at once: the same width cut into 1 to 8 heads, on a task of two relations.

At every token the model is asked for a pair: which symbol stands one place before it and which three places before. A
head divides one unit of attention. One head that looks at both places mixes them and cannot say which symbol was where;
two heads look at one place each. All models have one layer and equally many weights.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from bothways.batch import IGNORED, Batch
from bothways.claims.base import Claim, Finding, Measure, Models
from bothways.claims.expectation import Expectation, judge
from bothways.claims.trial import FIRST, Trial, accuracy, as_rows, begin, learn, plan, scoring, shape, symbols
from bothways.claims.verdict import measured
from bothways.objectives.masked import MaskedSettings
from bothways.pages.figures import Figure, Point, Series

SYMBOLS = 4
PAIRS = FIRST + SYMBOLS
"""The first of the answers, one for each pair of symbols."""
LENGTH = 16
NEAR, FAR = 1, 3
"""Places before a token that are asked for."""
NUMBERS = (1, 2, 4, 8)
ONE_KNOWN = 1 / SYMBOLS
"""The accuracy of a model that knows one of the two symbols and guesses the other."""
MARGIN = 0.2
"""By how much two heads must be better than one."""
ROWS = 16
TESTED = 512


def questions(trial: Trial, rng: np.random.Generator, count: int) -> Batch:
    """Draw rows of symbols and ask at every token for the pair before it."""
    drawn = rng.integers(0, SYMBOLS, (count, LENGTH))
    targets = np.full_like(drawn, IGNORED)
    targets[:, FAR:] = PAIRS + SYMBOLS * drawn[:, FAR - NEAR : -NEAR] + drawn[:, :-FAR]
    nothing = np.zeros(drawn.shape, dtype=bool)
    return scoring(trial.objective.cloze(as_rows(FIRST + drawn), nothing, nothing), targets)


def learned(heads: int, seed: int, steps: int) -> float:
    """Train a model with so many heads and return its accuracy."""
    vocabulary = symbols(SYMBOLS + SYMBOLS**2)
    trial = begin(shape("transformer_xl", heads=heads), MaskedSettings(), vocabulary, seed)
    learn(trial, lambda rng: [questions(trial, rng, ROWS)], steps, seed)
    return accuracy(trial, questions(trial, np.random.default_rng([seed, 2]), TESTED))


def measure(models: Models, steps: int = 300) -> Finding:
    """Train a model with each number of heads."""
    seeds, steps = plan(models, steps)
    found = {heads: [learned(heads, seed, steps) for seed in seeds] for heads in NUMBERS}
    return conclude(found, quick=models.quick)


def conclude(found: Mapping[int, Sequence[float]], *, quick: bool) -> Finding:
    """Judge accuracies, one a seed, by number of heads: what two heads gain over one, seed by seed."""
    measures = {
        heads: measured(f"accuracy with {heads} head{'s' * (heads > 1)} of size {32 // heads}", values)
        for heads, values in found.items()
    }
    gains = [two - one for one, two in zip(found[1], found[2], strict=True)]
    gain = measured("accuracy that two heads gain over one", gains)
    verdict, because = judge([Expectation(gain, "above", MARGIN)], quick=quick)
    return Finding((*measures.values(), gain), verdict, because, _figure(measures))


def _figure(measures: Mapping[int, Measure]) -> Figure:
    points = tuple(Point(str(heads), each.value, each.low, each.high) for heads, each in measures.items())
    return Figure(
        "bars",
        "Two relations at once",
        "heads, of one width together",
        "accuracy",
        (Series("pair before each token", points),),
        references=(("knowing one of the two", ONE_KNOWN),),
    )


HEADS = Claim(
    name="heads",
    sentence="Several heads attend to different things at once, at the price of one.",
    experiment=("Equally wide models of 1, 2, 4 and 8 heads, asked at each token for two symbols before it."),
    source="Vaswani et al. 2017, section 3.2.2",
    measure=measure,
)
