"""Small labelled files, written where a test wants them."""

import gzip
from pathlib import Path

import zstandard

PACKERS = {".gz": gzip.compress, ".zst": zstandard.compress}


def write(folder: Path, name: str, content: str | bytes) -> str:
    """Write a file, packed as its name says, and return its path."""
    data = content.encode("utf-8") if isinstance(content, str) else content
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(PACKERS.get(path.suffix, bytes)(data))
    return str(path)
