"""The machine under a run: device, precision, threads, random numbers, and a record of all of them.

Every choice is made once, here, and comes with its reason in words, so that two runs that differ can be told
apart from what they print and from their `environment.json`.
"""

import contextlib
import importlib.metadata
import os
import platform
import random
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from bothways.errors import UsageError

PRECISIONS = {"bf16": torch.bfloat16, "float32": torch.float32}

RECORDED = ("bothways", "torch", "numpy", "tokenizers", "safetensors", "pydantic", "transformers")
"""Packages whose versions can change a result or a file."""


@dataclass(frozen=True)
class Choice:
    """One way out of several to compute the same, and why."""

    name: str
    reason: str
    """The end of a sentence that begins with the name."""

    def __str__(self) -> str:
        return f"{self.name} {self.reason}"


@dataclass(frozen=True)
class Precision(Choice):
    """The number format of matrix products; weights, moments and losses stay in float32."""

    name: Literal["bf16", "float32"]

    def autocast(self, device: torch.device) -> contextlib.AbstractContextManager[None]:
        """Return a context in which matrix products run in this precision on `device`."""
        if self.name == "float32":
            return contextlib.nullcontext()
        context: contextlib.AbstractContextManager[None] = torch.autocast(device.type, dtype=torch.bfloat16)
        return context


def choose_device(wanted: str = "auto", local_rank: int = 0) -> torch.device:
    """Return the device to train on: `wanted`, or with `auto` this process's GPU where there is one.

    Raises `UsageError` where a GPU is asked for that is not there.
    """
    if wanted not in ("auto", "cpu", "cuda"):
        raise UsageError(f"device {wanted!r} is not known; choose one of: auto, cpu, cuda")
    if wanted == "cpu" or (wanted == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise UsageError("device cuda: PyTorch sees no GPU here; use device auto, or install its GPU build")
    count = torch.cuda.device_count()
    if local_rank >= count:
        raise UsageError(f"process {local_rank} has no GPU: {count} found here; start {count} processes")
    return torch.device("cuda", local_rank)


def choose_precision(device: torch.device, wanted: str = "auto") -> Precision:
    """Return `wanted`, or with `auto` bf16 where the processor computes it natively and float32 elsewhere."""
    if wanted == "bf16":
        return Precision("bf16", "as asked")
    if wanted == "float32":
        return Precision("float32", "as asked")
    if wanted != "auto":
        raise UsageError(f"precision {wanted!r} is not known; choose one of: auto, {', '.join(PRECISIONS)}")
    return _best_on_gpu(device) if device.type == "cuda" else _best_on_processor()


def _best_on_gpu(device: torch.device) -> Precision:
    name = torch.cuda.get_device_name(device)
    # Emulated bf16 (before compute capability 8.0) is slower than float32, so it does not count.
    with torch.cuda.device(device):
        is_native = torch.cuda.is_bf16_supported(including_emulation=False)
    if is_native:
        return Precision("bf16", f"because {name} computes it natively")
    return Precision("float32", f"because {name} does not compute bf16 natively")


def _best_on_processor() -> Precision:
    # There is no public question for this in every supported torch; these two have been there since 2.6.
    if torch.cpu._is_amx_tile_supported():
        return Precision("bf16", "because this processor has AMX matrix tiles")
    if not torch.cpu._is_avx512_bf16_supported():
        return Precision("float32", "because this processor has no bf16 instructions")
    if _is_made_by_intel():
        return Precision(
            "float32", "because this processor has bf16 instructions that are slower than float32"
        )
    return Precision("bf16", "because this processor has AVX-512 bf16 instructions")


def _is_made_by_intel(description: Path = Path("/proc/cpuinfo")) -> bool:
    """Say whether the processor is Intel's, whose AVX-512 bf16 products are slower than float32 ones."""
    try:
        return "GenuineIntel" in description.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


def set_threads(wanted: int | None = None) -> int:
    """Set the number of threads of one tensor operation and return it.

    Without `wanted` it is PyTorch's own choice (which honours OMP_NUM_THREADS and the process's affinity),
    but never more than the container's processor quota, beyond which threads only wait for each other.
    """
    if wanted is not None and wanted < 1:
        raise UsageError(f"the number of threads is {wanted}; give at least 1")
    threads = wanted or min(torch.get_num_threads(), _processor_quota())
    if threads != torch.get_num_threads():
        torch.set_num_threads(threads)
    return threads


def _processor_quota(limits: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Return the whole processors that control group version 2 grants, or all where it sets no limit."""
    everything = os.cpu_count() or 1
    try:
        quota, period = limits.read_text().split()
        return everything if quota == "max" else max(1, round(int(quota) / int(period)))
    except (OSError, ValueError):
        return everything


def find_compiler() -> str | None:
    """Return the name of a C++ compiler on the search path, or None."""
    return next((name for name in ("c++", "g++", "clang++") if shutil.which(name)), None)


def choose_compile(device: torch.device, wanted: bool | Literal["auto"] = "auto") -> Choice:
    """Return whether `torch.compile` compiles the blocks: "on" or "off".

    Raises `UsageError` where it is asked for and cannot work.
    """
    if wanted == "auto" and device.type == "cpu":
        return Choice("off", "because on a processor it is slower (docs/lab-notes.md)")
    if wanted == "auto":
        return Choice("off", "because on a GPU it was not measured; training.compile=true tries it")
    if wanted:
        check_compiler(device)
    return Choice("on" if wanted else "off", "as asked")


def check_compiler(device: torch.device) -> None:
    """Raise `UsageError` where `torch.compile` cannot work on `device`: on a CPU without a C++ compiler."""
    if device.type == "cpu" and find_compiler() is None:
        raise UsageError(
            "training.compile=true needs a C++ compiler, and there is no c++, g++ or clang++ here; "
            "install one, or set training.compile=false"
        )


def seed_everything(seed: int, rank: int = 0) -> None:
    """Seed every generator of this process: Python's, NumPy's and PyTorch's on all devices.

    Ranks get different streams, since each draws the dropout of its own rows.
    """
    mixed = int(np.random.SeedSequence([seed, rank]).generate_state(1, np.uint64)[0])
    random.seed(mixed)
    np.random.seed(mixed % 2**32)
    torch.manual_seed(mixed)


def random_states() -> dict[str, Tensor]:
    """Return the states of PyTorch's generators, of the host and of the GPU in use, as uint8 tensors.

    Only PyTorch draws during training: data and corruption come from generators that the seed and the step
    define, so they have no state to save.
    """
    states = {"random.cpu": torch.get_rng_state()}
    # A run on the processor must not wake a GPU that happens to be there: that takes memory on it.
    if torch.cuda.is_initialized():
        states["random.cuda"] = torch.cuda.get_rng_state()
    return states


def restore_random_states(states: Mapping[str, Tensor]) -> None:
    """Set PyTorch's generators to what `random_states` returned; other names are left alone."""
    torch.set_rng_state(states["random.cpu"])
    if "random.cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["random.cuda"])


def environment() -> dict[str, Any]:
    """Return what a run depends on besides its recipe, ready for `environment.json`.

    Sizes are in bytes. `commit` is the package's Git commit, ending in `-dirty` when files were changed, and
    None where the package was not installed from a checkout.
    """
    return {
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in RECORDED},
        "commit": package_commit(),
        "system": platform.platform(),
        "processor": processor_name(),
        "processors": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory": _memory(),
        "gpus": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
        "cuda": torch.version.cuda,
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    }


def processor_name(table: Path = Path("/proc/cpuinfo")) -> str:
    """Return the processor's name as the system tells it."""
    with contextlib.suppress(OSError):
        for line in table.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def package_commit(folder: Path = Path(__file__).parent) -> str | None:
    """Return the commit of the checkout that `folder` is tracked in, or None."""
    git = shutil.which("git")
    if git is None:
        return None

    def ask(*words: str) -> str | None:
        answer = subprocess.run(
            [git, "-C", str(folder), *words], capture_output=True, text=True, timeout=20, check=False
        )
        return answer.stdout.strip() if answer.returncode == 0 else None

    # A virtual environment may lie inside somebody's own repository, whose commit says nothing about us.
    try:
        if not ask("ls-files", "."):
            return None
        return ask("describe", "--always", "--dirty", "--abbrev=40", "--exclude", "*")
    except (OSError, subprocess.TimeoutExpired):
        return None


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return None
