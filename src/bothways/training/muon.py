"""Muon for the matrices of the blocks, AdamW for everything else.

Muon (Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks") orthogonalises the momentum of a
matrix, so that all its directions learn alike. That has a meaning for maps between hidden states only: embeddings,
heads, normalisation, biases and XLNet's attention vectors stay with AdamW. Steps are scaled to the size of AdamW's
(Liu et al. 2025, "Muon is Scalable for LLM Training", section 2), so one learning rate and one schedule serve both.
Both rules are PyTorch's own, which has Muon since 2.9.
"""

import re
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from bothways.training.adamw import build_adamw
from bothways.training.groups import Group, OptimizerSettings, split
from bothways.training.veto import Veto

MATRIX = re.compile(r"(?:.*\.)?blocks\.\d+\..*\.weight")


class MuonSettings(OptimizerSettings):
    """How weights follow gradients: Muon for the matrices of the blocks, AdamW (betas, epsilon) for the rest."""

    kind: Literal["muon"] = "muon"
    """The rule: orthogonalised momentum for the blocks' matrices, AdamW for everything else."""
    momentum: float = Field(default=0.95, ge=0, lt=1)
    """How slowly the running mean of a matrix's gradient forgets (Nesterov's, as published)."""
    iterations: int = Field(default=5, gt=0, lt=100)
    """Newton-Schulz iterations that make the momentum nearly orthogonal."""


def is_matrix(name: str, parameter: Tensor) -> bool:
    """Say whether a parameter is a map between the hidden states of a block."""
    return parameter.dim() == 2 and MATRIX.fullmatch(name) is not None


def build_muon(groups: list[Group], settings: MuonSettings) -> "MuonWithAdamW":
    """Build Muon over the matrices in `groups` and AdamW over the rest, as one optimizer."""
    matrices, others = split(groups, is_matrix)
    muon = None
    if matrices:
        muon = torch.optim.Muon(
            [group | {"is_orthogonal": True} for group in matrices],
            momentum=settings.momentum,
            ns_steps=settings.iterations,
            adjust_lr_fn="match_rms_adamw",
        )
    rest = [group | {"is_orthogonal": False} for group in others]
    return MuonWithAdamW(muon, build_adamw(rest, settings) if rest else None)


class MuonWithAdamW(torch.optim.Optimizer):
    """Two rules with one state and one list of groups; either may be absent, not both.

    `grad_scale` divides the gradients, and a `found_inf` above zero vetoes the step.
    """

    grad_scale: Tensor | None = None
    found_inf: Tensor | None = None

    def __init__(self, muon: torch.optim.Muon | None, adamw: torch.optim.AdamW | None) -> None:
        self.muon, self.adamw = muon, adamw
        parts = [part for part in (adamw, muon) if part is not None]
        super().__init__([group for part in parts for group in part.param_groups], {})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Move all weights that have a gradient."""
        # Loading a state replaces both, so they are handed on anew each time.
        for part, is_orthogonal in ((self.adamw, False), (self.muon, True)):
            if part is not None:
                part.state = self.state
                part.param_groups = [
                    group for group in self.param_groups if group["is_orthogonal"] is is_orthogonal
                ]
        if self.adamw is not None:
            self.adamw.grad_scale = self.grad_scale  # type: ignore[attr-defined]
            self.adamw.found_inf = self.found_inf  # type: ignore[attr-defined]
            self.adamw.step()
        if self.muon is not None:
            self._step_muon(self.muon)

    def _step_muon(self, muon: torch.optim.Muon) -> None:
        """Let Muon step; it knows no veto, so what it must not change is put back."""
        held = [weight for group in muon.param_groups for weight in group["params"]]
        weights = [weight for weight in held if weight.grad is not None]
        if not weights:
            return
        veto = Veto(self.grad_scale, self.found_inf, weights[0])
        for weight in weights:
            momentum = self.state[weight].setdefault("momentum_buffer", torch.zeros_like(weight))
            weight.grad.div_(veto.divisor)
            # A gradient that equals the running mean leaves it where it is.
            veto.restore(weight.grad, momentum)
        before = [weight.clone() for weight in weights]
        muon.step()
        for weight, old in zip(weights, before, strict=True):
            veto.restore(weight, old)
