"""Hand-written operations, each a file with its mathematics on top, and the choice between those that do the same."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from bothways.model.kernels import explicit, fused
from bothways.runtime import Choice

AttentionName = Literal["auto", "explicit", "fused"]

ATTENTIONS: dict[str, Callable[..., Tensor]] = {"explicit": explicit.attend, "fused": fused.attend}
"""Every way to compute attention; all give the same to rounding (tests/model/test_kernels.py)."""


def choose_attention(
    wanted: AttentionName, device: str, dtype: torch.dtype, *, relative: bool, dropout: float
) -> Choice:
    """Return the way to compute attention on `device` ("cpu", "cuda") in `dtype`; figures in docs/lab-notes.md."""
    if wanted != "auto":
        return Choice(wanted, "as asked")
    if device != "cpu":
        return Choice("fused", "because a GPU has kernels for it")
    if relative:
        return Choice("explicit", "because relative positions need no pass of their own there")
    if dtype == torch.bfloat16:
        return Choice("explicit", "because bf16 products beat the fused kernel on a processor")
    if dropout:
        return Choice("explicit", "because the fused kernel has no dropout on a processor")
    return Choice("fused", "because float32 without dropout has a kernel on a processor")


def leave_uncompiled() -> None:
    """Have `torch.compile` go around `explicit`, where it would follow into NumPy's generator.

    For those who compile, instead of a decorator there: to decorate it is to import the compiler, two seconds at every
    start (docs/lab-notes.md, start).
    """
    ATTENTIONS["explicit"] = torch.compiler.disable(explicit.attend)
