"""The checkpoints of one run: which is newest, which is best, which go, and who may write.

runs/mine/.lock                       held while a process trains here
runs/mine/checkpoints/step-00001000   see `checkpoint`
runs/mine/checkpoints/best.json       {"checkpoint": name, "metric": name, "value": number, "better": "lower"}
"""

import contextlib
import fcntl
import json
import math
import os
import platform
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TextIO, TypeAlias, get_args

from bothways import files
from bothways.errors import CheckpointError, UsageError
from bothways.training import checkpoint

NAME = re.compile(r"step-(\d{8,})")
PARTIAL = re.compile(r"\.step-(\d{8,})\.part")
BEST = "best.json"
WEIGHTS = ("model.safetensors", "model.safetensors.index.json")

Direction: TypeAlias = Literal["lower", "higher"]
"""Which numbers are the better ones: lower (losses) or higher (accuracies)."""


@dataclass(frozen=True)
class Best:
    """The checkpoint with the best held-out number so far; raises `ValueError` for a number that cannot be the best."""

    folder: Path
    metric: str
    value: float
    better: Direction = "lower"

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise ValueError(f"{self.metric} is {self.value}; only a finite number can be the best")
        if self.better not in get_args(Direction):
            raise ValueError(f"better is {self.better!r}; it is one of {', '.join(get_args(Direction))}")

    def is_beaten_by(self, value: float) -> bool:
        """Say whether a number is better."""
        return value < self.value if self.better == "lower" else value > self.value

    def record(self) -> dict[str, str | float]:
        """Return what is written down; `best_of` reads it."""
        return {
            "checkpoint": self.folder.name,
            "metric": self.metric,
            "value": self.value,
            "better": self.better,
        }


def checkpoint_folder(run_folder: Path, step: int) -> Path:
    """Return where the checkpoint after `step` steps belongs."""
    return run_folder / "checkpoints" / f"step-{step:08d}"


def complete_or_not(run_folder: Path) -> list[Path]:
    """Return all checkpoints of a run by name alone, oldest first."""
    return [path for _, path in _numbered(run_folder, NAME)]


def newest_complete(run_folder: Path, say: Callable[[str], None]) -> Path | None:
    """Return the newest checkpoint whose files all match their manifest, or None.

    Each newer one that is passed over is said with the reason. A temporary folder counts when its manifest is
    there: the run was killed between the last byte and the rename.
    """
    found = [(step, True, path) for step, path in _numbered(run_folder, NAME)]
    found += [(step, False, path) for step, path in _numbered(run_folder, PARTIAL)]
    for _, _, path in sorted(found, reverse=True):
        try:
            checkpoint.verify(path)
        except CheckpointError as error:
            say(f"skipped {path.name}: {error}")
        else:
            return path
    return None


def adopt(run_folder: Path, found: Path) -> Path:
    """Make `found`, which `newest_complete` returned, the last checkpoint of the run; return where it is then.

    A rename that was interrupted is finished. Damaged checkpoints beyond it are set aside under another name, so
    that they neither count among the last ones nor as the best.
    """
    ((step, _),) = [
        entry for kind in (NAME, PARTIAL) for entry in _numbered(run_folder, kind) if entry[1] == found
    ]
    final = checkpoint_folder(run_folder, step)
    with files.explained(run_folder):
        for other, path in _numbered(run_folder, NAME):
            if other > step or (path == final != found):
                aside = path.with_name(f"damaged-{path.name}")
                shutil.rmtree(aside, ignore_errors=True)
                path.replace(aside)
        if found != final:
            found.replace(final)
    return final


def record_best(run_folder: Path, new: Best) -> None:
    """Note, atomically, which saved checkpoint is the best so far."""
    files.write_json(run_folder / "checkpoints" / BEST, new.record())


def best_of(run_folder: Path, record: Mapping[str, Any]) -> Best:
    """Return what was written down as `Best.record`, or before it knew a direction, when lower was better."""
    folder = run_folder / "checkpoints" / record["checkpoint"]
    return Best(folder, record["metric"], record["value"], record.get("better", "lower"))


def best(run_folder: Path) -> Best | None:
    """Return the best checkpoint on record, or None where there is no record or the folder is gone."""
    try:
        found = best_of(
            run_folder, json.loads((run_folder / "checkpoints" / BEST).read_text(encoding="utf-8"))
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{run_folder / 'checkpoints' / BEST} is damaged ({error}); delete it"
        ) from None
    return found if NAME.fullmatch(found.folder.name) and found.folder.is_dir() else None


def prune(run_folder: Path, keep: int, protect: Path | None = None) -> None:
    """Delete all checkpoints but the last `keep` and `protect`, and what interrupted saves left behind.

    A folder that cannot be deleted stays: that is no reason to stop training.
    """
    if keep < 1:
        raise UsageError(f"training keeps {keep} checkpoints; keep at least 1")
    kept = {path.name for path in complete_or_not(run_folder)[-keep:]}
    if protect is not None:
        kept.add(protect.name)
    for path in complete_or_not(run_folder):
        if path.name not in kept:
            # Deleting takes a moment; a run killed within it must leave no half checkpoint under a real name.
            doomed = path.with_name(f".{path.name}.part")
            with contextlib.suppress(OSError):
                shutil.rmtree(doomed, ignore_errors=True)
                path.replace(doomed)
    if kept:
        for _, path in _numbered(run_folder, PARTIAL):
            shutil.rmtree(path, ignore_errors=True)


def resolve_run(path: Path | str, say: Callable[[str], None] = lambda _sentence: None) -> Path:
    """Return the model folder that RUN means, everywhere a command takes one.

    A run folder means its best checkpoint, or else its newest complete one; a checkpoint or any Hugging Face
    folder means itself. Checkpoints are verified. Raises `CheckpointError` with what was looked for.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise CheckpointError(f"{folder} is not a folder; give a run, a checkpoint or a Hugging Face folder")
    if (folder / "checkpoints").is_dir():
        return _best_or_newest(folder, say)
    if (folder / checkpoint.MANIFEST).exists() or (folder / checkpoint.STATE).exists():
        checkpoint.verify(folder)
        return folder
    if (folder / "config.json").is_file() and any((folder / name).is_file() for name in WEIGHTS):
        return folder
    pickled = sorted(file.name for file in folder.glob("*.bin"))
    if pickled:
        raise CheckpointError(
            f"{folder} has {pickled[0]}, a pickle, which can run any code; save it as safetensors first "
            "(transformers: from_pretrained, then save_pretrained)"
        )
    raise CheckpointError(
        f"{folder} holds no model: looked for checkpoints/step-*, {checkpoint.MANIFEST}, and config.json "
        f"with {WEIGHTS[0]}; give a run, a checkpoint or a Hugging Face folder"
    )


@contextlib.contextmanager
def locked(run_folder: Path) -> Iterator[None]:
    """Hold the run folder for this process; raise `UsageError` naming the process that already does.

    The lock belongs to the open file, so it ends with its process however that dies; the file itself stays.
    """
    with _lock_file(run_folder / ".lock"):
        yield


def _lock_file(path: Path) -> TextIO:
    with files.explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            stream.truncate(0)
            stream.write(f"{os.getpid()} on {platform.node()}\n")
            stream.flush()
        except BlockingIOError:
            stream.seek(0)
            with stream:
                holder = stream.read().strip() or "unknown"
            raise UsageError(
                f"{path.parent} is in use by process {holder}; wait for it, or choose another with --out"
            ) from None
        except BaseException:
            stream.close()
            raise
    return stream


def _best_or_newest(run_folder: Path, say: Callable[[str], None]) -> Path:
    chosen = best(run_folder)
    if chosen is not None:
        try:
            checkpoint.verify(chosen.folder)
            return chosen.folder
        except CheckpointError as error:
            say(f"skipped the best checkpoint, {chosen.folder.name}: {error}")
    newest = newest_complete(run_folder, say)
    if newest is None:
        raise CheckpointError(
            f"{run_folder} has no whole checkpoint: sought checkpoints/step-* with {checkpoint.MANIFEST}; "
            "train it first, or give another folder"
        )
    return newest


def _numbered(run_folder: Path, pattern: re.Pattern[str]) -> list[tuple[int, Path]]:
    folder = run_folder / "checkpoints"
    paths = folder.iterdir() if folder.is_dir() else iter(())
    matches = [(match, path) for path in paths if (match := pattern.fullmatch(path.name))]
    return sorted((int(match[1]), path) for match, path in matches)
