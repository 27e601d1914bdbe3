"""What each run of a comparison may use up: tokens, useful floating-point operations, or minutes.

Tokens are fair to recipes that read alike, minutes to whoever waits. Operations are those that the mathematics asks for
(`bench.work`), so that neither a slow kernel nor an idle machine counts: they become steps, as many as each recipe's
own step allows.
"""

from dataclasses import dataclass
from typing import Literal

from bothways.compare.operations import operations_of_a_step
from bothways.errors import UsageError
from bothways.formats.protocol import Source
from bothways.recipe import Recipe
from bothways.training.schedule import mean_length_share
from bothways.training.settings import TrainingSettings
from bothways.vocabulary import Vocabulary

Unit = Literal["tokens", "flops", "minutes"]

EVALUATIONS = 10
"""How often a run is judged on its way at least, where its steps are known: from that the cost of a quality is read."""


@dataclass(frozen=True)
class Budget:
    """What each run may use up."""

    unit: Unit
    amount: float

    @property
    def words(self) -> list[str]:
        """The settings that give a recipe this budget; of operations, a stand-in until `settled` knows the steps."""
        if self.unit == "flops":
            return ["training.steps=1"]
        amount = int(self.amount) if self.unit == "tokens" else self.amount
        return [f"training.{self.unit}={amount}"]

    def settled(self, recipe: Recipe, text: Source, vocabulary: Vocabulary) -> Recipe:
        """Return the recipe with its share of the comparison, in steps where the budget is in operations.

        `text` is what its rows are made of. Raises `UsageError` for a recipe with teachers, whose work has no place in
        a count of operations.
        """
        training = recipe.training
        if self.unit == "flops":
            if recipe.distil is not None:
                raise UsageError(
                    f"{recipe.name} learns from teachers, whose operations are not counted; give --tokens or --minutes"
                )
            steps = max(1, round(self.amount / operations_of_a_step(recipe, text, vocabulary)))
            training = training.model_copy(update={"steps": steps})
        return recipe.model_copy(update={"training": _judged_on_the_way(training, recipe.format.length)})

    def in_words(self, runs: int = 1) -> str:
        """Return what so many runs use up."""
        amount = self.amount * runs
        if self.unit == "minutes":
            return f"{amount:g} minutes" if amount < 120 else f"{amount / 60:,.1f} hours"
        return f"{amount:,.0f} tokens" if self.unit == "tokens" else f"{amount:.3g} operations"


def budget_of(tokens: float | None, flops: float | None, minutes: float | None) -> Budget:
    """Return the one budget that is given; raise `UsageError` for none, several, or one that is not above 0."""
    units: tuple[tuple[Unit, float | None], ...] = (
        ("tokens", tokens),
        ("flops", flops),
        ("minutes", minutes),
    )
    given = [Budget(unit, amount) for unit, amount in units if amount is not None]
    if len(given) != 1:
        raise UsageError(
            "a comparison needs one budget for each run; give exactly one of --tokens, --flops, --minutes"
        )
    if not 0 < given[0].amount < float("inf"):
        raise UsageError(f"--{given[0].unit} is {given[0].amount:g}; give a number above 0")
    return given[0]


def _judged_on_the_way(training: TrainingSettings, length: int) -> TrainingSettings:
    """Return the settings with evaluations often enough to see when a quality was reached."""
    steps = training.steps
    if training.tokens is not None:
        share = mean_length_share(training.schedule, training.budget)
        steps = -(-training.tokens // round(training.batch * length * share))
    if steps is None or training.evaluate_every is None:
        return training
    every = max(1, steps // EVALUATIONS)
    return training.model_copy(update={"evaluate_every": min(training.evaluate_every, every)})
