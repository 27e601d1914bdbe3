"""Cross entropy over a large vocabulary, with the gradient of the logits computed on the way forward.

    z = H Eᵀ + b,   nats = Σ over rows (log Σ exp z - z[target]),   d nats / dz = softmax(z) - onehot(target)

The backward pass then is two matrix products. The gradient takes the place of the logits, in the precision of products;
in float32 only a few rows exist at a time. Who wants to read those too, as one who draws from the distribution does, is
shown them as they come by.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor

ROWS = {"cpu": 32, "cuda": 1024}
"""Rows of logits that are worked on at once: 4 MB for a vocabulary of 32,000 in a processor's cache; a GPU has enough
to do with one call."""

Reader: TypeAlias = Callable[[slice, Tensor], None]
"""Is shown which rows these are, and their logits [rows, vocabulary], float32 or better, which it must not change."""


def linear_cross_entropy(
    hidden: Tensor,
    embedding: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    ignored: int,
    reader: Reader | None = None,
) -> Tensor:
    """Return the sum of -log softmax(hidden embeddingᵀ + bias)[target] in nats, float32 [] or better.

    `hidden` [scored, width], `embedding` [vocabulary, width] and `bias` [vocabulary], which may be missing, in
    one dtype, `targets` int64 [scored]; rows whose target is `ignored` count nothing. The logits of all rows are shown
    to the `reader`, a few at a time.
    """
    nats: Tensor = _LinearCrossEntropy.apply(hidden, embedding, bias, targets, ignored, reader)  # type: ignore[no-untyped-call]
    return nats


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        embedding: Tensor,
        bias: Tensor | None,
        targets: Tensor,
        ignored: int,
        reader: Reader | None,
    ) -> Tensor:
        precise = torch.promote_types(hidden.dtype, torch.float32)
        total = torch.zeros((), dtype=precise, device=hidden.device)
        counts = (targets != ignored)[:, None]
        chosen = targets.clamp_min(0)[:, None]
        logits = hidden @ embedding.t() if bias is None else torch.addmm(bias, hidden, embedding.t())
        at_once = ROWS[hidden.device.type]
        for first in range(0, len(hidden), at_once):
            rows = slice(first, first + at_once)
            chances = logits[rows].to(precise)
            if reader is not None:
                reader(rows, chances)
            top = chances.amax(dim=1, keepdim=True)
            wanted = chances.gather(1, chosen[rows])
            chances.sub_(top).exp_()
            sums = chances.sum(dim=1, keepdim=True)
            total += (sums.log() + top - wanted).mul_(counts[rows]).sum()
            chances.scatter_add_(1, chosen[rows], -sums)
            torch.mul(chances, counts[rows] / sums, out=logits[rows])
        ctx.save_for_backward(hidden, embedding, logits)
        return total

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        hidden, embedding, gradient = ctx.saved_tensors
        # A tensor without dimensions keeps its own precision in a product, and the product that of the other.
        d_hidden = (gradient @ embedding) * upstream
        d_embedding = gradient.t() @ (hidden * upstream)
        d_bias = gradient.sum(0) * upstream if ctx.needs_input_grad[2] else None
        return d_hidden, d_embedding, d_bias, None, None, None
