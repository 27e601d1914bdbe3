"""The ways a run computes what several ways compute alike: precision of products, attention, compilation."""

import torch

from bothways import runtime
from bothways.model.encoder import Encoder
from bothways.runtime import Choice, Precision
from bothways.training.settings import TrainingSettings


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
