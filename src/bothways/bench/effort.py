"""How thoroughly a benchmark measures."""

import os
from dataclasses import dataclass

from bothways.caps import STEP_CAP


@dataclass(frozen=True)
class Effort:
    """Turns and times of one row."""

    name: str
    repeats: int
    """Turns that count, at most."""
    warm_up: int
    """Turns before those."""
    patience: float
    """Seconds after which a row has been measured long enough."""
    may_compile: bool = True
    """Whether the strongest peer is compiled, which takes up to a minute."""
    is_trial: bool = False
    """Whether shapes are cut to almost nothing, to see that everything runs; the numbers then mean nothing."""


THOROUGH = Effort("thorough", repeats=15, warm_up=2, patience=20.0)
QUICK = Effort("quick", repeats=7, warm_up=2, patience=6.0)
TRIAL = Effort(
    "trial, its numbers mean nothing", repeats=1, warm_up=1, patience=0.0, may_compile=False, is_trial=True
)


def choose_effort(*, quick: bool) -> Effort:
    """Return how thoroughly to measure; where the steps of a run are capped, this is a trial as well."""
    if os.environ.get(STEP_CAP):
        return TRIAL
    return QUICK if quick else THOROUGH
