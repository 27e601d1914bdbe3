"""Asking a model while it is trained, without leaving a trace."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def without_training(*roots: nn.Module) -> Iterator[None]:
    """Switch dropout, gradients and autocast off; give every module its mode back afterwards."""
    modules = [module for root in roots for module in root.modules()]
    was_training = [module.training for module in modules]
    device = next(roots[0].parameters()).device
    for root in roots:
        root.eval()
    try:
        with torch.inference_mode(), torch.autocast(device.type, enabled=False):
            yield
    finally:
        for module, training in zip(modules, was_training, strict=True):
            module.training = training
