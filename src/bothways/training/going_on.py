"""Where a run goes on after an interruption, and that it is alone in its folder, whatever it trains."""

import contextlib
from collections.abc import Callable
from pathlib import Path

from bothways.training import distributed, run_folder
from bothways.training.distributed import Place


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


def _found(folder: Path, place: Place, say: Callable[[str], None]) -> Path | None:
    found = run_folder.newest_complete(folder, say)
    if found is None:
        say(f"{folder} has no complete checkpoint yet; beginning anew")
    return run_folder.adopt(folder, found) if found is not None and place.is_main else found
