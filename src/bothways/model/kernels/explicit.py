"""Attention by explicit products, for processors: forward and backward written out, a few rows at a time.

    S = scale · (Q Kᵀ + shift(P Rᵀ)) + hiding     the second product only where there are relative positions
    W = softmax(S),  D = dropout(W),  O = D V

    dV = Dᵀ dO,  dD = dO Vᵀ,  dW = dD where kept,  dS = W ∘ (dW - Σ W ∘ dW)
    dQ = scale · dS K,  dK = scale · dSᵀ Q,  dG = shift⁻¹(dS),  dP = scale · dG R,  dR = scale · Σ dGᵀ P

What makes it fast (docs/lab-notes.md, attention): rows are taken in groups whose scores stay in the cache; every pass
over scores is in place; weights and dropout mask are one tensor, a dropped weight carrying a minus sign; a transposed
product is taken with the short side transposed. `shift` reads out of products with all distances those that occur
(Dai et al. 2019, appendix B): neighbouring keys are neighbouring distances, so for slots it is a strided view and its
gradient a strided copy, without atomics. Slots are taken in bands, which need few distances that do not occur.

Shapes: B rows, H heads, Q queries = slots + probes, K keys, D width of a head, E ≥ D, P distances.
"""

import math
from typing import Any

import torch
from torch import Tensor

from bothways.model.kernels.bits import dropped, staying
from bothways.model.kernels.far import Far
from bothways.model.kernels.shift import diagonal, probe_columns

GROUP = 2**20
"""Scores that are worked on at once, about 2 MB in bfloat16: what a core's cache holds."""
BAND = 128
"""Slots whose distances are computed together."""


# torch.compile would follow into NumPy's generator; what it compiles lies around this.
@torch.compiler.disable  # type: ignore[untyped-decorator]
def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    hiding: Tensor | None,
    scale: float,
    dropout: float,
    far: Far | None = None,
    runs: Tensor | None = None,  # noqa: ARG001  (what `hiding` says is enough here)
) -> Tensor:
    """Return softmax(scale · (query keyᵀ + positions) + hiding) value, [B, H, Q, D].

    `query` [B, H, Q, E], `key` [B, H, K, E], `value` [B, H, K, D], `hiding` [B, 1, Q, K] or None.
    """
    placed, encodings = (None, None) if far is None else (far.placed, far.encodings)
    mixed: Tensor = _Attention.apply(  # type: ignore[no-untyped-call]
        query, key, value, placed, encodings, hiding, scale, dropout, far
    )
    return mixed


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        placed: Tensor | None,
        encodings: Tensor | None,
        hiding: Tensor | None,
        scale: float,
        dropout: float,
        far: Far | None,
    ) -> Tensor:
        query, key, value = query.contiguous(), key.contiguous(), value.contiguous()
        positions = _Positions.of(placed, encodings, far)
        weights = query.new_empty(*query.shape[:3], key.shape[2])
        mixed = query.new_empty(*query.shape[:3], value.shape[3])
        for rows in _groups(weights):
            asking, answering = query[rows].flatten(0, 1), key[rows].flatten(0, 1).transpose(1, 2)
            scores = weights[rows].flatten(0, 1)
            if positions is not None:
                positions.read(rows, weights[rows])
            scores.baddbmm_(asking, answering, beta=scale if positions else 0, alpha=scale)
            if hiding is not None:
                weights[rows].add_(hiding[rows])
            torch.softmax(scores, -1, out=scores)
            if dropout:
                _mark(scores, dropout)
            torch.bmm(_kept(scores, dropout), value[rows].flatten(0, 1), out=mixed[rows].flatten(0, 1))
        ctx.save_for_backward(query, key, value, placed, encodings, weights)
        ctx.scale, ctx.dropout, ctx.far = scale, dropout, far
        return mixed.mul_(1 / staying(dropout)) if dropout else mixed

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, placed, encodings, weights = ctx.saved_tensors
        scale, dropout = ctx.scale, ctx.dropout
        gradient = gradient * (1 / staying(dropout)) if dropout else gradient.contiguous()
        positions = _Positions.of(placed, encodings, ctx.far)
        d_query, d_key, d_value = (torch.empty_like(tensor) for tensor in (query, key, value))
        for rows in _groups(weights):
            signed, out = weights[rows].flatten(0, 1), gradient[rows].flatten(0, 1)
            _transposed_product(_kept(signed, dropout), out, d_value[rows])
            scores = torch.bmm(out, value[rows].flatten(0, 1).transpose(1, 2))
            if dropout:
                _silence(scores, signed)
                signed = signed.abs()
            torch._softmax_backward_data(scores, signed, -1, scores.dtype, grad_input=scores)
            scores.mul_(scale)
            torch.bmm(scores, key[rows].flatten(0, 1), out=d_query[rows].flatten(0, 1))
            _transposed_product(scores, query[rows].flatten(0, 1), d_key[rows])
            if positions is not None:
                positions.write(rows, scores.view_as(weights[rows]))
        of_positions = (None, None) if positions is None else positions.gradients()
        return d_query, d_key, d_value, *of_positions, None, None, None, None


class _Positions:
    """Scores of positions, one group of rows after the other, and their gradients."""

    def __init__(self, placed: Tensor, encodings: Tensor, far: Far) -> None:
        self.placed, self.encodings, self.far = placed.contiguous(), encodings, far
        self.ways: list[int] | None = None if far.direction is None else far.direction.tolist()
        self.asking = placed.shape[2] - (0 if far.probes is None else far.probes.shape[1])
        self.keys = encodings.shape[2] - far.slots + 1
        self.d_placed = torch.empty(0)
        self.d_encodings = torch.empty(0)
        """[directions, H, D, P], in float32 at least: many rows add to it."""
        self.blank: dict[torch.Size, Tensor] = {}
        """Zeros outside a band's diagonal, which every group writes anew."""

    @classmethod
    def of(cls, placed: Tensor | None, encodings: Tensor | None, far: Far | None) -> "_Positions | None":
        return None if placed is None or encodings is None or far is None else cls(placed, encodings, far)

    def read(self, rows: slice, scores: Tensor) -> None:
        """Set `scores` [G, H, Q, K] to the unscaled scores of positions."""
        far = self._encodings(rows)
        for queries, columns in self._bands():
            every = _product(self.placed[rows, :, queries], far[:, :, columns].contiguous().transpose(2, 3))
            scores[:, :, queries].copy_(diagonal(every, every.shape[2] - 1, self.keys))
        if self.far.probes is not None:
            every = _product(self.placed[rows, :, self.asking :], far.transpose(2, 3))
            torch.gather(every, 3, self._columns(rows), out=scores[:, :, self.asking :])

    def write(self, rows: slice, scores: Tensor) -> None:
        """Take in the gradient of `scores` [G, H, Q, K], already scaled."""
        if not self.d_placed.numel():
            self.d_placed = torch.empty_like(self.placed)
            dtype = torch.promote_types(self.encodings.dtype, torch.float32)
            self.d_encodings = torch.zeros_like(self.encodings.transpose(2, 3), dtype=dtype)
        for queries, columns in self._bands():
            shape = torch.Size((*scores[:, :, queries].shape[:3], columns.stop - columns.start))
            if shape not in self.blank:
                self.blank[shape] = scores.new_zeros(shape)
            every = self.blank[shape]
            diagonal(every, every.shape[2] - 1, self.keys).copy_(scores[:, :, queries])
            self._write_products(every, rows, queries, columns)
        if self.far.probes is not None:
            queries = slice(self.asking, None)
            every = scores.new_zeros(*scores[:, :, queries].shape[:3], self.encodings.shape[2])
            every.scatter_(3, self._columns(rows), scores[:, :, queries])
            self._write_products(every, rows, queries, slice(None))

    def gradients(self) -> tuple[Tensor, Tensor]:
        """Return those of `placed` and `encodings`."""
        return self.d_placed, self.d_encodings.transpose(2, 3).to(self.encodings.dtype)

    def _bands(self) -> list[tuple[slice, slice]]:
        """Return the slots of each band and the columns that they need; slot i needs `slots - 1 - i` and on."""
        band = BAND if self.asking > 2 * BAND else max(1, self.asking)
        ends = [(first, min(first + band, self.asking)) for first in range(0, self.asking, band)]
        slots = self.far.slots
        return [(slice(a, b), slice(slots - b, slots - a + self.keys - 1)) for a, b in ends]

    def _encodings(self, rows: slice) -> Tensor:
        """Return what each row reads, [G, H, P, D]."""
        if self.ways is None:
            return self.encodings.expand(rows.stop - rows.start, -1, -1, -1)
        ways = self.ways[rows]
        return self.encodings[ways[0], None] if len(ways) == 1 else self.encodings[ways]

    def _columns(self, rows: slice) -> Tensor:
        """Return int64 [G, H, probes, K]: the column of each key in a probe's row."""
        assert self.far.probes is not None
        columns = probe_columns(self.far.probes[rows], self.far.slots, self.keys)
        return columns.expand(-1, self.placed.shape[1], -1, -1)

    def _write_products(self, every: Tensor, rows: slice, queries: slice, columns: slice) -> None:
        self.d_placed[rows, :, queries] = _product(every, self._encodings(rows)[:, :, columns])
        product = _product(self.placed[rows, :, queries].transpose(2, 3), every)
        if self.ways is None:
            self.d_encodings[0, :, :, columns].add_(product.sum(0) if len(product) > 1 else product[0])
            return
        for row, way in enumerate(self.ways[rows]):
            self.d_encodings[way, :, :, columns].add_(product[row])


def _groups(weights: Tensor) -> list[slice]:
    """Cut the rows into groups of about `GROUP` scores."""
    rows = len(weights)
    size = max(1, min(rows, GROUP // max(1, math.prod(weights.shape[1:]))))
    return [slice(first, min(first + size, rows)) for first in range(0, rows, size)]


def _product(first: Tensor, second: Tensor) -> Tensor:
    """Return first · second, [G, H, ., .]; for one row without the copies that `@` makes of what it broadcasts."""
    if len(first) > 1:
        return first @ second
    return torch.bmm(first[0], second[0])[None]


def _transposed_product(scores: Tensor, short: Tensor, out: Tensor) -> None:
    """Set `out` [G, H, K, D] to scoresᵀ · short; transposing `short` and the result costs less than the scores."""
    out.flatten(0, 1).copy_(torch.bmm(short.transpose(1, 2), scores).transpose(1, 2))


def _mark(weights: Tensor, share: float) -> None:
    """Turn the sign of a share of `weights`, which are not negative, in place."""
    chosen = dropped(weights.shape, share, weights.device)
    if weights.dtype == torch.bfloat16:
        weights.view(torch.int16).bitwise_or_(chosen.bitwise_left_shift_(15))
    else:
        torch.copysign(weights, chosen.to(weights.dtype), out=weights)


def _kept(signed: Tensor, dropout: float) -> Tensor:
    return signed.clamp_min(0) if dropout else signed


def _silence(gradient: Tensor, signed: Tensor) -> None:
    """Set `gradient` to zero where `signed` has a minus sign, in place."""
    if gradient.dtype == torch.bfloat16:
        gradient.view(torch.int16).bitwise_and_((signed.view(torch.int16) >> 15).bitwise_not_())
    else:
        gradient.masked_fill_(torch.signbit(signed), 0)
