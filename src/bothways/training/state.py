"""Where a run stands: counters and carried memory, and how both are written down and read back.

Memory belongs to rows of the global batch, not to processes: it is saved in global row order, so a run may be
resumed by another number of processes or with another size of micro-batch. Everything else that a process holds
(its random generators, its share of the running loss) is saved under its rank.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bothways.batch import Memory

_MEMORY = "memory."
_STATE = f"{_MEMORY}state."
_DOCUMENTS = f"{_MEMORY}documents"
_RANK = "rank{}."


@dataclass
class State:
    """The counters of a run."""

    step: int = 0
    """Optimizer steps taken; also the cursor into the data."""
    tokens: int = 0
    """Tokens read, over all ranks."""
    seconds: float = 0.0
    """Wall clock spent in this run, interruptions not counted."""
    skipped: int = 0
    """Steps whose loss or gradient was not finite, so that nothing was learned."""
    failing: int = 0
    """How many of them have come in a row by now."""
    waiting: int = 0
    """How many evaluations in a row have brought no better number by now."""


def memory_tensors(memories: Sequence[Memory | None]) -> dict[str, Tensor]:
    """Return the memory of one process's micro-batches, rows in order."""
    held = [memory for memory in memories if memory is not None]
    if not held:
        return {}
    layers = range(len(held[0].states))
    tensors = {f"{_STATE}{layer}": torch.cat([memory.states[layer] for memory in held]) for layer in layers}
    documents = [memory.documents for memory in held if memory.documents is not None]
    return tensors | ({_DOCUMENTS: torch.cat(documents)} if documents else {})


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


def join_ranks(parts: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Join the tensors of all ranks, in the order of ranks, into those of one checkpoint.

    Memory becomes that of all rows of the global batch; anything else keeps its rank in its name.
    """
    joined: dict[str, Tensor] = {}
    for name in parts[0] if parts else ():
        if name.startswith(_MEMORY):
            joined[name] = torch.cat([part[name] for part in parts])
    for rank, part in enumerate(parts):
        for name, tensor in part.items():
            if not name.startswith(_MEMORY):
                joined[_RANK.format(rank) + name] = tensor
    return joined


def of_rank(tensors: Mapping[str, Tensor], rank: int) -> dict[str, Tensor]:
    """Return what one rank gave to `join_ranks`, its memory left out."""
    prefix = _RANK.format(rank)
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
