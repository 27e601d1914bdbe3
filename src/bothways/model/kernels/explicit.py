"""Attention by explicit products, for processors: forward and backward written out, a few rows at a time.

    S = scale · (Q Kᵀ + shift(P Rᵀ)) + hiding     the second product only where there are relative positions
    W = softmax(S),  D = dropout(W),  O = D V

    dV = Dᵀ dO,  dD = dO Vᵀ,  dW = dD where kept,  dS = W ∘ (dW - Σ W ∘ dW)
    dQ = scale · dS K,  dK = scale · dSᵀ Q,  dG = shift⁻¹(dS),  dP = scale · dG R,  dR = scale · Σ dGᵀ P
    d(hiding) = dS       if it holds a bias that is learned

What makes it fast (docs/lab-notes.md, attention): rows are taken in groups whose scores stay in the cache; passes over
scores are in place; weights and dropout mask are one tensor, a dropped weight carrying a minus sign; a transposed
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
from bothways.model.kernels.runs import Runs
from bothways.model.kernels.shift import diagonal, probe_columns

Rows = slice | Tensor

GROUP = 2**20
"""Scores that are worked on at once, about 2 MB in bfloat16: what a core's cache holds."""
BAND = 128
"""Slots whose distances are computed together."""


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    hiding: Tensor | None,
    scale: float,
    dropout: float,
    far: Far | None = None,
    runs: Runs | None = None,  # noqa: ARG001  (what `hiding` says is enough here)
) -> Tensor:
    """Return softmax(scale · (query keyᵀ + positions) + hiding) value, [B, H, Q, D].

    `query` [B, H, Q, E], `key` [B, H, K, E], `value` [B, H, K, D], `hiding` None, [B, 1, Q, K] or, with a bias of each
    head, [B, H, Q, K].
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
        weights = query.new_empty(*query.shape[:3], key.shape[2])
        mixed = query.new_empty(*query.shape[:3], value.shape[3])
        if far is not None:
            assert placed is not None
            assert encodings is not None
            # Heads first: then one product serves all rows.
            placed, encodings = placed.transpose(0, 1).contiguous(), encodings.contiguous()
            _Positions(placed, encodings, far).read(weights)
        for rows in _groups(weights):
            scores = weights[rows].flatten(0, 1)
            answering = key[rows].flatten(0, 1).transpose(1, 2)
            scores.baddbmm_(query[rows].flatten(0, 1), answering, beta=scale if far else 0, alpha=scale)
            if hiding is not None:
                weights[rows].add_(hiding[rows])
            torch.softmax(scores, -1, out=scores)
            if dropout:
                _mark(scores, dropout)
            torch.bmm(_kept(scores, dropout), value[rows].flatten(0, 1), out=mixed[rows].flatten(0, 1))
        if dropout:
            mixed.mul_(1 / staying(dropout))
        ctx.save_for_backward(query, key, value, placed, encodings, weights, mixed)
        ctx.scale, ctx.dropout, ctx.far = scale, dropout, far
        ctx.hiding_shape = None if hiding is None else hiding.shape
        return mixed

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, placed, encodings, weights, mixed = ctx.saved_tensors
        gradient = gradient.contiguous()
        # Σ W ∘ dW = Σ O ∘ dO, over as many columns as a head is wide instead of as many as there are keys.
        means = (gradient * mixed).sum(-1, keepdim=True).mul_(ctx.scale)
        gradient = gradient * (1 / staying(ctx.dropout)) if ctx.dropout else gradient
        scaled = gradient * ctx.scale
        d_query, d_key, d_value = (torch.empty_like(tensor) for tensor in (query, key, value))
        d_scores = torch.empty_like(weights)
        for rows in _groups(weights):
            signed, scores = weights[rows].flatten(0, 1), d_scores[rows].flatten(0, 1)
            kept = _kept(signed, ctx.dropout)
            _transposed_product(kept, gradient[rows].flatten(0, 1), d_value[rows])
            torch.bmm(scaled[rows].flatten(0, 1), value[rows].flatten(0, 1).transpose(1, 2), out=scores)
            scores.mul_(kept).addcmul_(signed.abs(), means[rows].flatten(0, 1), value=-1)
            torch.bmm(scores, key[rows].flatten(0, 1), out=d_query[rows].flatten(0, 1))
            _transposed_product(scores, query[rows].flatten(0, 1), d_key[rows])
        of_positions: tuple[Tensor | None, Tensor | None] = (None, None)
        if ctx.far is not None:
            of_positions = _Positions(placed, encodings, ctx.far).gradients(d_scores)
        d_hiding = None
        if ctx.needs_input_grad[5]:
            d_hiding = d_scores.div_(ctx.scale).sum_to_size(ctx.hiding_shape)
        return d_query, d_key, d_value, *of_positions, d_hiding, None, None, None


class _Positions:
    """Scores of positions for all rows that read the same encodings, band by band, and their gradients.

    `placed` is [H, B, Q, D], `encodings` [directions, H, P, D].
    """

    def __init__(self, placed: Tensor, encodings: Tensor, far: Far) -> None:
        self.placed, self.encodings, self.far = placed, encodings, far
        self.queries = placed.shape[2]
        self.asking = self.queries - (0 if far.probes is None else far.probes.shape[1])
        self.keys = encodings.shape[2] - far.slots + 1

    def read(self, scores: Tensor) -> None:
        """Set `scores` [B, H, Q, K] to the unscaled scores of positions."""
        for way, rows in self._ways():
            for queries, columns in self._bands():
                far = self.encodings[way, :, columns]
                every = _times(self.placed[:, rows, queries], far.contiguous().transpose(1, 2))
                scores[rows, :, queries] = diagonal(every, every.shape[3] - self.keys, self.keys).transpose(
                    0, 1
                )
            if self.far.probes is not None:
                every = _times(self.placed[:, rows, self.asking :], self.encodings[way].transpose(1, 2))
                scores[rows, :, self.asking :] = every.gather(3, self._columns(rows)).transpose(0, 1)

    def gradients(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Return those of `placed` as [B, H, Q, D] and of `encodings`, given that of `scores` [B, H, Q, K], scaled."""
        d_placed = torch.empty_like(self.placed)
        d_encodings = torch.zeros_like(self.encodings.transpose(2, 3))
        for way, rows in self._ways():
            for queries, columns in [*self._bands(), *self._probe_band()]:
                every = self._spread(scores[rows, :, queries].transpose(0, 1), rows, queries, columns)
                d_placed[:, rows, queries] = _times(every, self.encodings[way, :, columns])
                asked = self.placed[:, rows, queries].flatten(1, 2).transpose(1, 2)
                d_encodings[way, :, :, columns].add_(torch.bmm(asked, every.flatten(1, 2)))
        return d_placed.transpose(0, 1), d_encodings.transpose(2, 3)

    def _spread(self, scores: Tensor, rows: Rows, queries: slice, columns: slice) -> Tensor:
        """Return [H, B, n, columns] with `scores` [H, B, n, K] at their distances, 0 elsewhere."""
        every = scores.new_zeros(*scores.shape[:3], columns.stop - columns.start)
        if queries.start < self.asking:
            diagonal(every, every.shape[3] - self.keys, self.keys).copy_(scores)
            return every
        return every.scatter_(3, self._columns(rows), scores)

    def _ways(self) -> list[tuple[int, Rows]]:
        """Return each direction and the rows that read it: a slice where it can be, which needs no copy."""
        if self.far.direction is None:
            return [(0, slice(None))]
        ways = [(way, (self.far.direction == way).nonzero()[:, 0]) for way in range(len(self.encodings))]
        return [(way, _as_slice(rows)) for way, rows in ways if len(rows)]

    def _bands(self) -> list[tuple[slice, slice]]:
        """Return the slots of each band and the columns that they need; slot i needs `slots - 1 - i` and on."""
        band = BAND if self.asking > 2 * BAND else max(1, self.asking)
        ends = [(first, min(first + band, self.asking)) for first in range(0, self.asking, band)]
        slots = self.far.slots
        return [(slice(a, b), slice(slots - b, slots - a + self.keys - 1)) for a, b in ends]

    def _probe_band(self) -> list[tuple[slice, slice]]:
        """Return the probes, which need all columns, or nothing."""
        if self.far.probes is None:
            return []
        return [(slice(self.asking, self.queries), slice(0, self.encodings.shape[2]))]

    def _columns(self, rows: Rows) -> Tensor:
        """Return int64 [H, B, probes, K]: the column of each key in a probe's row."""
        assert self.far.probes is not None
        columns = probe_columns(self.far.probes[rows], self.far.slots, self.keys)
        return columns.transpose(0, 1).expand(len(self.placed), -1, -1, -1)


def _groups(weights: Tensor) -> list[slice]:
    """Cut the rows into groups of about `GROUP` scores."""
    rows = len(weights)
    size = max(1, min(rows, GROUP // max(1, math.prod(weights.shape[1:]))))
    return [slice(first, min(first + size, rows)) for first in range(0, rows, size)]


def _as_slice(rows: Tensor) -> Rows:
    """Return rising numbers of rows as a slice where they follow each other."""
    first, last = int(rows[0]), int(rows[-1])
    return slice(first, last + 1) if last - first + 1 == len(rows) else rows


def _times(first: Tensor, second: Tensor) -> Tensor:
    """Return `first` [H, B, n, .] times `second` [H, ., .] of its head."""
    return torch.bmm(first.flatten(1, 2), second).unflatten(1, first.shape[1:3])


def _transposed_product(scores: Tensor, short: Tensor, out: Tensor) -> None:
    """Set `out` [G, H, K, D] to scoresᵀ · short; transposing `short` and the result costs less than the scores."""
    out.flatten(0, 1).copy_(torch.bmm(short.transpose(1, 2), scores).transpose(1, 2))


def _mark(weights: Tensor, share: float) -> None:
    """Turn the sign of a share of `weights`, which are not negative, in place."""
    chosen = dropped(weights.shape, share, weights.device)
    if weights.dtype == torch.bfloat16:
        weights.view(torch.int16).bitwise_or_(chosen.bitwise_left_shift_(15))
    else:
        torch.copysign(weights, chosen.neg_().to(weights.dtype), out=weights)


def _kept(signed: Tensor, dropout: float) -> Tensor:
    return signed.clamp_min(0) if dropout else signed
