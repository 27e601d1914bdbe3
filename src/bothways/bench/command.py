"""`bothways bench`: measure the ceiling, then row by row, and write down what came out."""

import dataclasses
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from bothways import runtime
from bothways.bench.ceiling import COPIED, GPU_SHAPES, QUICK_SHAPES, SHAPES, Ceiling, measure_ceiling
from bothways.bench.effort import Effort, choose_effort
from bothways.bench.jobs import Bench, Job, check_packages, chosen, recipe_jobs, table_jobs, training_words
from bothways.bench.measure import Row
from bothways.bench.page import Report, row_line, today, write
from bothways.recipe import resolve
from bothways.training.metrics import duration
from bothways.training.settings import TrainingSettings

FOLDER = Path("benchmarks")
ANY = "bert"
"""A recipe, to read from the user's words what every recipe shares: device, threads, precision."""


def bench(
    reference: str | None,
    words: Sequence[str],
    *,
    quick: bool = False,
    rows: str | None = None,
    out: Path | None = None,
    say: Callable[[str], None] = lambda _line: None,
) -> Report:
    """Measure the literal table, or the recipe of `reference`, with `words` as settings of our side.

    `rows` is a regular expression of row names. The page is written into `out`; without `out` only the whole table is,
    into `benchmarks/`. Raises `UsageError` where a package, a device or such a row is not there.
    """
    began, load = time.monotonic(), _load()
    recipe = resolve(reference or ANY, training_words(words) if reference is None else words)
    device = runtime.choose_device(recipe.training.device)
    all_jobs = recipe_jobs(recipe, quick=quick) if reference else table_jobs(device, quick=quick)
    jobs = chosen(all_jobs, rows)
    check_packages(jobs)
    runtime.set_threads(recipe.training.threads)
    effort = choose_effort(quick=quick)
    say("measuring the machine's own ceiling")
    told = Bench(device, effort, quick, words, _ceiling(device, effort, quick=quick))
    measured = _run(jobs, told, say)
    machine = _machine(device, recipe.training) | {"load": load, "effort": effort.name}
    report = Report(today(), machine, told.ceiling, tuple(measured), time.monotonic() - began)
    folder = out or (FOLDER if reference is None and rows is None else None)
    return dataclasses.replace(report, written=str(write(report, folder))) if folder else report


def _run(jobs: list[Job], bench: Bench, say: Callable[[str], None]) -> list[Row]:
    """Measure row by row, and say how long the rest may take."""
    began = time.monotonic()
    measured: list[Row] = []
    for done, job in enumerate(jobs):
        left = (time.monotonic() - began) / done * (len(jobs) - done) if done else None
        say(f"{done + 1} of {len(jobs)}: {job.name}" + (f" · about {duration(left)} left" if left else ""))
        try:
            rows = job.rows(bench)
        except torch.OutOfMemoryError:
            say("  left out: one of the sides needs more memory than the GPU has")
            continue
        measured += rows
        for row in rows:
            say(f"  {row_line(row)}")
    return measured


def _ceiling(device: torch.device, effort: Effort, *, quick: bool) -> Ceiling:
    if effort.is_trial:
        return measure_ceiling(device, [(64, 64, 64)], 2**16)
    if device.type == "cuda":
        return measure_ceiling(device, GPU_SHAPES, COPIED)
    return measure_ceiling(device, QUICK_SHAPES if quick else SHAPES, COPIED)


def _machine(device: torch.device, settings: TrainingSettings) -> dict[str, Any]:
    precision = runtime.choose_precision(device, settings.precision)
    return runtime.environment() | {
        "device": device.type,
        "precision": f"{precision.name} {precision.reason}",
        "compiler": runtime.find_compiler(),
    }


def _load() -> str:
    """Return the average number of running processes in the last minute, before the benchmark adds its own."""
    return f"{os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else "unknown"
