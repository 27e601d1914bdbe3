"""A format with shorter rows, for the early stages of a run (`training.schedule.length`)."""

import math
from typing import TypeVar

from bothways.config import Settings, build
from bothways.errors import UsageError

S = TypeVar("S", bound=Settings)


def shortened(settings: S, share: float) -> S:
    """Return a format's settings with rows of a share of their length.

    The rows are laid out anew for that length, not cut: each is whole, with its special tokens and its labels. Raises
    `UsageError` where the share is no whole number of slots or leaves too few of them.
    """
    length: int = settings.length  # type: ignore[attr-defined]
    slots = round(share * length)
    if not math.isclose(slots, share * length):
        raise UsageError(
            f"training.schedule.length takes {share:g} of format.length={length}, which is no whole number of slots; "
            f"give a share of whole ones, such as {max(1, slots) / length:g}, or another format.length"
        )
    where = f"{share:g} of format.length={length} (training.schedule.length)"
    return build(type(settings), settings.model_dump() | {"length": slots}, where)
