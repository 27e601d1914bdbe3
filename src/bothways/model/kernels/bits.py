"""Dropout from packed random bits, for processors.

A uniform 16-bit number u is dropped where u < k, k = round(2¹⁶ p), and what stays is divided by the exact chance of
staying, 1 - k / 2¹⁶: the expectation is exact, and p is off by at most 2⁻¹⁷. Four such numbers come out of one draw of
a 64-bit generator, where PyTorch's own dropout calls its generator once or twice a value.

The generator is NumPy's SFC64, seeded by one draw from PyTorch's own, so whoever seeds or saves PyTorch's generator has
seeded or saved this one too.
"""

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

LEVELS = 2**16
WORTH_A_THREAD = 2**18
"""How many numbers are worth waking another thread."""
PROCESSOR = torch.device("cpu")


def random_bits(count: int, device: torch.device = PROCESSOR) -> list[Tensor]:
    """Return `count` uniform int16 numbers, one after the other in one or two tensors."""
    if device.type != "cpu":
        return [torch.randint(-LEVELS // 2, LEVELS // 2, (count,), dtype=torch.int16, device=device)]
    seeds = torch.randint(2**62, (2,)).tolist()
    half = -(-count // 8)
    # Two generators whatever the number of threads, so that it changes nothing but the time.
    if count < WORTH_A_THREAD or torch.get_num_threads() == 1:
        halves = [_draw(seed, half) for seed in seeds]
    else:
        other = _helper().submit(_draw, seeds[1], half)
        halves = [_draw(seeds[0], half), other.result()]
    first, second = (torch.from_numpy(drawn.view(np.int16)) for drawn in halves)
    return [first[:count], second[: max(0, count - len(first))]]


def _draw(seed: int, count: int) -> np.ndarray:
    return np.random.Generator(np.random.SFC64(seed)).integers(0, 2**64, count, dtype=np.uint64)


@functools.cache
def _helper() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="bothways-bits")


def dropped(shape: torch.Size | tuple[int, ...], share: float, device: torch.device = PROCESSOR) -> Tensor:
    """Return int16 of `shape`: 1 where a value is dropped, 0 where it stays."""
    chosen = torch.empty(shape, dtype=torch.int16, device=device)
    _compare(torch.lt, share, chosen)
    return chosen


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
    _compare(torch.ge, share, mask)
    # Scaled as a number, not in the mask: in bfloat16 the factor would be off by up to a four-hundredth.
    return (values * mask).mul_(1 / staying(share))


def _compare(operation: Callable[..., Tensor], share: float, out: Tensor) -> None:
    """Fill `out` with 1 where `operation` holds for a random number and the threshold of `share`, 0 elsewhere."""
    parts = random_bits(out.numel(), out.device)
    for bits, target in zip(parts, out.view(-1).split([len(part) for part in parts]), strict=True):
        operation(bits, threshold(share), out=target)
