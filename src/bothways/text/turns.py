"""Taking turns at a folder: one process writes it, another that wants it too waits until the first has finished."""

import contextlib
import fcntl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from bothways import files
from bothways.errors import DataError

PATIENCE = 30 * 60.0
"""Seconds that a process waits at most."""
PAUSE = 0.5
"""Seconds between two looks."""


@contextlib.contextmanager
def turn_at(folder: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Hold `folder`, which is made where there is none, for this process; the lock is gone with the process.

    Says once that it waits; raises `DataError` where another process holds the folder for longer than `PATIENCE`.
    """
    with files.explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    with lock:
        if not _is_taken(lock):
            say(f"{folder} is being prepared by another process: waiting until it has finished")
            _wait(lock, folder)
        yield


def _wait(lock: IO[str], folder: Path) -> None:
    ends = time.monotonic() + PATIENCE
    while not _is_taken(lock):
        if time.monotonic() >= ends:
            raise DataError(
                f"{folder} is being prepared by another process; wait for it or choose another folder"
            )
        time.sleep(PAUSE)


def _is_taken(lock: IO[str]) -> bool:
    """Take the lock where it is free, and say whether this process has it now."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
