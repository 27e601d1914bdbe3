"""The span boundary objective (Joshi et al. 2020, section 3.2): each token of a hidden span from its two neighbours.

    h = [state left of the span; state right of it; embedding of the token's place in the span]
    y = LN(gelu(W2 LN(gelu(W1 h))));  loss = - sum over hidden tokens of log p(token | y)

The states of a span's ends thus learn to sum up what is between them. A span is what a masked objective hides without
a gap, so spans that touch are one; it counts where both neighbours are text or special tokens of its own document, and
up to its 15th token, as in the released code. The token embeddings are shared with the main head, the bias is not.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from bothways.batch import IGNORED, NEVER, Batch, Loss
from bothways.config import Settings
from bothways.model.blocks import ACTIVATIONS
from bothways.model.encoder import Encoder
from bothways.model.heads import Transform, VocabularyHead
from bothways.objectives.auxiliary import Auxiliary
from bothways.vocabulary import Vocabulary


class SpanBoundarySettings(Settings):
    """The loss on the ends of hidden spans."""

    kind: Literal["span_boundary"] = "span_boundary"
    weight: float = Field(default=1.0, ge=0)
    """What the mean boundary loss is multiplied by before it is added."""
    longest: int = Field(default=15, ge=1)
    """How many tokens of a span are predicted, the first ones."""
    place_width: int = Field(default=200, ge=1)
    """Size of the embedding of a token's place in its span."""


@dataclass(frozen=True)
class Neighbours:
    """The nearest slots to the left and to the right that are not hidden, int64 [rows, slots] each.

    Where there is none the first or last slot stands for it, and `are_there` (bool [rows, slots]) is false.
    """

    left: Tensor
    right: Tensor
    are_there: Tensor


class SpanBoundary(Auxiliary):
    """Cross entropy of hidden tokens, from the states at the two ends of their span."""

    needs = frozenset({"hidden spans"})

    def __init__(self, settings: SpanBoundarySettings, vocabulary: Vocabulary, encoder: Encoder) -> None:
        super().__init__(settings.weight)
        width, epsilon = encoder.settings.width, encoder.settings.norm_epsilon
        activation, inputs = ACTIVATIONS["gelu"], 2 * width + settings.place_width
        self.places = nn.Embedding(settings.longest, settings.place_width)
        layers = Transform(width, activation, epsilon, inputs), Transform(width, activation, epsilon)
        self.head = VocabularyHead(vocabulary.size, nn.Sequential(*layers))

    def count(self, batch: Batch) -> int:
        """Return the number of tokens that are predicted."""
        return int((self._targets(batch, neighbours(batch)) != IGNORED).sum())

    def reads(self, batch: Batch) -> Tensor:
        """Return the neighbours of every scored slot, int64 [rows, 2 · asked]; a span's are named once a token."""
        found = neighbours(batch)
        assert batch.asked is not None
        return torch.cat([side.gather(1, batch.asked) for side in (found.left, found.right)], dim=1)

    def loss(self, hidden: Tensor, embedding: Tensor, batch: Batch) -> Loss:
        """Score `hidden` [rows, slots, width] at the neighbours of each hidden span."""
        found = neighbours(batch)
        targets = self._targets(batch, found)
        row = batch.scored // batch.num_slots
        left, right = (side.flatten()[batch.scored] for side in (found.left, found.right))
        places = self.places(
            self._place(found).flatten()[batch.scored].clamp(0, self.places.num_embeddings - 1)
        )
        ends = torch.cat([hidden[row, left], hidden[row, right], places.to(hidden.dtype)], dim=-1)
        return Loss(self.head.nats(ends, embedding, targets), self.weight)

    def _targets(self, batch: Batch, found: Neighbours) -> Tensor:
        """Return the targets int64 [scored], `IGNORED` where a neighbour is missing or the span is too long."""
        is_asked = found.are_there & (self._place(found) < self.places.num_embeddings)
        return batch.targets.where(is_asked.flatten()[batch.scored], IGNORED)

    def _place(self, found: Neighbours) -> Tensor:
        """Return which token of its span each slot holds, counted from 0, int64 [rows, slots]."""
        return torch.arange(found.left.shape[1], device=found.left.device) - found.left - 1


def neighbours(batch: Batch) -> Neighbours:
    """Find the nearest slots on either side that are not scored; `batch` has no probes."""
    last = batch.num_slots - 1
    slots = torch.arange(batch.num_slots, device=batch.tokens.device).expand_as(batch.tokens)
    hidden = torch.zeros_like(batch.tokens, dtype=torch.bool)
    hidden.view(-1)[batch.scored] = batch.targets != IGNORED
    left = slots.masked_fill(hidden, -1).cummax(dim=1).values
    right = slots.masked_fill(hidden, last + 1).flip(1).cummin(dim=1).values.flip(1)
    are_there = (left >= 0) & (right <= last)
    left, right = left.clamp_min(0), right.clamp_max(last)
    for side in (left, right):
        if batch.documents is not None:
            are_there &= batch.documents.gather(1, side) == batch.documents
        if batch.enters is not None:
            are_there &= batch.enters.gather(1, side) < NEVER
    return Neighbours(left, right, are_there)
