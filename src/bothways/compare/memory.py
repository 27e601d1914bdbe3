"""What a run's training needed of memory, noted in its folder."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeVar

import torch

from bothways import files
from bothways.bench.measure import Side, peak_memory

Trained = TypeVar("Trained")

_FILE = "memory.json"


def noting_memory(folder: Path, train: Callable[[], Trained]) -> Trained:
    """Let a run train, and note in its folder what that needed at most, where the system tells."""
    _warm_up()
    results: list[Trained] = []
    peak = peak_memory(Side(lambda: results.append(train())))
    if peak is not None:
        files.write_json(folder / _FILE, {"bytes": max(peak, memory_of(folder) or 0)})
    return results[0]


def memory_of(folder: Path) -> int | None:
    """Return the most bytes that the training of a run was seen to need."""
    try:
        known: int | None = json.loads((folder / _FILE).read_text(encoding="utf-8"))["bytes"]
    except (OSError, ValueError, KeyError):
        return None
    return known


@cache
def _warm_up() -> None:
    """Take an optimizer step: the first of a process imports PyTorch's compiler, which is no run's own need."""
    parameter = torch.nn.Parameter(torch.zeros(1))
    parameter.grad = torch.zeros(1)
    torch.optim.AdamW([parameter]).step()
