"""The teachers of a distillation: found, checked against their student, and read; they are never written.

A recipe names them by their folders and, once a run has begun, by the SHA-256 of their files, so that a run that goes
on is taught by the very same models.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import safetensors.torch
import torch

from bothways import files
from bothways.checks import needs_of_format
from bothways.config import Settings
from bothways.errors import CheckpointError, UsageError
from bothways.interop.folder import Description, Model, describe, read_model
from bothways.model.backbones import offers_of
from bothways.objectives import OBJECTIVES
from bothways.objectives.base import Objective
from bothways.objectives.distilled import Distilled, DistilSettings, Teacher
from bothways.objectives.teaching import TeachingSettings
from bothways.recipe import Recipe
from bothways.text.tokenizer import load_tokenizer
from bothways.trained import refuse_to_guess
from bothways.training.run_folder import resolve_run

MAPS = "distillation.safetensors"
"""In a checkpoint: what maps the student's states to its teacher's. No part of the model."""

DECISIVE = ("config.json", "tokenizer.json", "*.safetensors")
"""What a model's answers depend on."""

LAYING_OUT = ("post_processor", "padding", "truncation")
"""The parts of a tokenizer's file that are about rows: where special tokens and padding stand in them."""

T = TypeVar("T", bound=TeachingSettings)


def with_digests(settings: T, section: str = "distil") -> T:
    """Return the settings with every teacher's digest; raise `CheckpointError` where one is not what it was.

    `section` is where the settings stand in their recipe.
    """
    found = tuple(digest_of(resolve_run(teacher)) for teacher in settings.teachers)
    known = settings.digests or found
    for teacher, before, now in zip(settings.teachers, known, found, strict=False):
        if before != now:
            raise CheckpointError(
                f"the teacher {teacher} has changed since this run began, so it cannot be resumed exactly; "
                f"restore it, or begin a new run with {section}.digests=[]"
            )
    return settings.model_copy(update={"digests": found})


def digest_of(folder: Path) -> str:
    """Return the SHA-256 of the files that decide what a model answers."""
    paths = sorted({path for pattern in DECISIVE for path in folder.glob(pattern)})
    return files.digest("\n".join(f"{path.name} {files.sha256(path)}" for path in paths if path.name != MAPS))


def check_teachers(recipe: Recipe, settings: DistilSettings) -> None:
    """Refuse teachers that cannot read the student's rows or say nothing of its targets; raise `UsageError`."""
    kind = recipe.objective.kind
    if whose := OBJECTIVES[kind][1].answered_by:
        raise UsageError(
            f"with objective {kind} {whose} predicts, and would learn in place of the encoder; "
            "distil a model of another objective"
        )
    for teacher in settings.teachers:
        folder = resolve_run(teacher)
        about = describe(folder)
        theirs = getattr(about.objective, "kind", "")
        if theirs != kind:
            raise UsageError(
                f"{teacher} was trained with objective {theirs}, the student learns {kind}, so they predict different "
                f"things; choose a recipe of objective {theirs}, or another teacher"
            )
        _check_rows(recipe, teacher, about)
        _check_tokenizer(recipe, teacher, folder)


def _check_rows(recipe: Recipe, teacher: str, about: Description) -> None:
    longest = getattr(about.settings, "max_positions", None)
    if longest is not None and recipe.format.length > longest:
        raise UsageError(
            f"{teacher} reads rows of {longest} tokens at most, format.length is {recipe.format.length}; "
            f"set format.length={longest}"
        )
    needs = needs_of_format(recipe.format) | OBJECTIVES[recipe.objective.kind][1].needs
    # Memory is no need: a teacher without reads each row on its own.
    if missing := sorted(needs - {"memory"} - offers_of(about.settings)):
        raise UsageError(
            f"the student's rows need {' and '.join(missing)}, which the backbone of {teacher} does not offer; "
            "choose a recipe with its format, or another teacher"
        )


def _check_tokenizer(recipe: Recipe, teacher: str, folder: Path) -> None:
    ours = recipe.tokenizer.path
    if ours is None or not is_same_tokenizer(Path(ours).expanduser(), folder):
        raise UsageError(
            f"{teacher} has another tokenizer than the student, and predictions are compared token by token; "
            f"choose a teacher of the same tokenizer, or draw the student anew with tokenizer.path={folder}"
        )


def is_same_tokenizer(one: Path, other: Path) -> bool:
    """Say whether two model folders cut text into the same tokens, however each lays them out in rows."""
    return one == other or _cutting(one) == _cutting(other)


def _cutting(folder: Path) -> dict[str, Any]:
    parts = json.loads(load_tokenizer(folder).to_str())
    return {name: part for name, part in parts.items() if name not in LAYING_OUT}


def taught(
    settings: DistilSettings | None, model: Model, weights: Path | None, device: torch.device
) -> tuple[Objective, list[str]]:
    """Return the model's objective with its teachers, if it has any, and which of its maps are new.

    `weights` is the folder that the run starts from or goes on from.
    """
    if settings is None:
        return model.objective, []
    memory = getattr(model.encoder.settings, "memory", 0)
    teachers = [_read(resolve_run(teacher), memory, device) for teacher in settings.teachers]
    objective = Distilled(settings, model.objective, model.encoder, teachers)
    return objective, _load_maps(objective, weights)


def _read(folder: Path, memory: int, device: torch.device) -> Teacher:
    """Read a teacher that remembers as much as its student."""
    changes: dict[str, Any] = {"memory": memory} if _remembers(describe(folder).settings) else {}
    model, missing = read_model(folder, changes)
    refuse_to_guess(folder, model.objective, missing)
    for part in (model.encoder, model.objective):
        part.to(device).eval().requires_grad_(False)
    return Teacher(model.encoder, model.objective)


def _remembers(settings: Settings) -> bool:
    return "memory" in type(settings).model_fields


def _load_maps(objective: Distilled, weights: Path | None) -> list[str]:
    """Read the maps of a checkpoint; return the names of those it does not have."""
    path = weights / MAPS if weights is not None else None
    found = safetensors.torch.load_file(path) if path is not None and path.is_file() else {}
    own = dict(objective.maps.named_parameters())
    for name in own.keys() & found.keys():
        own[name].data.copy_(found[name])
    return [f"objective.maps.{name}" for name in own if name not in found] if weights else []


def writing_maps(objective: Objective, write: Callable[[Path], None]) -> Callable[[Path], None]:
    """Return `write`, which writes a model into a folder, so that the maps of a distillation lie beside it."""
    own = dict(objective.maps.named_parameters()) if isinstance(objective, Distilled) else {}
    if not own:
        return write

    def write_all(folder: Path) -> None:
        write(folder)
        held = {name: value.detach().to("cpu").contiguous() for name, value in own.items()}
        safetensors.torch.save_file(held, folder / MAPS)

    return write_all
