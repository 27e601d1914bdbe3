"""Which precision a number has: that of products, and that of losses."""

import torch
from torch import Tensor


def compute_dtype(hidden: Tensor) -> torch.dtype:
    """Return the dtype that matrix products of `hidden` will have: autocast's, where it is on."""
    kind = hidden.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else hidden.dtype


def at_least_float32(logits: Tensor) -> Tensor:
    """Raise logits of half precision to float32; float64 stays, for checks that need it."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))
