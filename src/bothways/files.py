"""Files that are either whole or absent: write beside, flush to disk, then rename.

POSIX renames are atomic, so a reader (or a run that was killed) sees the old file or the new one, never half.
"""

import contextlib
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bothways.errors import BothwaysError, UsageError


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest(text: str) -> str:
    """Return the SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path` atomically and durably; raise `UsageError` where the disk refuses."""
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.part")
        try:
            with partial.open("wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(partial, path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def write_text(path: Path, content: str) -> None:
    """Write text (UTF-8) atomically."""
    write_bytes(path, content.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, sort_keys=False) + "\n")


@contextlib.contextmanager
def folder_written_whole(final: Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes `final` when the block ends without an error.

    Every file in it is flushed to disk before the rename. On an error the temporary folder is removed, and
    whatever stood at `final` before is left as it was. An existing `final` is replaced.
    """
    partial = final.with_name(f".{final.name}.part")
    with explained(final):
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        try:
            yield partial
            for path in sorted(partial.rglob("*")):
                if path.is_file():
                    sync_file(path)
                else:
                    sync_folder(path)
            if final.exists():
                shutil.rmtree(final)
            os.replace(partial, final)
            sync_folder(final.parent)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise


def sync_file(path: Path) -> None:
    """Flush a file's content to the disk."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def sync_folder(path: Path) -> None:
    """Flush a folder's entries (names and renames) to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals to write `path` into one-line `UsageError`s."""
    try:
        yield
    except BothwaysError:
        raise
    except OSError as error:
        advice = {
            "ENOSPC": "free some space or choose another folder with --out",
            "EFBIG": "raise the file size limit or choose another folder with --out",
            "EACCES": "choose a folder you may write to with --out",
            "EROFS": "choose a folder you may write to with --out",
        }
        name = errno.errorcode.get(error.errno or 0, "")
        fix = advice.get(name, "check the path, or choose another folder with --out")
        raise UsageError(f"cannot write {path}: {error.strerror or error}; {fix}") from error
