"""What a claim of several parts expects of its measures: `verdict.judge` for numbers that have limits of their own.

A measure is expected below or above a limit; what its interval says of that is the rule of `verdict.py`. Exact numbers
need no interval. Limits are margins stated beside each claim, half-way between two exact references where there are
two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bothways.claims.base import Measure, Verdict
from bothways.claims.verdict import judge_interval, together
from bothways.metrics.interval import Interval

_BEGINNINGS: dict[Verdict, str] = {
    "holds": "As expected",
    "inconclusive": "Not enough evidence",
    "does not hold here": "Against what is expected",
}


@dataclass(frozen=True)
class Expectation:
    """On which side of a limit a measure has to lie for the claim to hold."""

    measure: Measure
    side: Literal["below", "above"]
    limit: float
    is_exact: bool = False
    """Whether the number is computed, not estimated from seeds: it needs no interval, and may be the limit itself."""

    def verdict(self) -> Verdict:
        """Return what the measure says of this expectation alone."""
        value, low, high = self.measure.value, self.measure.low, self.measure.high
        sign = 1 if self.side == "above" else -1
        if self.is_exact:
            return "holds" if sign * value >= sign * self.limit else "does not hold here"
        if low is None or high is None:
            return "preview"
        ends = sorted((sign * low, sign * high))
        return judge_interval(Interval(sign * value, *ends), sign * self.limit)

    def __str__(self) -> str:
        words: dict[str, str] = {"below": "at most", "above": "at least"} if self.is_exact else {}
        return f"{describe(self.measure)} (expected {words.get(self.side, self.side)} {self.limit:.3g})"


def judge(expectations: Sequence[Expectation], *, quick: bool) -> tuple[Verdict, str]:
    """Return the verdict on what was expected, and one sentence with the numbers that decide."""
    verdicts = [each.verdict() for each in expectations]
    verdict = "preview" if quick else together(verdicts)
    if verdict == "preview":
        numbers = "; ".join(describe(each.measure) for each in expectations)
        return verdict, f"A quick run, or one seed, is not judged; it measured {numbers}."
    decisive = [each for each, said in zip(expectations, verdicts, strict=True) if said == verdict]
    return verdict, f"{_BEGINNINGS[verdict]}: {'; '.join(map(str, decisive))}."


def describe(measure: Measure) -> str:
    """Return a measure's name and value, and its interval where it has one."""
    if measure.low is None or measure.high is None:
        return f"{measure.name} {measure.value:.3g}"
    return f"{measure.name} {measure.value:.3g} [{measure.low:.3g}, {measure.high:.3g}]"
