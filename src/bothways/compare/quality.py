"""What a quality costs: when each recipe's held-out number was first as good as that at which the worst one ends.

Of each seed, the level is the worst final number of all recipes, so that every recipe reaches it; the costs are means
over seeds. Only recipes that are judged by the same number on the way take part.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

from bothways.compare.results import Result


@dataclass(frozen=True)
class Cost:
    """What it took a recipe, on average over seeds."""

    tokens: float
    seconds: float
    """Wall clock of training, evaluations included."""


@dataclass(frozen=True)
class Quality:
    """A level of quality, and what it cost those that reached it: all."""

    measure: str
    level: float
    """The mean over seeds."""
    costs: dict[str, Cost]
    """Of each recipe."""


def same_quality(results: Sequence[Result]) -> list[Quality]:
    """Return the costs, for each number that two or more recipes were judged by on the way."""
    measures = dict.fromkeys(result.curve[-1].measure for result in results if result.curve)
    found = []
    for measure in measures:
        judged = [result for result in results if result.curve and result.curve[-1].measure == measure]
        if len({result.recipe for result in judged}) > 1:
            found.append(_quality(measure, judged))
    return found


def _quality(measure: str, results: Sequence[Result]) -> Quality:
    levels = {
        seed: max(result.curve[-1].value for result in results if result.seed == seed)
        for seed in {result.seed for result in results}
    }
    costs: dict[str, list[Cost]] = {}
    for result in results:
        costs.setdefault(result.recipe, []).append(_reached(result, levels[result.seed]))
    means = {
        recipe: Cost(mean(cost.tokens for cost in of_seeds), mean(cost.seconds for cost in of_seeds))
        for recipe, of_seeds in costs.items()
    }
    return Quality(measure, mean(levels.values()), means)


def _reached(result: Result, level: float) -> Cost:
    point = next(point for point in result.curve if point.value <= level)
    return Cost(point.tokens, point.seconds)
