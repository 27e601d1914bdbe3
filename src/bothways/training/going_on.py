"""Where a run goes on after an interruption, and that it is alone in its folder, whatever it trains."""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

from bothways.caps import step_cap
from bothways.training import distributed, run_folder
from bothways.training.checkpoint import STATE
from bothways.training.distributed import Place
from bothways.training.schedule import Budget
from bothways.training.state import State


def alone(folder: Path, place: Place) -> contextlib.AbstractContextManager[None]:
    """Hold a run folder for all processes of a run: the main one holds it, since it alone writes."""
    return run_folder.locked(folder) if place.is_main else contextlib.nullcontext()


def where_to_go_on(folder: Path, place: Place, say: Callable[[str], None]) -> Path | None:
    """Return the newest whole checkpoint; None where a run was killed before its first.

    Damaged ones beyond it are set aside, so that they count neither among the last ones nor as the best.
    """
    return distributed.main_first(place, lambda: _found(folder, place, say))


def going_on(checkpoint: Path | None) -> list[str]:
    """Say from where a run goes on, if it does."""
    return [f"going on from {checkpoint.name}"] if checkpoint is not None else []


def standing(folder: Path) -> State:
    """Return where a run stood at its last checkpoint, which is not verified; at its beginning without one."""
    saved = run_folder.complete_or_not(folder)
    if not saved:
        return State()
    try:
        numbers = json.loads((saved[-1] / STATE / "state.json").read_text(encoding="utf-8"))
        return State(numbers["step"], numbers["tokens"], numbers["seconds"])
    except (OSError, ValueError, KeyError):
        return State()


def used(folder: Path, budget: Budget) -> float:
    """Return which share of its `budget`, which is not in epochs, a run had used up at its last checkpoint."""
    state, cap = standing(folder), step_cap()
    share = budget.progress(state.step, state.tokens, state.seconds)
    return max(state.step / cap if cap else 0.0, share)


def _found(folder: Path, place: Place, say: Callable[[str], None]) -> Path | None:
    found = run_folder.newest_complete(folder, say)
    if found is None:
        say(f"{folder} has no complete checkpoint yet; beginning anew")
    return run_folder.adopt(folder, found) if found is not None and place.is_main else found
