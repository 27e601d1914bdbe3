"""What a benchmark does, in order: each job measures one or a few rows, and can be chosen by its name."""

import dataclasses
import importlib.util
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch

from bothways.bench import growth, overhead
from bothways.bench.batches import batch_contests
from bothways.bench.cases import GPU_CASES, PROCESSOR_CASES, Case, Peer
from bothways.bench.ceiling import Ceiling
from bothways.bench.effort import Effort
from bothways.bench.measure import Contest, Row, measure
from bothways.bench.ours import build, cut_to, recipe_of
from bothways.bench.peers import has_peer
from bothways.bench.shards import shard_contests
from bothways.bench.steps import step_row
from bothways.dry_run import vocabulary_size
from bothways.errors import UsageError
from bothways.recipe import Recipe

COLLATORS = ("transformers",)
DATASETS = ("transformers", "datasets")


@dataclass(frozen=True)
class Bench:
    """What every job is told."""

    device: torch.device
    effort: Effort
    quick: bool
    words: Sequence[str]
    """Settings that change our side's recipes."""
    ceiling: Ceiling


@dataclass(frozen=True)
class Job:
    """Something to measure."""

    name: str
    rows: Callable[[Bench], list[Row]]
    needs: tuple[str, ...] = ()
    """Packages without which it cannot be measured."""


def table_jobs(device: torch.device, *, quick: bool) -> list[Job]:
    """Return the jobs of the literal table and of all that is not a step; what a processor does, on one only."""
    is_gpu = device.type == "cuda"
    cases = GPU_CASES if is_gpu else PROCESSOR_CASES
    steps = [
        Job(case.name, partial(_case_rows, case), () if case.peer == "product peak" else COLLATORS)
        for case in cases
        if case.quick or not quick
    ]
    on_host = [
        Job("batches", partial(_contest_rows, batch_contests), COLLATORS),
        Job("shards", partial(_contest_rows, shard_contests), DATASETS),
    ]
    return [
        *steps,
        *([] if is_gpu else on_host),
        Job("growth", _growth_rows),
        Job("overhead", _overhead_rows),
    ]


def recipe_jobs(recipe: Recipe, *, quick: bool) -> list[Job]:
    """Return the jobs that measure a user's own recipe, cut to steps of about 2,048 tokens."""
    name = f"{recipe.name} L={recipe.format.length}"
    if why := _why_alone(recipe):
        return [Job(name, partial(_recipe_rows, recipe, name, None, why))]
    peers: tuple[Peer, ...] = ("script",) if quick else ("script", "strongest")
    note = f"only ours learns {', '.join(extra.kind for extra in recipe.extras)} too" if recipe.extras else ""
    named = {f"{name} / {peer}": peer for peer in peers}
    return [Job(each, partial(_recipe_rows, recipe, each, peer, note)) for each, peer in named.items()]


def chosen(jobs: Sequence[Job], pattern: str | None) -> list[Job]:
    """Return the jobs whose name a regular expression finds; raise `UsageError` where it finds none."""
    try:
        found = [job for job in jobs if pattern is None or re.search(pattern, job.name, re.IGNORECASE)]
    except re.error as error:
        raise UsageError(
            f"--rows {pattern!r} is no regular expression: {error}; see bothways bench --help"
        ) from None
    if not found:
        names = ", ".join(job.name for job in jobs)
        raise UsageError(f"--rows {pattern!r} finds no row; choose among: {names}")
    return found


def check_packages(jobs: Sequence[Job]) -> None:
    """Raise `UsageError` where a job needs a package that is not installed."""
    needed = sorted({package for job in jobs for package in job.needs})
    if missing := [package for package in needed if importlib.util.find_spec(package) is None]:
        raise UsageError(
            f"the peers need {' and '.join(missing)}, not installed here: pip install 'bothways[bench]', "
            "or choose rows that need no peer with --rows"
        )


def training_words(words: Sequence[str]) -> list[str]:
    """Return the settings that hold for every recipe, whatever its parts: device, precision, threads, compile."""
    return [word for word in words if word.startswith("training.")]


def _case_rows(case: Case, bench: Bench) -> list[Row]:
    cut = case.cut() if bench.effort.is_trial else case
    ours = build(recipe_of(cut, bench.words), vocabulary=cut.vocabulary, document=cut.document)
    return [step_row(case.name, ours, case.peer, case.target, ceiling=bench.ceiling, effort=bench.effort)]


def _why_alone(recipe: Recipe) -> str:
    """Return why a recipe has no peer here, or nothing where it has one."""
    if importlib.util.find_spec("transformers") is None:
        return "no peer: transformers is not installed (pip install 'bothways[bench]')"
    if not has_peer(recipe):
        return f"no peer: transformers trains no {recipe.backbone.kind} with the objective {recipe.objective.kind}"
    return ""


def _recipe_rows(recipe: Recipe, name: str, peer: Peer | None, note: str, bench: Bench) -> list[Row]:
    ours = build(cut_to(recipe, bench.effort), vocabulary=vocabulary_size(recipe))
    row = step_row(name, ours, peer, None, ceiling=bench.ceiling, effort=bench.effort)
    return [dataclasses.replace(row, note="; ".join(filter(None, (row.note, note))))]


def _contest_rows(contests: Callable[[bool], list[Contest]], bench: Bench) -> list[Row]:
    effort = bench.effort
    return [
        measure(contest, effort.repeats, warm_up=effort.warm_up, patience=effort.patience)
        for contest in contests(bench.quick)
    ]


def _growth_rows(bench: Bench) -> list[Row]:
    return growth.growth_rows(training_words(bench.words), bench.effort, quick=bench.quick)


def _overhead_rows(bench: Bench) -> list[Row]:
    return overhead.overhead_rows(training_words(bench.words), quick=bench.quick)
