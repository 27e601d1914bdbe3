"""From numbers to a verdict: what a claim expects of its measures, and whether their intervals lie there.

    holds                 every measure lies, with its whole interval, on the expected side of its limit
    does not hold here    some measure lies, with its whole interval, on the other side
    inconclusive          neither: some interval contains its limit, or there are too few seeds for an interval
    preview               a quick run: the numbers are shown and not judged

Limits are margins stated beside each claim, half-way between two exact references where there are two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bothways.claims.base import Measure, Verdict


@dataclass(frozen=True)
class Expectation:
    """On which side of a limit a measure has to lie for the claim to hold."""

    measure: Measure
    side: Literal["below", "above"]
    limit: float
    is_exact: bool = False
    """Whether the number is computed, not estimated from seeds: it needs no interval, and may be the limit itself."""

    def is_met(self) -> bool | None:
        """Say whether the whole interval lies on the expected side; None where it cannot be told."""
        if self.is_exact:
            value = self.measure.value
            return value <= self.limit if self.side == "below" else value >= self.limit
        low, high = self.measure.low, self.measure.high
        if low is None or high is None or low <= self.limit <= high:
            return None
        return (high < self.limit) == (self.side == "below")

    def __str__(self) -> str:
        words: dict[str, str] = {"below": "at most", "above": "at least"} if self.is_exact else {}
        return f"{describe(self.measure)} (expected {words.get(self.side, self.side)} {self.limit:.3g})"


def judge(expectations: Sequence[Expectation], *, quick: bool) -> tuple[Verdict, str]:
    """Return the verdict on what was expected, and one sentence with the numbers that decide."""
    if quick:
        numbers = "; ".join(describe(each.measure) for each in expectations)
        return "preview", f"A quick run is not judged; it measured {numbers}."
    met = [(each, each.is_met()) for each in expectations]
    failed = [each for each, is_met in met if is_met is False]
    unsure = [each for each, is_met in met if is_met is None]
    if failed:
        return "does not hold here", f"Against what is expected: {_listed(failed)}."
    if unsure:
        return "inconclusive", f"Not enough evidence: {_listed(unsure)}."
    return "holds", f"As expected: {_listed(expectations)}."


def describe(measure: Measure) -> str:
    """Return a measure's name and value, and its interval where it has one."""
    if measure.low is None or measure.high is None:
        return f"{measure.name} {measure.value:.3g}"
    return f"{measure.name} {measure.value:.3g} [{measure.low:.3g}, {measure.high:.3g}]"


def _listed(expectations: Sequence[Expectation]) -> str:
    return "; ".join(map(str, expectations))
