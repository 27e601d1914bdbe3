"""One Transformer block: attention, then feed-forward, each with its residual and normalisation."""

from collections.abc import Callable
from typing import Any, Literal

import torch.nn.functional as F
from torch import Tensor, nn

from bothways.model.attention import Sight
from bothways.model.dropout import Dropout


def _gelu_new(hidden: Tensor) -> Tensor:
    return F.gelu(hidden, approximate="tanh")


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"gelu": F.gelu, "gelu_new": _gelu_new, "relu": F.relu}


NormPlace = Literal["post", "pre"]
"""After each residual sum (Vaswani et al. 2017, section 5.4; BERT), or before each sublayer (GPT-2)."""


class FeedForward(nn.Module):
    """Two linear maps with an activation between (Vaswani et al. 2017, section 3.3).

    `inner_dropout` is XLNet's second dropout, after the activation.
    """

    def __init__(self, width: int, inner: int, activation: str, inner_dropout: float = 0.0) -> None:
        super().__init__()
        self.inner = nn.Linear(width, inner)
        self.outer = nn.Linear(inner, width)
        self.activation = ACTIVATIONS[activation]
        self.inner_dropout = Dropout(inner_dropout)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.outer(self.inner_dropout(self.activation(self.inner(hidden))))


class GatedFeedForward(nn.Module):
    """Two linear maps side by side, one of them through the activation, multiplied, then a third; none has a bias.

    With gelu this is GeGLU (Shazeer 2020, section 2).
    """

    def __init__(self, width: int, inner: int, activation: str) -> None:
        super().__init__()
        self.inner = nn.Linear(width, inner, bias=False)
        self.gate = nn.Linear(width, inner, bias=False)
        self.outer = nn.Linear(inner, width, bias=False)
        self.activation = ACTIVATIONS[activation]

    def forward(self, hidden: Tensor) -> Tensor:
        return self.outer(self.activation(self.inner(hidden)) * self.gate(hidden))


class Block(nn.Module):
    """Attention, then the feed-forward network, each with its residual sum.

    post: LayerNorm(x + Sublayer(x))           pre: x + Sublayer(LayerNorm(x))
    """

    def __init__(
        self,
        attention: nn.Module,
        feed_forward: nn.Module,
        width: int,
        *,
        dropout: float,
        norm_epsilon: float,
        norm: NormPlace = "post",
        norm_bias: bool = True,
    ) -> None:
        super().__init__()
        self.norm = norm
        self.attention = attention
        self.attention_norm = nn.LayerNorm(width, norm_epsilon, bias=norm_bias)
        self.feed_forward = feed_forward
        self.feed_forward_norm = nn.LayerNorm(width, norm_epsilon, bias=norm_bias)
        self.dropout = Dropout(dropout)

    def forward(self, hidden: Tensor, source: Tensor, sight: Sight) -> Tensor:
        """Map `hidden` [rows, queries, width], which attends to `source` [rows, keys, width]."""
        if self.norm == "pre":
            normed = self.attention_norm(hidden)
            hidden = hidden + self.dropout(self.attention(normed, self.attention_norm(source), sight))
            return hidden + self.dropout(self.feed_forward(self.feed_forward_norm(hidden)))
        hidden = self.attention_norm(hidden + self.dropout(self.attention(hidden, source, sight)))
        return self.feed_forward_norm(hidden + self.dropout(self.feed_forward(hidden)))

    def queries_keys_values(self, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return what attention makes of this layer's input [rows, slots, width]; positions are not yet in it."""
        attention: Any = self.attention
        source = self.attention_norm(hidden) if self.norm == "pre" else hidden
        return attention.query(source), attention.key(source), attention.value(source)
