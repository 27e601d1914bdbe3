"""What a number depends on, as checksums: results stay valid wherever the files are moved to."""

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from bothways import files
from bothways.interop.generator import FOLDER as GENERATOR

MODEL = ("config.json", "tokenizer.json", "vocab.txt", "*.safetensors")
"""What a model's answers depend on: its configuration, tokenizer and weights."""


def of_data(path: Path) -> str:
    """Return the checksum of a file, or of all files in a folder with their names."""
    return _of_file(path) if path.is_file() else _of_all(path, path.rglob("*"))


def of_model(folder: Path) -> str:
    """Return the checksum of a model, with the generator that answers for an ELECTRA."""
    places = (folder, folder / GENERATOR)
    return _of_all(folder, (path for place in places for name in MODEL for path in place.glob(name)))


def of_values(values: Any) -> str:
    """Return the checksum of JSON values."""
    return files.digest(json.dumps(values, sort_keys=True))


def _of_all(folder: Path, paths: Iterable[Path]) -> str:
    known = sorted(path for path in paths if path.is_file())
    return of_values({str(path.relative_to(folder)): _of_file(path) for path in known})


def _of_file(path: Path) -> str:
    about = path.stat()
    return _read(path, about.st_size, about.st_mtime_ns)


@cache
def _read(path: Path, _size: int, _changed: int) -> str:
    """A file is read again once it was written again."""
    return files.sha256(path)
