"""What a student learns from the probabilities of its teachers (Hinton et al. 2015, sections 2 and 2.1).

    p = mean over teachers of softmax(logits / T)          q = softmax(the student's logits / T)
    loss = (1 - mix) · hard + mix · T² · KL(p ‖ q)

Probabilities are averaged, not logits, as for an ensemble (Liu et al. 2019b, section 3). The divergence is the cross
entropy of both papers but for the teachers' own entropy, which no weight of the student changes: so a student that
says what its teachers say has a loss of 0. T² keeps the size of the gradient, which falls with 1/T².
"""

from collections.abc import Sequence

import torch
from pydantic import Field
from torch import Tensor

from bothways.config import Settings
from bothways.model.dtypes import at_least_float32


class TeachingSettings(Settings):
    """Who teaches, and how much is learned from them."""

    teachers: tuple[str, ...] = Field(min_length=1, strict=False)
    """Trained models: runs, checkpoints or folders from Hugging Face. What several say is averaged."""
    digests: tuple[str, ...] = Field(default=(), strict=False)
    """SHA-256 of each teacher's files; filled in when a run begins, and checked when it goes on."""
    temperature: float = Field(default=2.0, gt=0)
    """T: the higher, the more is learned from what teachers hold for improbable."""
    mix: float = Field(default=0.5, ge=0, le=1)
    """Share of the teachers' probabilities in the loss; the rest is what the true answers teach. 1 needs none."""


def averaged(logits: Sequence[Tensor], temperature: float) -> Tensor:
    """Return the mean of softmax(logits / T) over teachers, [..., classes]; float32 or better."""
    softened = [torch.softmax(at_least_float32(each) / temperature, dim=-1) for each in logits]
    return softened[0] if len(softened) == 1 else torch.stack(softened).mean(dim=0)


def divergence(targets: Tensor, logits: Tensor, temperature: float) -> Tensor:
    """Return T² · KL(targets ‖ softmax(logits / T)) along the last axis, [...] of [..., classes]."""
    found = torch.log_softmax(at_least_float32(logits) / temperature, dim=-1)
    entropy = torch.special.entr(targets).sum(-1)
    return temperature**2 * (-(targets * found).sum(-1) - entropy)
