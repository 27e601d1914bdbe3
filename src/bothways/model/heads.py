"""What turns hidden states into predictions: vocabulary heads, the pair head, the detector of replaced tokens."""

import itertools
from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor, nn

from bothways.batch import IGNORED
from bothways.model.dtypes import compute_dtype
from bothways.model.kernels.cross_entropy import Reader, linear_cross_entropy


class Transform(nn.Module):
    """BERT's extra layer before the vocabulary: dense, activation, normalisation (released code, section 3.1).

    `inputs` is what it maps from where that is not the `width` itself. ModernBERT's has no biases.
    """

    def __init__(
        self,
        width: int,
        activation: Callable[[Tensor], Tensor],
        norm_epsilon: float,
        inputs: int | None = None,
        *,
        has_bias: bool = True,
    ) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs or width, width, bias=has_bias)
        self.norm = nn.LayerNorm(width, norm_epsilon, bias=has_bias)
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

    def nats(
        self, hidden: Tensor, embedding: Tensor, targets: Tensor, reader: Reader | None = None
    ) -> Tensor:
        """Return the summed cross entropy of `targets` int64 [scored], float32 [] or better; `IGNORED` counts nothing.

        The same as `F.cross_entropy` of the logits, in one pass and without a second copy of them; a `reader` is shown
        them on the way.
        """
        hidden = self.transform(hidden)
        dtype = compute_dtype(hidden)
        bias = None if self.bias is None else self.bias.to(dtype)
        with torch.autocast(hidden.device.type, enabled=False):
            return linear_cross_entropy(hidden.to(dtype), embedding.to(dtype), bias, targets, IGNORED, reader)


class AdaptiveHead(nn.Module):
    """Probabilities in two steps, for vocabularies of hundreds of thousands of words (Grave et al. 2017, section 4).

    p(token) = softmax over frequent tokens and clusters [token]                         of an id below the first cutoff
    p(token) = softmax over frequent tokens and clusters [cluster] · softmax over the cluster [token]          elsewhere

    Only rows whose target lies in a cluster meet that cluster's tokens, which are few rows where ids fall in frequency.
    Every token is scored by its full embedding and a bias of its own, as in Transformer-XL's released model of
    WikiText-103 (`div_val` 1); each cluster has a vector and a bias. The price: a step waits for the device, to learn
    which rows those are.
    """

    def __init__(self, vocabulary: int, width: int, cutoffs: Sequence[int]) -> None:
        super().__init__()
        self.frequent = cutoffs[0]
        self.ranges = list(itertools.pairwise([*cutoffs, vocabulary]))
        self.bias = nn.Parameter(torch.zeros(vocabulary))
        self.clusters = nn.Linear(width, len(self.ranges))

    def forward(self, hidden: Tensor, embedding: Tensor) -> Tensor:
        """Map [scored, width] to log-probabilities [scored, vocabulary]; `embedding` is float [vocabulary, width]."""
        first_step, *clusters = self._steps(embedding)
        first = torch.log_softmax(nn.functional.linear(hidden, *first_step), dim=-1)
        of_frequent, of_clusters = first.split([self.frequent, len(self.ranges)], dim=-1)
        parts = [of_frequent]
        for cluster, step in enumerate(clusters):
            logits = nn.functional.linear(hidden, *step)
            parts.append(of_clusters[..., cluster, None] + torch.log_softmax(logits, dim=-1))
        return torch.cat(parts, dim=-1)

    def nats(self, hidden: Tensor, embedding: Tensor, targets: Tensor) -> Tensor:
        """Return the summed cross entropy of `targets` int64 [scored], float32 [] or better; `IGNORED` counts none."""
        dtype = compute_dtype(hidden)
        hidden = hidden.to(dtype)
        first_step, *clusters = self._steps(embedding.to(dtype))
        first_targets, parts = targets.clone(), []
        with torch.autocast(hidden.device.type, enabled=False):
            for cluster, ((start, stop), step) in enumerate(zip(self.ranges, clusters, strict=True)):
                rows = ((targets >= start) & (targets < stop)).nonzero()[:, 0]
                first_targets[rows] = self.frequent + cluster
                parts.append(linear_cross_entropy(hidden[rows], *step, targets[rows] - start, IGNORED))
            parts.append(linear_cross_entropy(hidden, *first_step, first_targets, IGNORED))
            return torch.stack(parts).sum()

    def _steps(self, embedding: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return what tokens are scored by, vectors and biases: frequent ones and then clusters, and those of each.

        All are cut off the table at once, so that its gradient is put together once: each slice would have one as
        large as the table.
        """
        dtype, sizes = embedding.dtype, [self.frequent, *(stop - start for start, stop in self.ranges)]
        (frequent, *vectors), (bias, *biases) = embedding.split(sizes), self.bias.to(dtype).split(sizes)
        first = (
            torch.cat([frequent, self.clusters.weight.to(dtype)]),
            torch.cat([bias, self.clusters.bias.to(dtype)]),
        )
        return [first, *zip(vectors, biases, strict=True)]


Head: TypeAlias = VocabularyHead | AdaptiveHead
"""What scores the tokens of the vocabulary."""


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
