"""Processes that tests start: one, or two as `torchrun --nproc-per-node 2` starts them."""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import bothways


@dataclass(frozen=True)
class Ended:
    """What a process came to."""

    code: int
    out: str
    err: str


def child_environment() -> dict[str, str]:
    """Return the environment of a process that a test starts: it finds this package and these helpers."""
    paths = [Path(bothways.__file__).parents[1], Path(__file__).parent]
    return os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths)), "OMP_NUM_THREADS": "1"}


def on_two_ranks(words: Sequence[str | Path], more: Mapping[str, str] | None = None) -> list[Ended]:
    """Run `python WORDS...` as rank 0 and rank 1, with `more` environment; return how each ended."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    if sys.platform == "linux":
        shared["GLOO_SOCKET_IFNAME"] = "lo"
    children = [
        subprocess.Popen(
            [sys.executable, *words],
            env=child_environment() | shared | (more or {}) | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    said = [child.communicate(timeout=240) for child in children]
    return [Ended(child.returncode, *words) for child, words in zip(children, said, strict=True)]
