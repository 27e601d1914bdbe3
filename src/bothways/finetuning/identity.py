"""Whether a folder holds the very run that is asked for: what is written down of one, and compared when it goes on."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bothways import files, runtime
from bothways.errors import CheckpointError, DataError, UsageError
from bothways.finetuning.build import Built
from bothways.finetuning.inputs import PARTS, WHERE, Inputs
from bothways.recipe_files import flat
from bothways.task_recipe import TaskRecipe, of_file, write_resolved

RECIPE = "recipe.yaml"
ENVIRONMENT = "environment.json"

MAY_GROW: dict[str, Any] = WHERE | {"training": WHERE["training"] | {"epochs", "steps", "tokens", "minutes"}}
"""Settings that a run may change when it goes on: how long it trains, and where all is; content is compared instead."""


def write_down(inputs: Inputs, built: Built, folder: Path) -> None:
    """Write what a run is made from and where it runs."""
    write_resolved(inputs.recipe, folder / RECIPE)
    parts = (built.model.encoder, built.model.objective)
    files.write_json(
        folder / ENVIRONMENT,
        runtime.environment()
        | {
            "device": str(built.run.place.device),
            "world": built.run.place.world,
            "parameters": sum(parameter.numel() for part in parts for parameter in part.parameters()),
            "records": {
                name: {part: len(getattr(each, part)) for part in PARTS}
                for name, each in inputs.tasks.items()
            },
            "fingerprints": inputs.fingerprints,
        },
    )


def refuse_to_overwrite(folder: Path) -> None:
    """Raise `UsageError` where a folder holds a run already."""
    if (folder / "checkpoints").exists() or (folder / RECIPE).exists():
        raise UsageError(
            f"{folder} already holds a run; continue it with --resume, or choose another folder with --out"
        )


def refuse_other_recipe(folder: Path, recipe: TaskRecipe, free: Mapping[str, Any]) -> None:
    """Raise `UsageError` where a run was begun with another recipe, in other settings than the `free` ones.

    Raises `CheckpointError` where there is no run.
    """
    written = folder / RECIPE
    if not written.exists():
        raise CheckpointError(f"{folder} holds no run to resume; leave out --resume to begin one")
    before, now = (
        flat(each.model_dump(mode="json", exclude=dict(free)))
        for each in (of_file(None, written, []), recipe)
    )
    for name in sorted(before | now):
        if before.get(name) != now.get(name):
            raise UsageError(
                f"{folder} was begun with {name}={before.get(name)}, now it is {now.get(name)}, which would be another "
                "run; resume it unchanged, or begin a new run with another --out"
            )


def refuse_other_inputs(folder: Path, inputs: Inputs) -> None:
    """Raise where a run was begun from other weights (`CheckpointError`) or records (`DataError`) than these."""
    path, now = folder / ENVIRONMENT, inputs.fingerprints
    try:
        before = json.loads(path.read_text(encoding="utf-8"))["fingerprints"]
        model, records = before["model"], before["records"]
    except (OSError, ValueError, KeyError):
        raise CheckpointError(
            f"{path} is missing or damaged, so what the run learns from cannot be checked; begin a new run with "
            "another --out"
        ) from None
    advice = "so it cannot be resumed exactly; restore {}, or begin a new run with another --out"
    if model != now["model"]:
        raise CheckpointError(
            f"the model {inputs.recipe.model} has changed since {folder} was begun, {advice.format('it')}"
        )
    for name, parts in now["records"].items():
        for part, digest in parts.items():
            if records.get(name, {}).get(part) != digest:
                raise DataError(
                    f"the {part} records of task {name} have changed since {folder} was begun, "
                    f"{advice.format('them')}"
                )
