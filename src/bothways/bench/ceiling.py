"""The machine's own ceiling: the fastest matrix product it does in each precision, and how fast it copies.

Products of several shapes, because which one a library is best at differs; the best median counts. A benchmark that
compares itself with less than the machine can do would flatter itself.
"""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

import torch

from bothways import runtime
from bothways.bench.measure import Side, seconds_of, waiting

Shape = tuple[int, int, int]
"""m, k, n of a product [m, k] x [k, n]."""

SHAPES: tuple[Shape, ...] = ((2048, 2048, 2048), (4096, 4096, 4096), (2388, 768, 3072))
"""The last is the feed-forward of a base model over 2,048 tokens and a sixth as many targets."""
QUICK_SHAPES = SHAPES[:1] + SHAPES[2:]
GPU_SHAPES: tuple[Shape, ...] = ((4096, 4096, 4096), (8192, 8192, 8192), (19_114, 768, 3072))
COPIED = 2**28
"""Bytes of the text that is copied: beyond every cache."""
TURNS = 5


@dataclass(frozen=True)
class Ceiling:
    """What the machine can do at most."""

    products: dict[str, float]
    """Precision -> floating-point operations per second of the best shape."""
    shapes: dict[str, Shape]
    """Precision -> that shape."""
    copied: float
    """Bytes per second that a copy reads and writes together."""


def measure_ceiling(device: torch.device, shapes: Iterable[Shape], copied: int = COPIED) -> Ceiling:
    """Measure every precision over `shapes`, and a copy of `copied` bytes, on `device`."""
    best: dict[str, float] = {}
    found: dict[str, Shape] = {}
    for precision in runtime.PRECISIONS:
        for shape in shapes:
            work = 2.0 * shape[0] * shape[1] * shape[2]
            speed = work / _median(products(shape, work, precision, device))
            if speed > best.get(precision, 0.0):
                best[precision], found[precision] = speed, shape
    return Ceiling(best, found, 2 * copied / _median(_copy(copied, device)))


def products(shape: Shape, work: float, precision: str, device: torch.device) -> Side:
    """Return matrix products of one shape, the last one cut, that amount to `work` floating-point operations."""
    m, k, n = shape
    dtype = runtime.PRECISIONS[precision]
    left, right = (torch.randn(rows, columns, device=device).to(dtype) for rows, columns in ((m, k), (k, n)))
    out = torch.empty(m, n, dtype=dtype, device=device)
    whole, rest = divmod(round(work / (2 * k * n)), m)

    def run() -> None:
        for _ in range(whole):
            torch.mm(left, right, out=out)
        if rest:
            torch.mm(left[:rest], right, out=out[:rest])

    return Side(run, waiting(device))


def _copy(size: int, device: torch.device) -> Side:
    source = torch.zeros(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return Side(lambda: target.copy_(source), waiting(device))


def _median(side: Side) -> float:
    seconds_of(side)
    return statistics.median(seconds_of(side) for _ in range(TURNS))
