"""Rotary positions: queries and keys turned by angles in proportion to their places (Su et al. 2021, section 3.2).

    turn(x, m) = x ∘ cos(m θ) + quarter(x) ∘ sin(m θ),   quarter(a, b) = (-b, a),   θ_i = base^(-2 i / D)

A head of D entries is D / 2 planes; plane i holds entries i and i + D / 2, as GPT-NeoX and ModernBERT pair them (Su et
al. pair neighbours). The product of a turned query and a turned key depends on the difference of their places alone.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from bothways.batch import Batch
from bothways.model.kernels.rows import take


@dataclass(frozen=True)
class Turns:
    """How far the queries and keys of one batch are turned: the cosines of all planes, then their sines."""

    queries: Tensor
    """float [rows, queries, D], in float32 at least."""
    keys: Tensor
    """float [rows, slots, D]"""

    def at(self, wanted: Tensor) -> "Turns":
        """Return the turns of some queries only, int64 [rows, wanted]."""
        return Turns(take(self.queries, wanted), self.keys)


def turns_of(batch: Batch, head: int, base: float, dtype: torch.dtype) -> Turns:
    """Return how far heads of `head` entries are turned; a probe stands at the place of its slot.

    Computed in float32 at least: half precision cannot tell far places apart.
    """
    precise = torch.promote_types(dtype, torch.float32)
    exponents = torch.arange(0, head, 2, dtype=precise, device=batch.positions.device) / head
    angles = batch.at_queries(batch.positions)[:, :, None] / base**exponents
    queries = torch.cat([angles.cos(), angles.sin()], dim=-1)
    return Turns(queries, queries[:, : batch.num_slots])


def turn(heads: Tensor, turns: Tensor) -> Tensor:
    """Turn `heads` [rows, length, H, D] by `turns` [rows, length, D]; the result has the dtype of `heads`."""
    cosines, sines = turns[:, :, None].chunk(2, dim=-1)
    first, second = heads.chunk(2, dim=-1)
    turned = torch.cat([first * cosines - second * sines, second * cosines + first * sines], dim=-1)
    return turned.to(heads.dtype)
