"""What turns hidden states into predictions: the vocabulary head, the pair head, the detector of replaced tokens."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from bothways.batch import IGNORED
from bothways.model.dtypes import compute_dtype
from bothways.model.kernels.cross_entropy import linear_cross_entropy


class Transform(nn.Module):
    """BERT's extra layer before the vocabulary: dense, activation, normalisation (released code, section 3.1).

    `inputs` is what it maps from where that is not the `width` itself.
    """

    def __init__(
        self,
        width: int,
        activation: Callable[[Tensor], Tensor],
        norm_epsilon: float,
        inputs: int | None = None,
    ) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs or width, width)
        self.norm = nn.LayerNorm(width, norm_epsilon)
        self.activation = activation

    def forward(self, hidden: Tensor) -> Tensor:
        """Map [scored, width] to [scored, embedding width], which is the width unless it was given."""
        return self.norm(self.activation(self.dense(hidden)))


class VocabularyHead(nn.Module):
    """Scores over the vocabulary by the shared token embeddings plus a bias; applied to scored rows only.

    GPT-2's has no bias.
    """

    def __init__(self, vocabulary: int, transform: nn.Module | None = None, *, has_bias: bool = True) -> None:
        super().__init__()
        self.transform = transform or nn.Identity()
        self.bias = nn.Parameter(torch.zeros(vocabulary)) if has_bias else None

    def forward(self, hidden: Tensor, embedding: Tensor) -> Tensor:
        """Map [scored, width], or what the transform takes, to logits [scored, vocabulary].

        `embedding` is float [vocabulary, embedding width].
        """
        return nn.functional.linear(self.transform(hidden), embedding, self.bias)

    def nats(self, hidden: Tensor, embedding: Tensor, targets: Tensor) -> Tensor:
        """Return the summed cross entropy of `targets` int64 [scored], float32 [] or better; `IGNORED` counts nothing.

        The same as `F.cross_entropy` of the logits, in one pass and without a second copy of them.
        """
        hidden = self.transform(hidden)
        dtype = compute_dtype(hidden)
        bias = None if self.bias is None else self.bias.to(dtype)
        with torch.autocast(hidden.device.type, enabled=False):
            return linear_cross_entropy(hidden.to(dtype), embedding.to(dtype), bias, targets, IGNORED)


class PairHead(nn.Module):
    """Classifies a pair from its CLS state: dense, tanh, linear (Devlin et al. 2019, section 3.1)."""

    def __init__(self, width: int, classes: int = 2) -> None:
        super().__init__()
        self.pooler = nn.Linear(width, width)
        self.classifier = nn.Linear(width, classes)

    def forward(self, cls: Tensor) -> Tensor:
        """Map [rows, width] to logits [rows, classes]."""
        return self.classifier(torch.tanh(self.pooler(cls)))


class Detector(nn.Module):
    """Scores for each token that it was replaced: dense, activation, linear (ELECTRA's released code)."""

    def __init__(self, width: int, activation: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.dense = nn.Linear(width, width)
        self.activation = activation
        self.output = nn.Linear(width, 1)

    def forward(self, hidden: Tensor) -> Tensor:
        """Map [rows, slots, width] to logits [rows, slots]; above 0 where it looks replaced."""
        logits: Tensor = self.output(self.activation(self.dense(hidden)))
        return logits.squeeze(-1)
