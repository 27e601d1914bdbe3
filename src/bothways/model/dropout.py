"""Dropout (Srivastava et al. 2014), fast on a processor too."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bothways.model.kernels.bits import drop


class Dropout(nn.Module):
    """Sets a share of the values to zero while training and scales up the rest."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, values: Tensor) -> Tensor:
        if not (self.training and self.share):
            return values
        if values.device.type == "cpu" and not torch.compiler.is_compiling():
            return drop(values, self.share)
        return F.dropout(values, self.share)
