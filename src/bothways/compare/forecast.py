"""What a comparison would cost: `--dry-run`, and the estimate that decides how often runs take turns."""

from collections.abc import Sequence
from dataclasses import dataclass

from bothways.compare.contenders import Contender
from bothways.compare.plan import Plan
from bothways.dry_run import DOCUMENTS, Estimate, MadeUpText, dry_run, made_up_vocabulary, vocabulary_size
from bothways.training.metrics import duration


@dataclass(frozen=True)
class Foreseen:
    """What a comparison would cost."""

    estimates: list[Estimate]
    """One a recipe."""
    seeds: int
    total: str
    notes: list[str]

    @property
    def seconds(self) -> float | None:
        """All pretraining, one run after the other."""
        known = [estimate.seconds for estimate in self.estimates if estimate.seconds is not None]
        return self.seeds * sum(known) if len(known) == len(self.estimates) else None

    def lines(self) -> list[str]:
        """Return every recipe's own estimate, and the sum."""
        lines = [line for estimate in self.estimates for line in [*estimate.lines()[:-1], ""]]
        time = (
            [] if self.seconds is None else [f"about {duration(self.seconds)} of pretraining on this machine"]
        )
        return [*lines, *self.notes, self.total, *time, "nothing was written; leave out --dry-run to compare"]


def foresee(plan: Plan) -> Foreseen:
    """Check every recipe and estimate what it costs; writes nothing."""
    return Foreseen(_estimates(plan, plan.contenders), len(plan.seeds), plan.total(), plan.notes)


def seconds_of_shortest(plan: Plan, settled: Sequence[Contender]) -> float | None:
    """Return about how long the shortest run takes; None where nobody knows."""
    if plan.budget.unit == "minutes":
        return plan.budget.amount * 60
    seconds = [dry_run(each.recipe).seconds for each in settled if each.recipe.seed == plan.seeds[0]]
    known = [each for each in seconds if each is not None]
    return min(known, default=None)


def _estimates(plan: Plan, contenders: Sequence[Contender]) -> list[Estimate]:
    found = []
    for contender in contenders:
        recipe = contender.recipe
        if recipe.seed == plan.seeds[0]:
            vocabulary = made_up_vocabulary(vocabulary_size(recipe))
            rows = max(recipe.training.batch, 2) * recipe.format.length
            text = MadeUpText(vocabulary, [max(256, rows)] * DOCUMENTS)
            found.append(dry_run(plan.budget.settled(recipe, text, vocabulary)))
    return found
