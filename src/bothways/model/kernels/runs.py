"""Where documents lie in rows that hold nothing but whole documents, so that attention needs no mask."""

from dataclasses import dataclass

import torch
from torch import Tensor

from bothways.batch import Batch


@dataclass(frozen=True)
class Runs:
    """Documents that see themselves alone, one after the other through all rows."""

    begins: Tensor
    """int32 [documents + 1]: where each begins, counted through all rows, and the end."""
    window: int | None = None
    """How many slots away a slot sees, either way; absent: all of its document."""

    @classmethod
    def of(cls, batch: Batch, window: int | None = None) -> "Runs | None":
        """Return the documents of a batch, or None where more than these and the window hides anything.

        Rows of one document each need no mask without a window, so they are runs only with one.
        """
        begins = batch.runs
        if window is not None and batch.documents is batch.enters is batch.leaves is None:
            slots = batch.tokens
            begins = torch.arange(
                0, slots.numel() + 1, batch.num_slots, dtype=torch.int32, device=slots.device
            )
        return None if begins is None or batch.num_probes else cls(begins, window)
