"""What a task's classifier reads: the map that each published model puts between its last states and new labels.

| backbone | of a whole text, from its CLS state | of a token |
|---|---|---|
| BERT, RoBERTa, MPNet, XLNet | dense, tanh | the state itself |
| ELECTRA | dense, gelu | the state itself |
| ModernBERT | dense, gelu, normalisation, as before its vocabulary head | the same |
| GPT-2 | the state itself, and a classifier without bias | the state itself |

Devlin et al. 2019, section 4.1, and the classes of `transformers` for the others. BERT's is its pooler, which a pair
loss trains already; ModernBERT's begins as what its vocabulary head learned.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


class Summary(nn.Module):
    """Dense, activation: [rows, width] to [rows, width]."""

    def __init__(self, width: int, activation: Callable[[Tensor], Tensor] = torch.tanh) -> None:
        super().__init__()
        self.dense = nn.Linear(width, width)
        self.activation = activation

    def forward(self, hidden: Tensor) -> Tensor:
        return self.activation(self.dense(hidden))


@dataclass(frozen=True)
class Features:
    """How a backbone's states become what classifiers read; each call builds a map with fresh weights."""

    sentence: Callable[[], nn.Module]
    """From the state at CLS, [rows, width] to [rows, width]."""
    token: Callable[[], nn.Module] = nn.Identity
    """From any state, [..., width] to [..., width]."""
    has_bias: bool = True
    """Whether the classifier of a whole text has a bias."""
