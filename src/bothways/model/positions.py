"""Relative positions: sinusoidal encodings of distances, and the shift that reads them out.

Transformer-XL scores a key by its distance from the query (Dai et al. 2019, section 3.3 and appendix B). Products
with the encodings of *all* distances are one matrix product, `every_distance` [.., query, distance]; the score of
(query i, key j) is found in column `first(i) + j` of row i, because neighbouring keys are neighbouring distances.
For a slot, `first` falls by one a row, so the whole shift is a strided view; a probe reads the row of its slot.
The mapping is one-to-one within a row, so its gradient is a plain copy, deterministic and without atomics.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bothways.batch import Batch


@dataclass(frozen=True)
class RelativePositions:
    """Distances, directions and segments of one batch, shared by all layers."""

    encodings: Tensor
    """float [directions, distances, width]: column p encodes the distance (memory + slots - 1 - p)."""
    backward: Tensor | None
    """int64 [rows]: which direction a row reads in; absent: all read forward."""
    slots: int
    keys: int
    probes: Tensor | None
    """int64 [rows, probes]: the slot at whose place each probe stands."""
    query_segments: Tensor
    """bool [rows, queries, 3]: one-hot; a probe has the segment of its slot."""
    key_segments: Tensor
    """bool [rows, keys, 3]: one-hot; memory is always segment 0."""


def sinusoids(distances: Tensor, width: int, ratio: float = 10_000) -> Tensor:
    """Return [distances, width] in the dtype of `distances`: all sines, then all cosines, as XLNet lays them out.

    `ratio` is that of the longest to the shortest wavelength. Vaswani et al. 2017, section 3.5, interleave sines and
    cosines; Transformer-XL and XLNet concatenate.
    """
    exponents = torch.arange(0, width, 2, dtype=distances.dtype, device=distances.device) / width
    angles = distances[:, None] / ratio**exponents
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def relative_encodings(
    slots: int, memory: int, width: int, *, both: bool, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Return `dtype` [directions, 2·slots + memory - 1, width]; the second direction has negated distances.

    Computed in float32 at least: half precision cannot tell long distances apart.
    """
    furthest = memory + slots - 1
    precise = torch.promote_types(dtype, torch.float32)
    distances = torch.arange(furthest, -slots, -1, dtype=precise, device=device)
    forward = sinusoids(distances, width)
    encodings = torch.stack([forward, sinusoids(-distances, width)]) if both else forward[None]
    return encodings.to(dtype)


def segment_one_hot(segments: Tensor, count: int) -> Tensor:
    """Return bool [rows, length, count]."""
    return segments[:, :, None] == torch.arange(count, device=segments.device)


def shift_to_distances(every_distance: Tensor, relative: RelativePositions) -> Tensor:
    """Read the score of each (query, key) out of products with every distance.

    `every_distance` is [rows, heads, queries, distances]; the result is [rows, heads, queries, keys].
    """
    slots, keys, probes = relative.slots, relative.keys, relative.probes
    shifted: Tensor = _Shift.apply(every_distance, slots, keys, probes)  # type: ignore[no-untyped-call]
    return shifted


class _Shift(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, every: Tensor, slots: int, keys: int, probes: Tensor | None) -> Tensor:
        ctx.slots, ctx.keys, ctx.probes, ctx.shape = slots, keys, probes, every.shape
        every = every.contiguous()
        if probes is None:
            return _slot_view(every, slots, keys).clone()
        shifted = every.new_empty(*every.shape[:3], keys)
        shifted[:, :, :slots] = _slot_view(every, slots, keys)
        index = _probe_columns(probes, slots, keys).expand(-1, every.shape[1], -1, -1)
        shifted[:, :, slots:] = every[:, :, slots:].gather(3, index)
        return shifted

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        every = gradient.new_zeros(ctx.shape)
        _slot_view(every, ctx.slots, ctx.keys).copy_(gradient[:, :, : ctx.slots])
        if ctx.probes is not None:
            index = _probe_columns(ctx.probes, ctx.slots, ctx.keys).expand(-1, every.shape[1], -1, -1)
            every[:, :, ctx.slots :].scatter_(3, index, gradient[:, :, ctx.slots :])
        return every, None, None, None


def _slot_view(every: Tensor, slots: int, keys: int) -> Tensor:
    """View [B, H, Q, P] as [B, H, slots, keys]: row i begins at column slots - 1 - i."""
    rows, heads, _, distances = every.shape
    strides = every.stride()
    return every.as_strided(
        (rows, heads, slots, keys),
        (strides[0], strides[1], distances - 1, 1),
        every.storage_offset() + slots - 1,
    )


def _probe_columns(probes: Tensor, slots: int, keys: int) -> Tensor:
    """Return int64 [rows, 1, probes, keys]: the column of each key in a probe's row."""
    return (slots - 1 - probes)[:, None, :, None] + torch.arange(keys, device=probes.device)


def positions_of(
    batch: Batch, memory: int, width: int, num_segments: int, dtype: torch.dtype
) -> RelativePositions:
    """Collect what relative attention in `dtype` needs of a batch, with `memory` slots remembered before each row."""
    segments = segment_one_hot(batch.segments, num_segments)
    remembered = segment_one_hot(batch.segments.new_zeros(len(batch.tokens), memory), num_segments)
    backward = None if batch.backward is None else batch.backward.long()
    return RelativePositions(
        relative_encodings(
            batch.num_slots,
            memory,
            width,
            both=backward is not None,
            dtype=dtype,
            device=batch.tokens.device,
        ),
        backward,
        batch.num_slots,
        memory + batch.num_slots,
        batch.probes,
        segment_one_hot(batch.at_queries(batch.segments), num_segments),
        torch.cat([remembered, segments], dim=1),
    )
