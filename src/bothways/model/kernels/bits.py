"""Dropout from packed random bits, for processors.

A uniform 16-bit number u is dropped where u < k, k = round(2¹⁶ p), and what stays is divided by the exact chance of
staying, 1 - k / 2¹⁶: the expectation is exact, and p is off by at most 2⁻¹⁷. Four such numbers come out of one draw of
a 64-bit generator, where PyTorch's own dropout calls its generator once or twice a value.

The generator is NumPy's SFC64, seeded by one draw from PyTorch's own, so whoever seeds or saves PyTorch's generator has
seeded or saved this one too.
"""

import numpy as np
import torch
from torch import Tensor

LEVELS = 2**16
PROCESSOR = torch.device("cpu")


def random_bits(shape: torch.Size | tuple[int, ...], device: torch.device = PROCESSOR) -> Tensor:
    """Return uniform int16 numbers of `shape`."""
    if device.type != "cpu":
        return torch.randint(-LEVELS // 2, LEVELS // 2, shape, dtype=torch.int16, device=device)
    count = int(np.prod(shape))
    seed = int(torch.randint(2**62, ()))
    drawn = np.random.Generator(np.random.SFC64(seed)).integers(0, 2**64, -(-count // 4), dtype=np.uint64)
    return torch.from_numpy(drawn.view(np.int16)[:count]).view(shape)


def dropped(shape: torch.Size | tuple[int, ...], share: float, device: torch.device = PROCESSOR) -> Tensor:
    """Return int16 of `shape`: -1 where a value is dropped, 0 where it stays."""
    bits = random_bits(shape, device)
    torch.lt(bits, threshold(share), out=bits)
    return bits.neg_()


def threshold(share: float) -> int:
    """Return the int16 number below which a draw is dropped."""
    return _levels(share) - LEVELS // 2


def staying(share: float) -> float:
    """Return the exact chance that a value stays."""
    return 1 - _levels(share) / LEVELS


def _levels(share: float) -> int:
    """Return how many of all numbers are dropped; never all, whose rest could not be scaled up."""
    return min(round(share * LEVELS), LEVELS - 1)


def drop(values: Tensor, share: float) -> Tensor:
    """Return `values` with a share of them dropped and the rest scaled up, like `torch.nn.functional.dropout`."""
    mask = torch.empty(values.shape, dtype=values.dtype, device=values.device)
    torch.ge(random_bits(values.shape, values.device), threshold(share), out=mask)
    # Scaled as a number, not in the mask: in bfloat16 the factor would be off by up to a four-hundredth.
    return (values * mask).mul_(1 / staying(share))
