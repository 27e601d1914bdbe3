"""Attention by PyTorch's fused kernels: `scaled_dot_product_attention`, and `varlen_attn` for packed rows on a GPU.

    O = dropout(softmax(scale · Q Kᵀ + bias)) V,   bias = scale · shift(P Rᵀ) + hiding

With a bias that needs a gradient only the memory-efficient kernel computes it on a GPU. cuDNN's is left out: on Hopper
it gives wrong gradients for masks of some lengths (pytorch#196678) and misreads masks of another type (#191612).
Packed rows hold whole documents one after the other, each visible to itself alone: `varlen_attn` computes just these
blocks, without a mask, and of a window only what is within. It has neither bias nor dropout, nor wide heads.
"""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from bothways.model.kernels.far import Far
from bothways.model.kernels.runs import Runs
from bothways.model.kernels.shift import shift

ALIGNED = 8
"""Widths of heads and of a row of the bias come in multiples of this on a GPU."""
WIDEST = 256
"""The widest heads that `varlen_attn` computes."""
ON_GPU = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    hiding: Tensor | None,
    scale: float,
    dropout: float,
    far: Far | None = None,
    runs: Runs | None = None,
) -> Tensor:
    """Return softmax(scale · (query keyᵀ + positions) + hiding) value, [B, H, Q, D]; shapes as in `explicit`.

    `runs` says the same as `hiding`, where whole documents are all that there is to say.
    """
    bias = hiding if far is None else _position_bias(far, key.shape[2], scale, hiding)
    if query.device.type != "cuda":
        return F.scaled_dot_product_attention(query, key, value, bias, dropout, scale=scale)
    if runs is not None and far is None and not dropout and has_unpadded(query):
        return unpadded(query, key, value, runs, scale)
    return aligned(query, key, value, bias, scale, dropout)


def aligned(
    query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, scale: float, dropout: float
) -> Tensor:
    """Return the attention by a GPU's kernels, to which heads of any width are filled up."""
    heads, rows = (_aligned(query), _aligned(key), _aligned(value)), _aligned_rows(bias)
    with sdpa_kernel(ON_GPU):
        mixed = F.scaled_dot_product_attention(*heads, rows, dropout, scale=scale)
    return mixed[..., : value.shape[-1]]


def has_unpadded(query: Tensor) -> bool:
    """Say whether `unpadded` computes heads of this type and width."""
    return query.dtype in (torch.bfloat16, torch.float16) and query.shape[-1] <= WIDEST


def unpadded(query: Tensor, key: Tensor, value: Tensor, runs: Runs, scale: float) -> Tensor:
    """Return the attention of each document to itself, or to what is near in it; all of [B, H, L, D]."""
    rows, _, length, width = value.shape
    # Lengths of documents lie on the device, and asking for the longest would wait for it: a row is never shorter.
    query, key, value = (_aligned(heads).transpose(1, 2).flatten(0, 1) for heads in (query, key, value))
    # Imported here because the whole compiler comes along, which takes two seconds (docs/lab-notes.md, start).
    from torch.nn.attention.varlen import varlen_attn

    reach = -1 if runs.window is None else runs.window
    begins, window = runs.begins, (reach, reach)
    mixed = varlen_attn(query, key, value, begins, begins, length, length, scale=scale, window_size=window)
    assert isinstance(mixed, Tensor)
    return mixed[..., :width].unflatten(0, (rows, length)).transpose(1, 2)


def _position_bias(far: Far, keys: int, scale: float, hiding: Tensor | None) -> Tensor:
    encodings = far.encodings if far.direction is None else far.encodings.index_select(0, far.direction)
    bias = shift((far.placed * scale) @ encodings.transpose(2, 3), far.slots, keys, far.probes)
    return bias if hiding is None else bias + hiding


def _aligned(heads: Tensor) -> Tensor:
    """Return [B, H, L, D] with zeros appended to D up to the next multiple; products stay what they are."""
    return F.pad(heads, (0, -heads.shape[-1] % ALIGNED))


def _aligned_rows(bias: Tensor | None) -> Tensor | None:
    """Return the bias in memory whose rows begin at multiples, as the kernel wants it; shape and values stay."""
    if bias is None or bias.shape[-1] % ALIGNED == 0:
        return bias
    return F.pad(bias, (0, -bias.shape[-1] % ALIGNED))[..., : bias.shape[-1]]
