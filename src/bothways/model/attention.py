"""Scaled dot-product attention: plain, with rotary and with relative positions.

Queries are [slots | probes], keys and values come from [memory | slots]: a probe asks, but is never seen.

Shapes: B rows, Q queries, K keys, N slots, H heads, D width of a head, P relative distances.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bothways.model.dropout import Dropout
from bothways.model.dtypes import compute_dtype
from bothways.model.kernels import ATTENTIONS, AttentionName, choose_attention
from bothways.model.kernels.far import Far
from bothways.model.kernels.rows import take
from bothways.model.kernels.runs import Runs
from bothways.model.positions import RelativePositions
from bothways.model.rotary import Turns, turn
from bothways.runtime import Choice

HIDDEN_SCORE = -(2.0**15)
"""Added to the scores of invisible keys, whose share is then exactly zero in every number format.

Finite, so that a query that sees nothing gives no NaN; and no larger: the fused kernel of a GPU recomputes shares from
score minus log-sum in units of log 2, where the rounding of -1e30 alone is enough for a share of infinity.
"""


@dataclass(frozen=True)
class Sight:
    """What every layer shares about one batch: who sees whom, from how far, across which segments."""

    hiding: Tensor | None
    """float [B, 1, Q, K]: 0 where visible, `HIDDEN_SCORE` elsewhere; absent: all is visible. With a bias of each head
    added, [B, H, Q, K]; it may be learned."""
    sighted: Tensor | None
    """float [B, Q, 1]: 0 for queries that see nothing at all; their attention is zero, not an average."""
    relative: RelativePositions | None = None
    runs: Runs | None = None
    """Where documents begin in all rows, if they are all that hides anything."""
    turns: Turns | None = None
    """How far rotary positions turn queries and keys."""
    near: "Sight | None" = None
    """What local layers see in place of all this; absent: there are none."""

    @classmethod
    def of(
        cls,
        visible: Tensor | None,
        dtype: torch.dtype,
        relative: RelativePositions | None = None,
        bias: Tensor | None = None,
    ) -> "Sight":
        """Build the additive form of a visibility mask bool [B, Q, K] in the dtype of the scores.

        `bias`, [B, H, Q, K] in that dtype, is added to the scores of each head.
        """
        if visible is None:
            return cls(bias, None, relative)
        hiding = torch.zeros(visible.shape, dtype=dtype, device=visible.device)
        hiding = hiding.masked_fill_(~visible, HIDDEN_SCORE)[:, None]
        sighted = visible.any(-1, keepdim=True).to(dtype)
        return cls(hiding if bias is None else hiding + bias, sighted, relative)

    def at(self, wanted: Tensor) -> "Sight":
        """Return the sight of some queries only, int64 [B, wanted]."""
        return Sight(
            None if self.hiding is None else take(self.hiding.transpose(1, 2), wanted).transpose(1, 2),
            None if self.sighted is None else take(self.sighted, wanted),
            None if self.relative is None else self.relative.at(wanted),
            turns=None if self.turns is None else self.turns.at(wanted),
            near=None if self.near is None else self.near.at(wanted),
        )


class Attention(nn.Module):
    """What both kinds share: heads, dropout of weights, and the choice of how to compute."""

    implementation: AttentionName = "auto"
    is_relative = False

    def __init__(self, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout

    def choice(self, device: torch.device, dtype: torch.dtype) -> Choice:
        """Return how this layer computes on `device` when products have `dtype`."""
        return choose_attention(
            self.implementation, device.type, dtype, relative=self.is_relative, dropout=self._dropout()
        )

    def attend(
        self, query: Tensor, key: Tensor, value: Tensor, sight: Sight, far: Far | None = None
    ) -> Tensor:
        """Mix the values of visible keys; `query` and `key` [B, H, *, E], `value` [B, H, K, D], giving [B, H, Q, D]."""
        hiding = None if sight.hiding is None else sight.hiding.to(query.dtype)
        scale = value.shape[-1] ** -0.5
        compute = ATTENTIONS[self.choice(query.device, query.dtype).name]
        return compute(query, key, value, hiding, scale, self._dropout(), far, sight.runs)

    def _dropout(self) -> float:
        return self.dropout if self.training else 0.0


class SelfAttention(Attention):
    """Multi-head attention (Vaswani et al. 2017, section 3.2), as in BERT.

    Attention(Q, K, V) = softmax(Q Kᵀ / √D) V in each head, then one output projection.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__(heads, dropout)
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)

    def forward(self, hidden: Tensor, source: Tensor, sight: Sight) -> Tensor:
        """Attend from `hidden` [B, Q, width] to `source` [B, K, width]; return [B, Q, width]."""
        source = source.to(compute_dtype(source))
        query = split_heads(self.query(hidden), self.heads)
        key = split_heads(self.key(source), self.heads)
        value = split_heads(self.value(source), self.heads)
        mixed = self.attend(query, key, value, sight)
        return self.output(_blinded(merge_heads(mixed), sight))


class RotaryAttention(Attention):
    """Attention with rotary positions (Su et al. 2021), all of a document or near by (Warner et al. 2024, section 2.1).

    score(q, k) = turn(q, its position)·turn(k, its position) / √D

    No map has a bias. What leaves the output map is dropped out here: ModernBERT has no dropout elsewhere.
    """

    def __init__(
        self, width: int, heads: int, dropout: float, output_dropout: float, *, is_local: bool
    ) -> None:
        super().__init__(heads, dropout)
        self.is_local = is_local
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.output = nn.Linear(width, width, bias=False)
        self.output_dropout = Dropout(output_dropout)

    def forward(self, hidden: Tensor, source: Tensor, sight: Sight) -> Tensor:
        """Attend from `hidden` [B, Q, width] to `source` [B, K, width]; return [B, Q, width]."""
        if self.is_local:
            assert sight.near is not None
            sight = sight.near
        assert sight.turns is not None
        source = source.to(compute_dtype(source))
        query = self._turned(self.query(hidden), sight.turns.queries)
        key = self._turned(self.key(source), sight.turns.keys)
        value = split_heads(self.value(source), self.heads)
        mixed = self.attend(query, key, value, sight)
        dropped: Tensor = self.output_dropout(self.output(_blinded(merge_heads(mixed), sight)))
        return dropped

    def _turned(self, hidden: Tensor, turns: Tensor) -> Tensor:
        """Return [B, H, L, D] of `hidden` [B, L, width]."""
        return turn(hidden.unflatten(-1, (self.heads, -1)), turns).transpose(1, 2)


class RelativeAttention(Attention):
    """Attention with relative positions and segments (Dai et al. 2019, section 3.3; Yang et al. 2019, section 2.5).

    score(q, k) = (q + u)·k + (q + v)·r(distance) + (q + s)·g(segments differ), all divided by √D

    The segment term takes three values of a key's segment, so it is folded into the first product: the query gains
    one entry a segment (its term for keys of that segment), the key a one-hot of its segment.
    """

    num_segments = 3
    is_relative = True

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__(heads, dropout)
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
        source = source.to(compute_dtype(source))
        query = self.query(hidden)
        key = split_heads(self.key(source), self.heads)
        value = split_heads(self.value(source), self.heads)
        relative = sight.relative
        far = Far(
            self._biased(query, self.position_bias),
            split_heads(self.distance(relative.encodings), self.heads),
            relative.slots,
            relative.probes,
            relative.direction,
        )
        mixed = self.attend(*self._with_segments(query, key, relative), value, sight, far)
        return self.output(_blinded(merge_heads(mixed), sight))

    def _biased(self, query: Tensor, bias: Tensor) -> Tensor:
        """Return [B, H, Q, D] of `query` [B, Q, width] plus `bias` [H, D].

        Added before the heads are split, the bias has a gradient that sums rows lying one after the other.
        """
        return split_heads(query + bias.flatten().to(query.dtype), self.heads)

    def _with_segments(
        self, query: Tensor, key: Tensor, relative: RelativePositions
    ) -> tuple[Tensor, Tensor]:
        """Return queries [B, H, Q, D + 3] and keys [B, H, K, D + 3] whose product is (q+u)·k + (q+s)·g.

        Of g only the difference matters: what a query gives to all keys alike, softmax takes away again.
        """
        shared, differing = self.segments.to(query.dtype)
        gain = self._biased(query, self.segment_bias) @ (shared - differing)[:, :, None]
        own = gain * relative.query_segments[:, None].to(query.dtype)
        keys = relative.key_segments[:, None].to(key.dtype).expand(-1, self.heads, -1, -1)
        return torch.cat([self._biased(query, self.content_bias), own], dim=-1), torch.cat(
            [key, keys], dim=-1
        )


def split_heads(hidden: Tensor, heads: int) -> Tensor:
    """Turn [B, L, width] into [B, H, L, D]."""
    return hidden.unflatten(-1, (heads, -1)).transpose(1, 2)


def merge_heads(mixed: Tensor) -> Tensor:
    """Turn [B, H, L, D] into [B, L, width]."""
    return mixed.transpose(1, 2).flatten(2)


def _blinded(mixed: Tensor, sight: Sight) -> Tensor:
    """Silence the queries that see nothing: softmax would hand them an average of what is hidden."""
    return mixed if sight.sighted is None else mixed * sight.sighted.to(mixed.dtype)
