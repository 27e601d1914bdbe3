"""What attention of a layer is about, in a form that models of any width and number of heads share.

    relation(X) = softmax(X_h X_hᵀ / √d)  in each relation head h,    X = queries, keys, values of the layer
    loss = mean over X and heads of KL(relation of the teacher ‖ relation of the student), summed over tokens

Self-attention relations (MiniLMv2: Wang et al. 2021, section 3.1): queries with queries, keys with keys, values with
values. Attention weights themselves (MiniLM: Wang et al. 2020, section 3.1) can be compared only between models with as
many heads; relations cut both widths into heads of their own. A token is related to those that it may see.
"""

import math

import torch
from torch import Tensor

from bothways.batch import Batch
from bothways.model.attention import HIDDEN_SCORE, split_heads
from bothways.model.dtypes import at_least_float32
from bothways.model.visibility import visible

PER_HEAD = 4
"""Relation heads for each attention head of the teacher: the paper takes three to five times as many."""


def relation_heads(widths: tuple[int, int], heads: int) -> int:
    """Return into how many heads two widths are cut: at most `PER_HEAD` times `heads`, and a divisor of both."""
    shared = math.gcd(*widths)
    return max(number for number in range(1, PER_HEAD * heads + 1) if shared % number == 0)


def unseen(batch: Batch) -> Tensor | None:
    """Return what is added to relations, float [rows, 1, slots, slots]: 0 where a slot sees another."""
    seen = visible(batch)
    if seen is None:
        return None
    hiding = torch.zeros(seen.shape, device=seen.device).masked_fill_(~seen, HIDDEN_SCORE)
    return hiding[:, None, : batch.num_slots]


def relation_nats(
    teacher: tuple[Tensor, ...], student: tuple[Tensor, ...], heads: int, hiding: Tensor | None
) -> Tensor:
    """Return the mean divergence of each slot's relations, [rows, slots].

    `teacher` and `student` are queries, keys and values, [rows, slots, width] each.
    """
    total = torch.zeros((), device=student[0].device)
    for theirs, ours in zip(teacher, student, strict=True):
        wanted = _relation(theirs, heads, hiding)
        nats = wanted.exp() * (wanted - _relation(ours, heads, hiding))
        total = total + nats.sum(-1).mean(1)
    return total / len(student)


def _relation(vectors: Tensor, heads: int, hiding: Tensor | None) -> Tensor:
    """Return the logarithm of relations, [rows, heads, slots, slots]."""
    cut = split_heads(vectors, heads)
    scores = at_least_float32(cut @ cut.transpose(-1, -2)) / math.sqrt(cut.shape[-1])
    return torch.log_softmax(scores if hiding is None else scores + hiding, dim=-1)
