"""AdamW: Adam with decoupled weight decay (Loshchilov & Hutter 2019)."""

from typing import Literal

import torch

from bothways.training.groups import Group, OptimizerSettings


class AdamWSettings(OptimizerSettings):
    """How weights follow gradients. The defaults are BERT's (Devlin et al. 2019, appendix A.2)."""

    kind: Literal["adamw"] = "adamw"
    """The rule: Adam with decoupled weight decay."""


def build_adamw(groups: list[Group], settings: OptimizerSettings) -> torch.optim.AdamW:
    """Build AdamW in one fused kernel, which takes clipping and a veto along."""
    return torch.optim.AdamW(groups, betas=settings.betas, eps=settings.epsilon, fused=True)
