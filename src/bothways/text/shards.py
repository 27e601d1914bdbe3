"""Token shards as one read-only sequence of documents, mapped into memory and verified when opened."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from bothways import files
from bothways.errors import DataError
from bothways.text.encode import MANIFEST, ShardWriter, sealed, write_shards
from bothways.text.indexed import Index, read_index, read_tokens

__all__ = ["MANIFEST", "ShardWriter", "Shards", "read_manifest", "write_shards"]


class Shards:
    """The documents of a folder that `write_shards` wrote; no special tokens are among their tokens."""

    def __init__(self, manifest: dict[str, Any], pairs: list[tuple[Index, np.ndarray]]) -> None:
        self.manifest = manifest
        self.fingerprint: str = manifest["seal"]
        """SHA-256 that changes with any token, document boundary or the tokenizer."""
        self._pairs = pairs
        # Document i is in the last shard that begins at or before i.
        self._first = np.cumsum([0, *(len(index.documents) - 1 for index, _ in pairs)])
        lengths = [np.zeros(0, dtype=np.int64), *(_document_lengths(index) for index, _ in pairs)]
        self.document_lengths: np.ndarray = np.concatenate(lengths)
        """int64 [documents]: tokens in each."""
        self.num_documents = len(self.document_lengths)
        self.num_sentences = sum(len(index.lengths) for index, _ in pairs)
        self.num_tokens = int(self.document_lengths.sum())

    @classmethod
    def open(cls, folder: Path, verify: bool = True) -> "Shards":
        """Open a folder of shards, its checksums compared unless `verify` is false.

        Raises `DataError` that names the first file that is missing or differs, with both checksums.
        """
        manifest = read_manifest(folder)
        pairs = []
        for note in manifest["shards"]:
            stem = folder / note["name"]
            for extension, expected in note["sha256"].items():
                _check(stem.with_suffix(extension), expected, verify)
            index = read_index(stem.with_suffix(".idx"))
            pairs.append((index, read_tokens(stem.with_suffix(".bin"), index.dtype)))
        return cls(manifest, pairs)

    def document(self, i: int) -> np.ndarray:
        """Return document `i`'s tokens, uint16 or int32 [tokens]: a view into the file, read where it is used."""
        index, tokens, number = self._place(i)
        start = index.pointers[index.documents[number]] // tokens.itemsize
        return tokens[start : start + self.document_lengths[i]]

    def sentence_lengths(self, i: int) -> np.ndarray:
        """Return the lengths of document `i`'s sentences in tokens: int64 [sentences]."""
        index, _, number = self._place(i)
        return np.asarray(
            index.lengths[index.documents[number] : index.documents[number + 1]], dtype=np.int64
        )

    def _place(self, i: int) -> tuple[Index, np.ndarray, int]:
        if not 0 <= i < self.num_documents:
            raise IndexError(f"document {i} of {self.num_documents}")
        shard = int(np.searchsorted(self._first, i, side="right")) - 1
        index, tokens = self._pairs[shard]
        return index, tokens, int(i - self._first[shard])


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read and verify a folder's manifest; `DataError` if there is none or it was changed."""
    path = folder / MANIFEST
    if not path.is_file():
        raise DataError(f"no token shards in {folder}: it has no {MANIFEST}; run `bothways prepare` first")
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        expected, actual = manifest.get("seal"), sealed(manifest)["seal"]
    except (ValueError, AttributeError) as error:
        raise DataError(
            f"{path} is damaged: it is not JSON; delete {folder} and prepare the text again"
        ) from error
    if expected != actual:
        raise DataError(_damaged(path, str(expected), actual))
    return manifest


def _check(path: Path, expected: str, verify: bool) -> None:
    if not path.is_file():
        raise DataError(f"{path} is missing; delete {path.parent} and prepare the text again")
    if verify and (actual := files.sha256(path)) != expected:
        raise DataError(_damaged(path, expected, actual))


def _damaged(path: Path, expected: str, actual: str) -> str:
    return (
        f"{path} is damaged: its sha256 should be {expected} but is {actual}; "
        f"delete {path.parent} and prepare the text again"
    )


def _document_lengths(index: Index) -> np.ndarray:
    """Tokens in each document: int64 [documents]."""
    ends = np.concatenate([[0], np.cumsum(index.lengths, dtype=np.int64)])
    return np.diff(ends[index.documents])
