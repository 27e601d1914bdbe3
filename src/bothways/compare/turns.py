"""Runs that advance by turns, so that a slow hour of the machine is slow for all of them.

A turn ends in a checkpoint, and a resume is exact, so that by turns or not the same models come of it (of budgets in
minutes at least the same clock). Who begins a turn changes, so that nobody always comes first.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

MOST = 10
"""Turns of a run."""
WORTH_SECONDS = 60.0
"""A turn that is shorter costs more to begin than it is worth."""


R = TypeVar("R")


def turns_of(seconds: float | None) -> int:
    """Return how many turns runs take of which the shortest takes about `seconds`; one where nobody knows."""
    return max(1, min(MOST, int((seconds or 0.0) // WORTH_SECONDS)))


def by_turns(
    runs: Sequence[R], turns: int, used: Callable[[R], float], advance: Callable[[R, float], None]
) -> None:
    """Advance all runs to the end of their budgets.

    `used` returns the share of its budget that a run has used up; `advance` takes it up to a share. The last turn is
    taken by all, whatever they have used up, so that each is seen to be whole.
    """
    for turn in range(turns):
        until, first = (turn + 1) / turns, turn % len(runs)
        for run in (*runs[first:], *runs[:first]):
            if until == 1.0 or used(run) < until:
                advance(run, until)
