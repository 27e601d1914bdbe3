"""The shift of relative attention: reading out of products with all distances those that occur.

    shifted[q, j] = every[q, first(q) + j],   first(q) = slots - 1 - (the slot that q stands at)

Neighbouring keys are neighbouring distances (Dai et al. 2019, appendix B). For slots, `first` falls by one a row, so
the whole shift is a strided view; a probe reads the row of its slot. The mapping is one-to-one within a row, so its
gradient is a plain copy, deterministic and without atomics.

Shapes: B rows, H heads, Q queries = slots that ask + probes, K keys, P = slots + K - 1 distances.
"""

from typing import Any

import torch
from torch import Tensor


def shift(every: Tensor, slots: int, keys: int, probes: Tensor | None) -> Tensor:
    """Return [B, H, Q, K] out of `every` [B, H, Q, P].

    The last queries are `probes`, int64 [B, probes]: the slot at whose place each stands. The others are the slots
    0, 1, 2...
    """
    shifted: Tensor = _Shift.apply(every, slots, keys, probes)  # type: ignore[no-untyped-call]
    return shifted


def diagonal(every: Tensor, first: int, keys: int) -> Tensor:
    """View [B, H, n, P] as [B, H, n, keys]: row r begins at column `first` - r."""
    rows, heads, count, columns = every.shape
    strides = every.stride()
    return every.as_strided(
        (rows, heads, count, keys),
        (strides[0], strides[1], columns - 1, 1),
        every.storage_offset() + first,
    )


def probe_columns(probes: Tensor, slots: int, keys: int) -> Tensor:
    """Return int64 [B, 1, probes, keys]: the column of each key in a probe's row."""
    return (slots - 1 - probes)[:, None, :, None] + torch.arange(keys, device=probes.device)


class _Shift(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, every: Tensor, slots: int, keys: int, probes: Tensor | None) -> Tensor:
        ctx.slots, ctx.keys, ctx.probes, ctx.shape = slots, keys, probes, every.shape
        every = every.contiguous()
        if probes is None:
            return diagonal(every, slots - 1, keys).clone()
        asking = every.shape[2] - probes.shape[1]
        shifted = every.new_empty(*every.shape[:3], keys)
        shifted[:, :, :asking] = diagonal(every[:, :, :asking], slots - 1, keys)
        index = probe_columns(probes, slots, keys).expand(-1, every.shape[1], -1, -1)
        shifted[:, :, asking:] = every[:, :, asking:].gather(3, index)
        return shifted

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        every = gradient.new_zeros(ctx.shape)
        asking = gradient.shape[2] - (0 if ctx.probes is None else ctx.probes.shape[1])
        diagonal(every[:, :, :asking], ctx.slots - 1, ctx.keys).copy_(gradient[:, :, :asking])
        if ctx.probes is not None:
            index = probe_columns(ctx.probes, ctx.slots, ctx.keys).expand(-1, every.shape[1], -1, -1)
            every[:, :, asking:].scatter_(3, index, gradient[:, :, asking:])
        return every, None, None, None
