"""The ways a run computes what several ways compute alike: precision of products, attention, compilation."""

from collections.abc import Iterator

import torch
from torch import nn

from bothways import runtime
from bothways.model.encoder import Encoder
from bothways.runtime import Choice, Precision
from bothways.training.settings import TrainingSettings


def encoders(*modules: nn.Module) -> Iterator[Encoder]:
    """Yield every encoder in some modules: that of the run, and one that an objective may have for itself."""
    return (part for module in modules for part in module.modules() if isinstance(part, Encoder))


def choose_ways(
    encoder: Encoder, settings: TrainingSettings, device: torch.device, precision: Precision
) -> dict[str, Choice]:
    """Return each choice with its reason, and have the encoder compute attention as chosen.

    Raises `UsageError` where compilation is asked for and cannot work.
    """
    encoder.use_attention(settings.attention)
    return {
        "precision": precision,
        "attention": encoder.attention_choice(device, runtime.PRECISIONS[precision.name]),
        "compile": runtime.choose_compile(device, settings.compile),
    }
