"""What a number depends on, as checksums: results stay valid wherever the files are moved to."""

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from bothways import files


@cache
def of_data(path: Path) -> str:
    """Return the checksum of a file, or of all files in a folder with their names."""
    return files.sha256(path) if path.is_file() else _of_all(path, sorted(path.rglob("*")))


@cache
def of_model(folder: Path) -> str:
    """Return the checksum of a model: its configuration, tokenizer and weights."""
    parts = [folder / "config.json", folder / "tokenizer.json", *sorted(folder.glob("*.safetensors"))]
    return _of_all(folder, parts)


def of_values(values: Any) -> str:
    """Return the checksum of JSON values."""
    return files.digest(json.dumps(values, sort_keys=True))


def _of_all(folder: Path, paths: Iterable[Path]) -> str:
    sums = {str(path.relative_to(folder)): files.sha256(path) for path in paths if path.is_file()}
    return of_values(sums)
