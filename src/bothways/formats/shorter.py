"""A format with shorter rows, for the early stages of a run (`training.schedule.length`)."""

from typing import TypeVar

from bothways.config import Settings, build
from bothways.errors import UsageError

S = TypeVar("S", bound=Settings)

TOLERANCE = 0.01
"""How far from a whole number of slots a share may be: people write it with a few digits."""


def shortened(settings: S, share: float) -> S:
    """Return a format's settings with rows of a share of their length.

    The rows are laid out anew for that length, not cut: each is whole, with its special tokens and its labels. Raises
    `UsageError` where the share is no whole number of slots or leaves too few of them.
    """
    length: int = settings.length  # type: ignore[attr-defined]
    slots = round(share * length)
    if abs(slots - share * length) > TOLERANCE:
        raise UsageError(
            f"training.schedule.length takes {share:g} of format.length={length}, which is no whole number of slots; "
            f"give a share of whole ones, such as {_nearest(settings, share):.8g}, or another format.length"
        )
    return _of_length(settings, slots, f"{share:g} of format.length={length} (training.schedule.length)")


def _nearest(settings: Settings, share: float) -> float:
    """Return the share nearest to `share` that the format admits; its full length is one."""
    length: int = settings.length  # type: ignore[attr-defined]
    by_distance = sorted(range(1, length + 1), key=lambda slots: abs(slots - share * length))
    return next(slots for slots in by_distance if _is_admitted(settings, slots)) / length


def _is_admitted(settings: Settings, length: int) -> bool:
    try:
        _of_length(settings, length, "")
    except UsageError:
        return False
    return True


def _of_length(settings: S, length: int, origin: str) -> S:
    return build(type(settings), settings.model_dump() | {"length": length}, origin)
