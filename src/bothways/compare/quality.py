"""What a quality costs: when each recipe's held-out number was first as good as that at which the worst one ends.

Of each seed, the level is the worst final number of all recipes, so that every recipe reaches it; the costs are means
over seeds. Only recipes that are judged by the same number on the way take part, with the seeds that all of them have.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Protocol

from bothways.compare.results import CurvePoint


class Course(Protocol):
    """What is known of a training here: whose it was, and what it was judged by on its way. A `Result` is one."""

    @property
    def recipe(self) -> str: ...

    @property
    def seed(self) -> int: ...

    @property
    def curve(self) -> Sequence[CurvePoint]: ...


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


def same_quality(courses: Sequence[Course]) -> list[Quality]:
    """Return the costs, for each number that two or more recipes were judged by on the way."""
    measures = dict.fromkeys(course.curve[-1].measure for course in courses if course.curve)
    found = []
    for measure in measures:
        judged = _beside_each_other(
            [course for course in courses if course.curve and course.curve[-1].measure == measure]
        )
        if len({course.recipe for course in judged}) > 1:
            found.append(_quality(measure, judged))
    return found


def _beside_each_other(courses: Sequence[Course]) -> list[Course]:
    """Return those whose seed every recipe has."""
    seeds: dict[str, set[int]] = {}
    for course in courses:
        seeds.setdefault(course.recipe, set()).add(course.seed)
    shared = set.intersection(*seeds.values())
    return [course for course in courses if course.seed in shared]


def _quality(measure: str, courses: Sequence[Course]) -> Quality:
    levels = {
        seed: max(course.curve[-1].value for course in courses if course.seed == seed)
        for seed in {course.seed for course in courses}
    }
    costs: dict[str, list[Cost]] = {}
    for course in courses:
        costs.setdefault(course.recipe, []).append(_reached(course, levels[course.seed]))
    means = {
        recipe: Cost(mean(cost.tokens for cost in of_seeds), mean(cost.seconds for cost in of_seeds))
        for recipe, of_seeds in costs.items()
    }
    return Quality(measure, mean(levels.values()), means)


def _reached(course: Course, level: float) -> Cost:
    point = next(point for point in course.curve if point.value <= level)
    return Cost(point.tokens, point.seconds)
