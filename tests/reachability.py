"""What could flow where: a closure over layers and rows of the relation "key is visible to query"."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bothways.batch import Batch, Memory
from bothways.model.visibility import visible, windowed


@dataclass(frozen=True)
class Known:
    """What each remembered slot may know of each source before each layer."""

    layers: tuple[Tensor, ...]
    """bool [rows, memory, sources], one a layer."""
    documents: Tensor | None


def reach(
    batch: Batch,
    shown: Tensor,
    layers: int,
    *,
    memory: Known | None = None,
    memory_length: int = 0,
    windows: Sequence[int | None] | None = None,
) -> tuple[Tensor, Known]:
    """Return what every query may know after all layers, bool [rows, queries, sources], and what is remembered.

    `shown` bool [rows, slots, sources] says which sources each slot's own embedding holds; probes hold none. A query
    knows what it knew, and what every slot or remembered slot that it sees knew one layer below. `windows` says how far
    each layer sees, where they differ.
    """
    remembered = None if memory is None else _as_memory(memory)
    sees = visible(batch, remembered)
    queries = batch.num_slots + batch.num_probes
    keys = batch.num_slots + (0 if memory is None else memory.layers[0].shape[1])
    if sees is None:
        sees = torch.ones(len(shown), queries, keys, dtype=torch.bool)
    known = torch.cat([shown, shown.new_zeros(len(shown), batch.num_probes, shown.shape[2])], dim=1)
    before = []
    for layer, window in enumerate(windows or [None] * layers):
        slots = known[:, : batch.num_slots]
        before.append(slots)
        source = slots if memory is None else torch.cat([memory.layers[layer], slots], dim=1)
        near = sees if window is None else windowed(batch, sees, window)
        assert near is not None
        known = known | (torch.bmm(near.float(), source.float()) > 0)
    return known, _remember(batch, before, memory, memory_length)


def _as_memory(memory: Known) -> Memory:
    return Memory(tuple(layer[:, :, :1].float() for layer in memory.layers), memory.documents)


def _remember(batch: Batch, before: Sequence[Tensor], memory: Known | None, length: int) -> Known:
    layers = [layer[:, : batch.carry] for layer in before]
    documents = None if batch.documents is None else batch.documents[:, : batch.carry]
    if memory is not None:
        layers = [torch.cat(pair, dim=1) for pair in zip(memory.layers, layers, strict=True)]
        if documents is not None and memory.documents is not None:
            documents = torch.cat([memory.documents, documents], dim=1)
    kept = slice(-length, None) if length else slice(0)
    return Known(tuple(layer[:, kept] for layer in layers), None if documents is None else documents[:, kept])
