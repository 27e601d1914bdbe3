"""Relative positions: sinusoidal encodings of distances, and the shift that reads them out.

Transformer-XL scores a key by its distance from the query (Dai et al. 2019, section 3.3 and appendix B). Products
with the encodings of *all* distances are one matrix product, `every_distance` [.., query, distance]; the score of
(query i, key j) is found in column `first(i) + j` of row i, because neighbouring keys are neighbouring distances.
For a slot, `first` falls by one a row, so the whole shift is a strided view; a probe reads the row of its slot.
The mapping is one-to-one within a row, so its gradient is a plain copy, deterministic and without atomics.
"""

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor

from bothways.batch import Batch
from bothways.model.kernels.rows import take


@dataclass(frozen=True)
class RelativePositions:
    """Distances, directions and segments of one batch, shared by all layers."""

    encodings: Tensor
    """float [directions, distances, width]: column p encodes the distance (memory + slots - 1 - p)."""
    direction: Tensor | None
    """int64 [rows]: which encodings a row reads; absent: all read forward."""
    slots: int
    keys: int
    probes: Tensor | None
    """int64 [rows, probes]: the slot at whose place each probe stands; the queries before them are the slots."""
    query_segments: Tensor
    """bool [rows, queries, 3]: one-hot; a probe has the segment of its slot."""
    key_segments: Tensor
    """bool [rows, keys, 3]: one-hot; memory is always segment 0."""

    def at(self, wanted: Tensor) -> "RelativePositions":
        """Return what some queries need, int64 [rows, wanted]; all of them become probes at the place of a slot."""
        places = torch.arange(self.slots, device=wanted.device).expand(len(wanted), -1)
        if self.probes is not None:
            places = torch.cat([places, self.probes], dim=1)
        return dataclasses.replace(
            self, probes=places.gather(1, wanted), query_segments=take(self.query_segments, wanted)
        )


def sinusoids(distances: Tensor, width: int, ratio: float = 10_000) -> Tensor:
    """Return [distances, width] in the dtype of `distances`: all sines, then all cosines, as XLNet lays them out.

    `ratio` is that of the longest to the shortest wavelength. Vaswani et al. 2017, section 3.5, interleave sines and
    cosines; Transformer-XL and XLNet concatenate.
    """
    exponents = torch.arange(0, width, 2, dtype=distances.dtype, device=distances.device) / width
    angles = distances[:, None] / ratio**exponents
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def relative_encodings(
    slots: int,
    memory: int,
    width: int,
    *,
    both: bool,
    dtype: torch.dtype,
    device: torch.device,
    clamp: int | None = None,
) -> Tensor:
    """Return `dtype` [directions, 2·slots + memory - 1, width]; the second direction has negated distances.

    Distances beyond `clamp`, either way, are encoded as `clamp` is. Computed in float32 at least: half precision cannot
    tell long distances apart.
    """
    furthest = memory + slots - 1
    precise = torch.promote_types(dtype, torch.float32)
    distances = torch.arange(furthest, -slots, -1, dtype=precise, device=device)
    if clamp is not None:
        distances = distances.clamp(-clamp, clamp)
    forward = sinusoids(distances, width)
    encodings = torch.stack([forward, sinusoids(-distances, width)]) if both else forward[None]
    return encodings.to(dtype)


def segment_one_hot(segments: Tensor, count: int) -> Tensor:
    """Return bool [rows, length, count]."""
    return segments[:, :, None] == torch.arange(count, device=segments.device)


def positions_of(
    batch: Batch, memory: int, width: int, num_segments: int, dtype: torch.dtype, clamp: int | None = None
) -> RelativePositions:
    """Collect what relative attention in `dtype` needs of a batch, with `memory` slots remembered before each row.

    Distances beyond `clamp` tokens share one encoding.
    """
    segments = segment_one_hot(batch.segments, num_segments)
    remembered = segment_one_hot(batch.segments.new_zeros(len(batch.tokens), memory), num_segments)
    direction = None if batch.backward is None else batch.backward.long()
    return RelativePositions(
        relative_encodings(
            batch.num_slots,
            memory,
            width,
            both=direction is not None,
            dtype=dtype,
            device=batch.tokens.device,
            clamp=clamp,
        ),
        direction,
        batch.num_slots,
        memory + batch.num_slots,
        batch.probes,
        segment_one_hot(batch.at_queries(batch.segments), num_segments),
        torch.cat([remembered, segments], dim=1),
    )
