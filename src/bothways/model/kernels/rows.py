"""Taking a few positions out of each row, and putting them back.

    take:    t[b, w] = h[b, wanted[b, w]]
    spread:  h[b, wanted[b, w]] = t[b, w], not a number elsewhere

A position that is wanted twice is put back once, and only that copy gets its gradient.
"""

from typing import Any

import torch
from torch import Tensor


def take(hidden: Tensor, wanted: Tensor) -> Tensor:
    """Return [rows, wanted, ...] of `hidden` [rows, queries, ...] at `wanted` int64 [rows, wanted]."""
    rest = hidden.shape[2:]
    return hidden.gather(1, wanted.view(*wanted.shape, *(1 for _ in rest)).expand(-1, -1, *rest))


def spread(taken: Tensor, wanted: Tensor, queries: int) -> Tensor:
    """Return [rows, queries, width] with `taken` [rows, wanted, width] where it came from."""
    whole: Tensor = _Spread.apply(taken, wanted, queries)  # type: ignore[no-untyped-call]
    return whole


class _Spread(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, taken: Tensor, wanted: Tensor, queries: int) -> Tensor:
        numbers = torch.arange(wanted.shape[1], device=wanted.device).expand_as(wanted)
        copy = wanted.new_full((len(wanted), queries), -1).scatter_(1, wanted, numbers)
        ctx.save_for_backward(wanted, copy.gather(1, wanted) == numbers)
        whole = take(taken, copy.clamp_min(0))
        return whole.masked_fill_((copy < 0)[:, :, None], float("nan"))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        wanted, is_put_back = ctx.saved_tensors
        return take(gradient, wanted) * is_put_back[:, :, None], None, None
