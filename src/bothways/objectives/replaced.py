"""Replaced token detection (Clark et al. 2020, sections 2 and 3): which tokens of this text are another model's?

    generator:      hide 15% of the tokens, predict them as a masked model, draw a token for each from what it predicts
    discriminator:  read the text with the drawn tokens in their places; at every token, say whether it was replaced

    loss = mean over hidden tokens of  - log p_G(token | the masked row)
         + 50 · mean over all tokens of the binary cross entropy of  D(the row, token) = [drawn ≠ true]

The discriminator is the run's encoder. A drawn token that is the true one counts as original. Drawing has no gradient:
the generator learns to predict, not to deceive. All that is not padding is judged, special tokens too, as in the
released code. The generator, not the discriminator, knows of distributions over tokens, so it answers the questions.
"""

import dataclasses
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from bothways.batch import NEVER, Batch, Examples, Loss, Losses, Memory
from bothways.model.blocks import ACTIVATIONS
from bothways.model.dtypes import at_least_float32
from bothways.model.encoder import Encoder
from bothways.model.heads import Detector
from bothways.model.initialise import initialise
from bothways.objectives.base import Objective
from bothways.objectives.generator import Generator
from bothways.objectives.masked import MaskingSettings


class ReplacedSettings(MaskingSettings):
    """What is hidden from the generator, and how much it counts."""

    kind: Literal["replaced"] = "replaced"
    mask_share: float = Field(default=1.0, ge=0, le=1)
    """Share of the hidden tokens that become [MASK] (the released code: 0.85)."""
    random_share: float = Field(default=0.0, ge=0, le=1)
    """Share that becomes a random token; the rest stays as it is, for the generator to see and to write anew."""
    generator_size: float = Field(default=0.25, gt=0, le=1)
    """Width of the generator as a share of the encoder's, in whole heads of the same size; it is as deep."""
    weight: float = Field(default=50.0, gt=0)
    """What the mean detection loss is multiplied by before it is added to the generator's (λ)."""


class Replaced(Objective):
    """Say of every token whether a small masked model, trained along, has put it there; questions go to that model."""

    name = "replaced"
    settings: ReplacedSettings
    answers = frozenset({"leave one out", "joint spans"})
    offers = frozenset({"both sides"})
    answered_by = "its generator"
    answers_with = "generator"

    def add_heads(self, encoder: Encoder) -> None:
        """Create the detector and the generator, which reads the embeddings of `encoder`."""
        self.detector = Detector(encoder.settings.width, ACTIVATIONS[encoder.settings.activation])
        self.generator = Generator(self.settings, self.settings.generator_size, self.vocabulary, encoder)

    def initialise(self, deviation: float) -> None:
        """Draw the heads anew; the generator's encoder has drawn its own weights, by the law of its backbone."""
        for heads in (self.detector, self.generator.objective, self.extras):
            initialise(heads, deviation)

    def corrupt(self, examples: Examples, rng: np.random.Generator) -> Batch:
        """Hide an exact share of every row from the generator; what replaces it is drawn in `forward`."""
        return self.generator.objective.corrupt(examples, rng)

    def cloze(self, examples: Examples, hidden: np.ndarray, asked: np.ndarray) -> Batch:
        """Ask the generator: show [MASK] at every hidden slot."""
        return self.generator.objective.cloze(examples, hidden, asked)

    def counts(self, batch: Batch) -> dict[str, int]:
        """Return how many tokens are judged, how many the generator predicts, and what the extra losses run over."""
        own = {self.name: batch.num_tokens, "generator": len(batch.targets)}
        return own | {name: extra.count(batch) for name, extra in self._extras()}

    def weights(self) -> dict[str, float]:
        """Return what each part's mean is multiplied by in the total."""
        own = {self.name: self.settings.weight, "generator": 1.0}
        return own | {name: extra.weight for name, extra in self._extras()}

    def forward(
        self, encoder: Encoder, batch: Batch, memory: Memory | None = None
    ) -> tuple[Losses, Memory | None]:
        """Return both losses as sums, and the memory of both encoders, the generator's first."""
        embedding = encoder.token_embedding
        of_generator, of_encoder = self._split(memory)
        states, of_generator = self.generator(encoder, batch, of_generator)
        asked = states.flatten(0, 1)[batch.scored]
        nats, drawn = self.generator.answer(asked, embedding, batch.targets)
        shown, is_replaced = written(batch, drawn)
        hidden, of_encoder = encoder(shown, of_encoder, self.reads(batch))
        detection = self.detection_nats(hidden, is_replaced, batch)
        losses = {self.name: Loss(detection, self.settings.weight), "generator": Loss(nats)}
        losses |= {name: extra.loss(hidden, embedding, batch) for name, extra in self._extras()}
        return losses, _joined(of_generator, of_encoder)

    def detection_nats(self, hidden: Tensor, is_replaced: Tensor, batch: Batch) -> Tensor:
        """Return the binary cross entropy of `is_replaced` int64 [rows, slots], summed over all but padding.

        `hidden` are the states of the encoder, [rows, slots, width].
        """
        logits = at_least_float32(self.detector(hidden))
        judged = torch.ones_like(logits) if batch.enters is None else (batch.enters < NEVER).to(logits.dtype)
        return F.binary_cross_entropy_with_logits(
            logits, is_replaced.to(logits.dtype), judged, reduction="sum"
        )

    def reads(self, batch: Batch) -> Tensor | None:  # noqa: ARG002 -- whatever is asked of the generator
        """Return None: every token is judged."""
        return None

    def predict(self, encoder: Encoder, batch: Batch, memory: Memory | None = None) -> Tensor:
        """Return the generator's log-probabilities [scored, vocabulary], float32 or better, for a `cloze` batch."""
        states, _ = self.generator(encoder, batch, self._split(memory)[0])
        return self.generator.objective.log_probabilities(states, encoder.token_embedding, batch)

    def _split(self, memory: Memory | None) -> tuple[Memory | None, Memory | None]:
        """Return the generator's part of a memory and the encoder's."""
        if memory is None:
            return None, None
        layers = len(self.generator.encoder.blocks)
        parts = memory.states[:layers], memory.states[layers:]
        return Memory(parts[0], memory.documents), Memory(parts[1], memory.documents)


def written(batch: Batch, drawn: Tensor) -> tuple[Batch, Tensor]:
    """Return the rows with the tokens `drawn` int64 [scored] in their places, and where they are wrong there.

    The latter is int64 [rows, slots]: 1 where a token was replaced by another one, else 0.
    """
    tokens = batch.tokens.flatten().scatter(0, batch.scored, drawn).view_as(batch.tokens)
    wrong = torch.zeros_like(batch.tokens).flatten().scatter(0, batch.scored, (drawn != batch.targets).long())
    return dataclasses.replace(batch, tokens=tokens), wrong.view_as(batch.tokens)


def _joined(of_generator: Memory | None, of_encoder: Memory | None) -> Memory | None:
    """Undo `Replaced._split`."""
    if of_generator is None or of_encoder is None:
        return None
    return Memory(of_generator.states + of_encoder.states, of_encoder.documents)
