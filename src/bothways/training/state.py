"""Where a run stands: counters and carried memory, and how both are written down and read back.

Memory belongs to rows of the global batch, not to processes: it is saved in global row order, so a run may be
resumed by another number of processes or with another size of micro-batch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from bothways.batch import Memory

_STATE = "memory.state."
_DOCUMENTS = "memory.documents"


@dataclass
class State:
    """The counters of a run, and each micro-batch's memory."""

    step: int = 0
    """Optimizer steps taken; also the cursor into the data."""
    tokens: int = 0
    """Tokens read, over all ranks."""
    seconds: float = 0.0
    """Wall clock spent in this run, interruptions not counted."""
    skipped: int = 0
    """Steps whose loss was not finite."""
    memories: list[Memory | None] = field(default_factory=list)

    def counters(self) -> dict[str, Any]:
        """Return everything but the memory, as JSON."""
        values = asdict(self)
        del values["memories"]
        return values


def memory_tensors(memories: Sequence[Memory | None]) -> dict[str, Tensor]:
    """Return the memory of one process's micro-batches, rows in order."""
    held = [memory for memory in memories if memory is not None]
    if not held:
        return {}
    layers = range(len(held[0].states))
    tensors = {
        f"{_STATE}{layer}": torch.cat([memory.states[layer] for memory in held]) for layer in layers
    }
    documents = [memory.documents for memory in held if memory.documents is not None]
    return tensors | ({_DOCUMENTS: torch.cat(documents)} if documents else {})


def join_ranks(parts: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Join what `memory_tensors` returned on every rank, in the order of ranks, into all rows of the batch."""
    return {name: torch.cat([part[name] for part in parts]) for name in (parts[0] if parts else {})}


def memories_of(
    tensors: Mapping[str, Tensor], rows: Sequence[range], device: torch.device
) -> list[Memory | None]:
    """Return the memory of each micro-batch, given all rows and which `rows` each micro-batch has."""
    layers = sum(name.startswith(_STATE) for name in tensors)
    if not layers:
        return [None for _ in rows]
    return [
        Memory(
            tuple(tensors[f"{_STATE}{layer}"][part.start : part.stop].to(device) for layer in range(layers)),
            tensors[_DOCUMENTS][part.start : part.stop].to(device) if _DOCUMENTS in tensors else None,
        )
        for part in rows
    ]
