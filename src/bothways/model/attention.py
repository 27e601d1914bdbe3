"""Scaled dot-product attention, plain and with relative positions.

Queries are [slots | probes], keys and values come from [memory | slots]: a probe asks, but is never seen.

Shapes: B rows, Q queries, K keys, N slots, H heads, D width of a head, P relative distances.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bothways.model.positions import RelativePositions, shift_to_distances

HIDDEN_SCORE = -1e30
"""Added to the scores of invisible keys; finite, so that a query that sees nothing gives no NaN."""


@dataclass(frozen=True)
class Sight:
    """What every layer shares about one batch: who sees whom, from how far, across which segments."""

    slots: int
    """How many of the queries are slots; the others are probes."""
    hiding: Tensor | None
    """float [B, 1, Q, K]: 0 where visible, `HIDDEN_SCORE` elsewhere; absent: all is visible."""
    sighted: Tensor | None
    """float [B, Q, 1]: 0 for queries that see nothing at all; their attention is zero, not an average."""
    relative: RelativePositions | None = None

    @classmethod
    def of(
        cls, slots: int, visible: Tensor | None, dtype: torch.dtype, relative: RelativePositions | None = None
    ) -> "Sight":
        """Build the additive form of a visibility mask bool [B, Q, K] in the dtype of the scores."""
        if visible is None:
            return cls(slots, None, None, relative)
        hiding = torch.zeros(visible.shape, dtype=dtype, device=visible.device)
        hiding = hiding.masked_fill_(~visible, HIDDEN_SCORE)[:, None]
        return cls(slots, hiding, visible.any(-1, keepdim=True).to(dtype), relative)


class SelfAttention(nn.Module):
    """Multi-head attention (Vaswani et al. 2017, section 3.2), as in BERT.

    Attention(Q, K, V) = softmax(Q Kᵀ / √D) V in each head, then one output projection.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)

    def forward(self, hidden: Tensor, source: Tensor, sight: Sight) -> Tensor:
        """Attend from `hidden` [B, Q, width] to `source` [B, K, width]; return [B, Q, width]."""
        query = split_heads(self.query(hidden), self.heads)
        key = split_heads(self.key(source), self.heads)
        value = split_heads(self.value(source), self.heads)
        dropout = self.dropout if self.training else 0.0
        if _explicit_is_faster(query):
            scores = (query * query.shape[-1] ** -0.5) @ key.transpose(2, 3)
            mixed = _weigh(scores, value, sight, dropout)
        else:
            hiding = None if sight.hiding is None else sight.hiding.to(query.dtype)
            mixed = F.scaled_dot_product_attention(query, key, value, hiding, dropout)
        return self.output(_blinded(merge_heads(mixed), sight))


class RelativeAttention(nn.Module):
    """Attention with relative positions and segments (Dai et al. 2019, section 3.3; Yang et al. 2019, section 2.5).

    score(q, k) = (q + u)·k + (q + v)·r(distance) + (q + s)·g(segments differ), all divided by √D

    The segment term takes three values of a key's segment, so it is folded into the first product: the query gains
    one entry a segment (its term for keys of that segment), the key a one-hot of its segment.
    """

    num_segments = 3

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        head = width // heads
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.output = nn.Linear(width, width, bias=False)
        self.distance = nn.Linear(width, width, bias=False)
        self.content_bias = nn.Parameter(torch.empty(heads, head))
        self.position_bias = nn.Parameter(torch.empty(heads, head))
        self.segment_bias = nn.Parameter(torch.empty(heads, head))
        self.segments = nn.Parameter(torch.empty(2, heads, head))

    def forward(self, hidden: Tensor, source: Tensor, sight: Sight) -> Tensor:
        """Attend from `hidden` [B, Q, width] to `source` [B, K, width]; return [B, Q, width]."""
        assert sight.relative is not None
        scale = (hidden.shape[-1] // self.heads) ** -0.5
        query = self.query(hidden).unflatten(-1, (self.heads, -1)) * scale
        key = split_heads(self.key(source), self.heads)
        value = split_heads(self.value(source), self.heads)
        by_content, by_position, by_segment = (
            query + bias.to(query.dtype) * scale
            for bias in (self.content_bias, self.position_bias, self.segment_bias)
        )
        by_distance = self._distance_scores(by_position, sight.relative)
        asking, answering = self._with_segments(by_content, by_segment, key, sight.relative)
        scores = torch.baddbmm(
            by_distance.flatten(0, 1), asking.flatten(0, 1), answering.flatten(0, 1).transpose(1, 2)
        ).view_as(by_distance)
        dropout = self.dropout if self.training else 0.0
        mixed = _weigh(scores, value, sight, dropout)
        return self.output(_blinded(merge_heads(mixed), sight))

    def _distance_scores(self, query: Tensor, relative: RelativePositions) -> Tensor:
        """Return (q + v)·r(distance) [B, H, Q, K] for `query` [B, Q, H, D], already scaled."""
        encodings = self.distance(relative.encodings).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        if relative.backward is None:
            encodings = encodings.expand(len(query), -1, -1, -1)
        else:
            encodings = encodings.index_select(0, relative.backward)
        every_distance = query.transpose(1, 2) @ encodings.transpose(2, 3)
        return shift_to_distances(every_distance, relative)

    def _with_segments(
        self, by_content: Tensor, by_segment: Tensor, key: Tensor, relative: RelativePositions
    ) -> tuple[Tensor, Tensor]:
        """Return queries [B, H, Q, D + 3] and keys [B, H, K, D + 3] whose product is (q+u)·k + (q+s)·g."""
        shared, differing = torch.einsum("bqhd,ghd->gbhq", by_segment, self.segments.to(by_segment.dtype))
        at_segment = relative.query_segments[:, None]
        own = torch.where(at_segment, shared[..., None], differing[..., None])
        keys = relative.key_segments[:, None].to(key.dtype).expand(-1, self.heads, -1, -1)
        return torch.cat([by_content.transpose(1, 2), own], dim=-1), torch.cat([key, keys], dim=-1)


def split_heads(hidden: Tensor, heads: int) -> Tensor:
    """Turn [B, L, width] into [B, H, L, D]."""
    return hidden.unflatten(-1, (heads, -1)).transpose(1, 2)


def merge_heads(mixed: Tensor) -> Tensor:
    """Turn [B, H, L, D] into [B, L, width]."""
    return mixed.transpose(1, 2).flatten(2)


def _weigh(scores: Tensor, value: Tensor, sight: Sight, dropout: float) -> Tensor:
    """Return softmax(scores) · value over the visible keys; scores [B, H, Q, K], value [B, H, K, D]."""
    if sight.hiding is not None:
        scores = scores + sight.hiding.to(scores.dtype)
    weights = torch.softmax(scores, dim=-1)
    return F.dropout(weights, dropout, training=dropout > 0).to(value.dtype) @ value


def _blinded(mixed: Tensor, sight: Sight) -> Tensor:
    """Silence the queries that see nothing: softmax would hand them an average of what is hidden."""
    return mixed if sight.sighted is None else mixed * sight.sighted.to(mixed.dtype)


def _explicit_is_faster(query: Tensor) -> bool:
    """Say whether plain products beat the fused kernel: bfloat16 on a CPU (docs/lab-notes.md, attention)."""
    return query.device.type == "cpu" and query.dtype == torch.bfloat16
