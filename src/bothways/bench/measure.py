"""Timing two ways to do the same work: A B A B in one process, medians and spread.

A shared machine has slow minutes. Neighbouring turns share them, so their ratio is steadier than either speed; its
quartiles say how steady. Memory is the most that a call of its own needs beyond what was there before it.
"""

import contextlib
import ctypes
import gc
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

FEWEST = 3
"""Turns without which quartiles say nothing."""


@dataclass(frozen=True)
class Side:
    """One way to do the work."""

    run: Callable[[], object]
    """Does the work once; a GPU may still be at it when it returns."""
    after: Callable[[], object] = lambda: None
    """Waits until the work is done (`torch.cuda.synchronize`)."""
    before: Callable[[], object] = lambda: None
    """Sets the process up for this side, outside of its time."""


@dataclass(frozen=True)
class Contest:
    """The same work, done in our way and in a peer's."""

    name: str
    work: float
    """How much work one call does, in the unit without its "/s"."""
    unit: str
    ours: Side
    peer: Side | None
    target: float | None = None
    """The ratio that we promise; absent: measured only."""


@dataclass(frozen=True)
class Row:
    """One line of the result: speeds in `unit`, higher is better; memory in bytes."""

    name: str
    ours: float
    peer: float | None
    unit: str
    ratio: float | None
    """Ours over the peer's: the median over neighbouring turns, which a machine's slow minutes leave alone."""
    spread: tuple[float, float] | None
    """First and third quartile of the ratios of neighbouring turns."""
    target: float | None
    memory: int | None = None
    peer_memory: int | None = None
    note: str = ""
    share: float | None = None
    """Useful floating-point work per second, over what the machine's best matrix product does."""
    at_most: bool = False
    """Whether `target` is a ceiling: a ratio below it is what we promise."""

    @property
    def is_met(self) -> bool | None:
        """Whether the target is reached; None where there is none."""
        if self.target is None or self.ratio is None:
            return None
        return self.ratio <= self.target if self.at_most else self.ratio >= self.target

    def as_json(self) -> dict[str, Any]:
        """Return the row for `latest.json`."""
        return asdict(self)


def measure(
    contest: Contest, repeats: int, *, warm_up: int = 2, patience: float = math.inf, fewest: int = FEWEST
) -> Row:
    """Let both sides do the work `repeats` times by turns, after `warm_up` turns that do not count.

    No further turn begins once those of a kind have taken `patience` seconds; `fewest` of those that count always do.
    """
    sides = [side for side in (contest.ours, contest.peer) if side is not None]
    _take_turns(sides, warm_up, patience, fewest=1)
    memory = [peak_memory(side) for side in sides]
    times = _take_turns(sides, repeats, patience, fewest=fewest)
    speeds = [contest.work / statistics.median(taken) for taken in times]
    ratio, spread = None, None
    if contest.peer is not None:
        ratios = [theirs / ours for ours, theirs in zip(*times, strict=True)]
        ratio, spread = statistics.median(ratios), _quartiles(ratios)
    return Row(
        contest.name,
        speeds[0],
        speeds[1] if contest.peer else None,
        contest.unit,
        ratio,
        spread,
        contest.target,
        memory[0],
        memory[1] if contest.peer else None,
    )


def _take_turns(sides: list[Side], turns: int, patience: float, *, fewest: int) -> list[list[float]]:
    """Return the seconds of each side's turns; all sides have the same number."""
    times: list[list[float]] = [[] for _ in sides]
    for turn in range(turns):
        if turn >= fewest and sum(map(sum, times)) > patience:
            break
        for side, taken in zip(sides, times, strict=True):
            taken.append(seconds_of(side))
    return times


def seconds_of(side: Side) -> float:
    """Return how long one call takes, its waiting included."""
    side.before()
    began = time.perf_counter()
    side.run()
    side.after()
    return time.perf_counter() - began


def waiting(device: torch.device) -> Callable[[], object]:
    """Return what waits until `device` has done its work."""
    return (lambda: torch.cuda.synchronize(device)) if device.type == "cuda" else (lambda: None)


def _quartiles(values: list[float]) -> tuple[float, float]:
    if len(values) < 2:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high


def peak_memory(side: Side) -> int | None:
    """Return how many bytes one call needs at most beyond what was held before; None where nothing tells."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        seconds_of(side)
        return torch.cuda.max_memory_allocated() - before
    before_here = _forget_peak()
    seconds_of(side)
    peak = _resident("VmHWM")
    return None if before_here is None or peak is None else max(0, peak - before_here)


def _forget_peak() -> int | None:
    """Set the process's high-water mark to what it holds now (Linux), and return that."""
    _give_back()
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return None
    return _resident("VmRSS")


def _give_back() -> None:
    """Hand freed memory back to the system (glibc), else a call would reuse it and seem to need nothing."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _resident(field: str) -> int | None:
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None
