"""Clipping and a veto for rules without a fused kernel of their own, as tensors: nothing waits for the device."""

import torch
from torch import Tensor


class Veto:
    """Whether a step must change nothing, and by how much its gradients are too long.

    `grad_scale` and `found_inf` (float [], or None) are what PyTorch's fused kernels take under these names; `like` is
    a tensor of the step's device and number format. A vetoed step still runs: its gradients are replaced before they
    can spoil anything, and its factors are those that change nothing.
    """

    def __init__(self, grad_scale: Tensor | None, found_inf: Tensor | None, like: Tensor) -> None:
        self._like = like
        self.is_vetoed = self.number(0.0) > 0 if found_inf is None else found_inf > 0
        """bool []"""
        scale = self.number(1.0) if grad_scale is None else grad_scale.to(like.dtype)
        self.divisor = torch.where(self.is_vetoed, self.number(1.0), scale)
        """float []: what all gradients are divided by."""

    def number(self, value: float) -> Tensor:
        """Return a number where the step runs, float []; filled there, so nothing is copied from the host."""
        return torch.full((), value, dtype=self._like.dtype, device=self._like.device)

    def choose(self, vetoed: float, otherwise: float) -> Tensor:
        """Return one of two numbers, float []."""
        return torch.where(self.is_vetoed, self.number(vetoed), self.number(otherwise))

    def restore(self, tensor: Tensor, other: Tensor) -> None:
        """Overwrite a tensor with another of its shape, in place, where the step is vetoed."""
        torch.where(self.is_vetoed, other, tensor, out=tensor)
