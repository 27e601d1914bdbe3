"""One checkpoint: a Hugging Face model folder plus what a run needs to go on as if it had never stopped.

    config.json model.safetensors tokenizer.json ...   the model, written by the caller
    training_state/tensors.safetensors                 optimizer moments, carried memory, random states
    training_state/state.json                          counters and settings
    MANIFEST.json                                      size and SHA-256 of every file above, written last

The folder is written under a temporary name, flushed to disk and renamed, so a run that is killed leaves the
old checkpoint or the new one. Only safetensors and JSON are ever read: loading can execute nothing.
"""

import json
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from bothways import files
from bothways.errors import CheckpointError, UsageError

MANIFEST = "MANIFEST.json"
STATE = "training_state"
VERSION = 1
"""Of the layout above; a higher number in a manifest is refused."""


@dataclass(frozen=True)
class Saved:
    """What `save` was given, read back."""

    tensors: dict[str, Tensor]
    """On the host."""
    state: dict[str, Any]


def save(
    folder: Path, write_model: Callable[[Path], None], tensors: Mapping[str, Tensor], state: Mapping[str, Any]
) -> None:
    """Write a checkpoint at `folder`, whole or not at all; one that already stands there is replaced.

    `write_model` writes the model's files into the folder it is handed. `state` is finite JSON. Raises
    `UsageError` where the disk refuses, with the bytes needed; what stood at `folder` is then untouched.
    """
    held = {name: _alone(tensor) for name, tensor in tensors.items()}
    text = json.dumps(dict(state), indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    with files.folder_written_whole(folder) as partial:
        try:
            write_model(partial)
            (partial / STATE).mkdir()
            (partial / STATE / "state.json").write_text(text, encoding="utf-8")
            safetensors.torch.save_file(held, partial / STATE / "tensors.safetensors")
            manifest = json.dumps(_manifest(partial), indent=2) + "\n"
            (partial / MANIFEST).write_text(manifest, encoding="utf-8")
        except (OSError, SafetensorError) as error:
            raise _refused(folder, partial, held, error) from error


def verify(folder: Path) -> None:
    """Check every file of a checkpoint against its manifest.

    Raises `CheckpointError` naming the first file that is missing or differs, with both SHA-256 sums.
    """
    for name, expected in _read_manifest(folder).items():
        path = folder / name
        if not path.is_file():
            raise CheckpointError(f"checkpoint {folder} lacks {name}; use another checkpoint")
        if (actual := files.sha256(path)) != expected:
            raise CheckpointError(
                f"checkpoint {folder} is damaged: {name} has sha256 {actual}, its manifest says {expected}; "
                "use another checkpoint"
            )


def load(folder: Path) -> Saved:
    """Verify a checkpoint and return its training state; the model's own files are read by `interop`."""
    verify(folder)
    tensors, state = folder / STATE / "tensors.safetensors", folder / STATE / "state.json"
    if not (tensors.is_file() and state.is_file()):
        raise CheckpointError(
            f"{folder} is a model without {STATE}/, so no run can be resumed from it; "
            "continue from its weights with --from instead"
        )
    try:
        return Saved(safetensors.torch.load_file(tensors), json.loads(state.read_text(encoding="utf-8")))
    except (SafetensorError, ValueError) as error:
        raise CheckpointError(f"checkpoint {folder} cannot be read: {error}; use another one") from error


def _manifest(folder: Path) -> dict[str, Any]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    sums = {path.relative_to(folder).as_posix(): files.sha256(path) for path in paths}
    return {"version": VERSION, "files": sums}


def _read_manifest(folder: Path) -> dict[str, str]:
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        version, sums = manifest["version"], manifest["files"]
        names = {str(name): str(expected) for name, expected in sums.items()}
    except FileNotFoundError:
        raise CheckpointError(
            f"checkpoint {folder} is incomplete: {MANIFEST}, which is written last, is not there, so its "
            "save was interrupted; use another checkpoint"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"checkpoint {folder}: {MANIFEST} is damaged ({error}); use another one"
        ) from None
    if version != VERSION:
        raise CheckpointError(
            f"checkpoint {folder} has layout {version}, this Bothways reads {VERSION}; use the newer Bothways"
        )
    for name in names:
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise CheckpointError(
                f"checkpoint {folder}: {MANIFEST} names {name!r}, outside its folder; "
                "do not use this checkpoint"
            )
    return names


def _alone(tensor: Tensor) -> Tensor:
    """Return the tensor on the host, contiguous and with storage of its own, as safetensors demands."""
    held = tensor.detach().to("cpu").contiguous()
    return held if held.untyped_storage().nbytes() == held.nbytes else held.clone()


def _refused(folder: Path, partial: Path, tensors: Mapping[str, Tensor], error: Exception) -> UsageError:
    """Explain a disk that took no more; the model's size is what stands in `partial` by now."""
    model = sum(
        path.stat().st_size for path in partial.rglob("*") if STATE not in path.parts and path.is_file()
    )
    needed = model + sum(tensor.nbytes for tensor in tensors.values())
    free = shutil.disk_usage(partial).free
    why = error.strerror if isinstance(error, OSError) else re.sub(r"^.*I/O error: ", "", str(error))
    return UsageError(
        f"cannot save {folder}: {why}; at least {needed:,} bytes are needed and {free:,} are free, earlier "
        "checkpoints are intact; free some space and resume, or choose another folder with --out"
    )
