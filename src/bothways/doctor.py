"""Is this machine ready? One finding a line, each with what to do where something is amiss."""

import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch

from bothways.runtime import choose_device, choose_precision, environment, find_compiler, set_threads

OLDEST_PYTHON = (3, 11)
ENOUGH_MEMORY = 4 * 2**30
ENOUGH_DISK = 5 * 2**30


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    value: str
    advice: str | None = None
    """What to do about it; None where all is well."""


def examine(folder: Path) -> list[Finding]:
    """Look at everything that a run in `folder` depends on; changes nothing."""
    device = choose_device()
    precision = choose_precision(device)
    facts = environment()
    return [
        _python(),
        Finding("bothways", importlib.metadata.version("bothways") if _is_installed() else "not installed"),
        Finding("torch", str(torch.__version__)),
        Finding("device", _device_name(device, facts["processor"])),
        Finding("precision", str(precision)),
        Finding("threads", f"{set_threads()} of {os.cpu_count()} processors"),
        _memory(facts["memory"]),
        _disk(folder),
        _writing(folder),
        _compiler(),
    ]


def report(findings: list[Finding]) -> list[str]:
    """Return the findings as lines of two columns, advice indented below."""
    width = max(len(finding.name) for finding in findings)
    lines = []
    for finding in findings:
        lines.append(f"{finding.name:<{width}}  {finding.value}")
        if finding.advice:
            lines.append(f"{'':<{width}}  -> {finding.advice}")
    return lines


def _is_installed() -> bool:
    return any(importlib.metadata.distributions(name="bothways"))


def _python() -> Finding:
    is_old = sys.version_info < OLDEST_PYTHON
    return Finding("python", platform.python_version(), "install Python 3.11 or newer" if is_old else None)


def _device_name(device: torch.device, processor: str) -> str:
    return f"cuda ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else f"cpu ({processor})"


def _memory(total: int | None) -> Finding:
    if total is None:
        return Finding("memory", "unknown")
    is_short = total < ENOUGH_MEMORY
    return Finding(
        "memory", _gibibytes(total), "choose tiny or mini models and small batches" if is_short else None
    )


def _disk(folder: Path) -> Finding:
    existing = next(place for place in [folder.resolve(), *folder.resolve().parents] if place.exists())
    free = shutil.disk_usage(existing).free
    advice = "free some space, or send runs elsewhere with --out" if free < ENOUGH_DISK else None
    return Finding("disk", f"{_gibibytes(free)} free at {existing}", advice)


def _writing(folder: Path) -> Finding:
    try:
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            file.write(b"bothways")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return Finding(
            "writing", f"refused: {error.strerror}", "change folder, or send runs elsewhere with --out"
        )
    return Finding("writing", "works here")


def _compiler() -> Finding:
    name = find_compiler()
    return Finding(
        "compiler", f"{name} (torch.compile can be used)" if name else "none (torch.compile stays off)"
    )


def _gibibytes(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"
