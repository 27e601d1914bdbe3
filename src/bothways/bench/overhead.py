"""What a run costs besides its steps: waiting for the loader, and all that happens between steps.

Two real runs on the embedded corpus, the demo's own, shortened. Their steps take milliseconds, so whatever a step
must wait for weighs more here than in any larger model.
"""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bothways.assembly import assemble
from bothways.bench.measure import Row
from bothways.recipe import Recipe, resolve
from bothways.text.prepare import prepare
from bothways.training import distributed
from bothways.training.loop import train
from bothways.training.metrics import Progress, read_metrics

RECIPES = ("demo-bert", "demo-xlnet")
MINUTES = 0.5
QUICK_MINUTES = 0.12
STALL = 0.02
"""The share of a step that is promised to be waited for, at most."""


def overhead_rows(words: Sequence[str], *, quick: bool) -> list[Row]:
    """Train each model of the demo shortly, with `words` as further settings; return two rows for each."""
    budget = f"training.minutes={QUICK_MINUTES if quick else MINUTES}"
    with tempfile.TemporaryDirectory(prefix="bothways-bench-") as folder:
        return [
            row for reference in RECIPES for row in _rows(resolve(reference, [budget, *words]), Path(folder))
        ]


def _rows(recipe: Recipe, folder: Path) -> list[Row]:
    prepared = prepare(recipe.data, recipe.tokenizer, folder / "shards", lambda _line: None)
    with distributed.joined(recipe.training.device) as place, Progress(quiet=True) as nothing:
        run = assemble(recipe, prepared, folder / recipe.name, place).run
        began = time.monotonic()
        state = train(run, nothing)
        seconds = time.monotonic() - began
    stepping = step_seconds(folder / recipe.name / "metrics.jsonl")
    stalled = run.loader.stall_seconds
    return [
        share_row(
            f"{recipe.name} loader's stall / a step", stalled / state.step, stepping / state.step, STALL
        ),
        share_row(f"{recipe.name} beside the steps / the run", seconds - stepping, seconds, None),
    ]


def step_seconds(log: Path) -> float:
    """Return how long all steps of a run took together, from its log."""
    seconds, tokens = 0.0, 0
    for record in read_metrics(log):
        seconds += (record["tokens"] - tokens) / record["tokens_per_second"]
        tokens = record["tokens"]
    return seconds


def share_row(name: str, part: float, whole: float, target: float | None) -> Row:
    """Return the row of a part of a time, both in seconds; of such a share, less is better."""
    scale, unit = (1e3, "ms") if whole < 1 else (1.0, "s")
    return Row(name, part * scale, whole * scale, unit, part / whole, None, target, at_most=True)
