"""LAMB: Adam whose step of each tensor is as long as the tensor itself, for very large batches (You et al. 2020).

    r  = m̂ / (√v̂ + ε) + λ x                                    Adam's direction with its weight decay
    x ← x − η (‖x‖ / ‖r‖) r                                     algorithm 2, φ the identity

As in the authors' released code, a tensor that does not decay (normalisation, biases) has no trust ratio, and a ratio
of zero or without a bound is 1. Whatever needs no number of its own for each tensor is one `_foreach` call.
"""

from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from bothways.training.groups import Group, OptimizerSettings
from bothways.training.veto import Veto


class LambSettings(OptimizerSettings):
    """How weights follow gradients: LAMB (You et al. 2020), for batches of thousands of rows."""

    kind: Literal["lamb"] = "lamb"
    """The rule: Adam's direction, as long a step as each tensor is itself."""
    learning_rate: float = Field(default=6.25e-4, gt=0)
    """Peak step size, per step; grows with the root of the batch: 6.25e-4 for 512 rows is 5e-3 for 32,768."""
    bias_correction: bool = True
    """Whether the running means, which begin at zero, are scaled up at first; a warm-up can stand in for it."""


def build_lamb(groups: list[Group], settings: LambSettings) -> "Lamb":
    """Build LAMB over groups that say whether they decay."""
    return Lamb(groups, betas=settings.betas, eps=settings.epsilon, bias_correction=settings.bias_correction)


class Lamb(torch.optim.Optimizer):
    """LAMB; `grad_scale` divides the gradients, and a `found_inf` above zero vetoes the step."""

    grad_scale: Tensor | None = None
    found_inf: Tensor | None = None

    def __init__(
        self, groups: list[Group], *, betas: tuple[float, float], eps: float, bias_correction: bool
    ) -> None:
        # `capturable` tells PyTorch's loading to keep the step counts on the parameters' device.
        own = {"betas": betas, "eps": eps, "bias_correction": bias_correction, "capturable": True}
        super().__init__(groups, own)

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Move all weights that have a gradient."""
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if weights:
                self._move(group, weights)

    def _move(self, group: dict[str, Any], weights: list[Tensor]) -> None:
        veto = Veto(self.grad_scale, self.found_inf, weights[0])
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        for gradient in gradients:
            gradient.masked_fill_(veto.is_vetoed, 0.0)
        torch._foreach_div_(gradients, veto.divisor)
        first, second, steps = self._state(weights)
        follow(first, second, gradients, group["betas"], veto)
        # One tensor for all would be read on the host: only of the products is it taken on the device.
        torch._foreach_add_(steps, [veto.choose(0.0, 1.0)] * len(steps))
        moves = directions(first, second, steps, group)
        torch._foreach_add_(moves, weights, alpha=group["weight_decay"])
        if group["is_decaying"]:
            torch._foreach_mul_(moves, list(trust_ratios(weights, moves)))
        torch._foreach_mul_(moves, veto.choose(0.0, -group["lr"]))
        torch._foreach_add_(weights, moves)

    def _state(self, weights: list[Tensor]) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        for weight in weights:
            if not self.state[weight]:
                self.state[weight] = {
                    "step": torch.zeros((), device=weight.device),
                    "exp_avg": torch.zeros_like(weight),
                    "exp_avg_sq": torch.zeros_like(weight),
                }
        held = [self.state[weight] for weight in weights]
        first, second = ([state[name] for state in held] for name in ("exp_avg", "exp_avg_sq"))
        return first, second, [state["step"] for state in held]


def follow(
    first: list[Tensor], second: list[Tensor], gradients: list[Tensor], betas: tuple[float, float], veto: Veto
) -> None:
    """Move the running means of the gradients and of their squares, in place."""
    # Vetoed, a factor of one and a gradient of zero leave the means as they are.
    torch._foreach_mul_(first, veto.choose(1.0, betas[0]))
    torch._foreach_add_(first, gradients, alpha=1 - betas[0])
    torch._foreach_mul_(second, veto.choose(1.0, betas[1]))
    torch._foreach_addcmul_(second, gradients, gradients, value=1 - betas[1])


def directions(
    first: list[Tensor], second: list[Tensor], steps: list[Tensor], group: dict[str, Any]
) -> list[Tensor]:
    """Return Adam's direction for each tensor, from its running means and step count (float [])."""
    roots = list(torch._foreach_sqrt(second))
    if not group["bias_correction"]:
        torch._foreach_add_(roots, group["eps"])
        return list(torch._foreach_div(first, roots))
    # In double: 1 - 0.999 has few digits left in float32. A vetoed first step counts none, and must not divide by zero.
    counts = torch.stack(steps).double().clamp_min(1.0)
    mean, square = (1.0 - beta**counts for beta in group["betas"])
    torch._foreach_div_(roots, list(square.sqrt().to(roots[0].dtype)))
    torch._foreach_add_(roots, group["eps"])
    moves = list(torch._foreach_div(first, roots))
    torch._foreach_div_(moves, list(mean.to(roots[0].dtype)))
    return moves


def trust_ratios(weights: list[Tensor], moves: list[Tensor]) -> Tensor:
    """Return ‖x‖ / ‖r‖ for each tensor, float [tensors]; 1 where either is zero."""
    lengths, reaches = (torch.stack(list(torch._foreach_norm(tensors))) for tensors in (weights, moves))
    return torch.where((lengths > 0) & (reaches > 0), lengths / reaches, 1.0)
