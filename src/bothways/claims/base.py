"""What a claim is: a sentence, the models that it needs, what is measured on them, and a verdict computed from that.

Each file of this package is one claim; `CLAIMS` in registry.py is the literal table of all.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bothways.pages.figures import Figure

Verdict = Literal["holds", "does not hold here", "inconclusive", "preview"]


@dataclass(frozen=True)
class Measure:
    """A measured number: its mean over seeds with a 95% interval, beside what it would be at best."""

    name: str
    """In words, with its unit."""
    value: float
    low: float | None = None
    high: float | None = None
    """The interval over seeds (Student's); absent where the number is exact or of one seed."""
    truth: float | None = None
    """The exact reference, such as a conditional entropy of the language."""


@dataclass(frozen=True)
class Finding:
    """What measuring a claim came to."""

    measures: tuple[Measure, ...]
    verdict: Verdict
    because: str
    """One sentence that names the numbers which decide."""
    figure: Figure


@dataclass(frozen=True)
class Models:
    """What a claim is measured on."""

    folders: Mapping[str, Sequence[Path]]
    """For each variant that the claim named, the trained run folders, one a seed."""
    seeds: Sequence[int]
    quick: bool = False


@dataclass(frozen=True)
class Claim:
    """One sentence that people repeat, and how it becomes a number."""

    name: str
    sentence: str
    """As textbooks say it, in our words."""
    experiment: str
    """What is measured, in one or two sentences."""
    source: str
    """Paper and section."""
    measure: Callable[[Models], Finding]
    """Measures, judges and draws; raises nothing but `BothwaysError`."""
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Name -> recipe settings of the models to train, over the plan's tiny defaults; equal ones are trained once."""
    ask: Callable[[Path], Finding] | None = None
    """Measures the same on a user's own checkpoint, where that makes sense."""
