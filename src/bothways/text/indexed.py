r"""One pair of token files in Megatron-LM's indexed layout, so that its tools read ours.

`.bin` holds the tokens of all sequences one after another. `.idx` holds, little endian: 9 bytes `MMIDIDX\0\0`,
version 1 (uint64), a code for the tokens' type (uint8), the number of sequences (uint64), the number of
document boundaries (uint64), then each sequence's length (int32), each one's byte offset in `.bin` (int64), and
the documents' boundaries as sequence numbers (int64, from 0 to the number of sequences). Here a sequence is a
sentence. See megatron/core/datasets/indexed_dataset.py in NVIDIA's Megatron-LM.
"""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bothways.errors import DataError

_MAGIC = b"MMIDIDX\0\0"
_HEADER = struct.Struct("<9sQBQQ")
_VERSION = 1
_TYPES: dict[int, type[np.integer]] = {4: np.int32, 8: np.uint16}
"""Megatron's codes; it has none for uint32."""


@dataclass(frozen=True)
class Encoded:
    """Tokenized documents: whole sentences, whole documents, no special tokens."""

    tokens: np.ndarray
    """uint16 or int32 [tokens]"""
    sentence_lengths: np.ndarray
    """int32 [sentences]: tokens in each."""
    document_sentences: np.ndarray
    """int64 [documents]: sentences in each."""


@dataclass(frozen=True)
class Index:
    """What an `.idx` file says, as views into it."""

    dtype: type[np.integer]
    lengths: np.ndarray
    """int32 [sentences]"""
    pointers: np.ndarray
    """int64 [sentences]: bytes into `.bin`."""
    documents: np.ndarray
    """int64 [documents + 1]: the first sentence of each, and the number of sentences."""


def token_type(vocabulary_size: int) -> type[np.integer]:
    """Return the smallest type that Megatron-LM, too, chooses for a vocabulary."""
    return np.uint16 if vocabulary_size < 65_500 else np.int32


def write_pair(stem: Path, encoded: Encoded) -> None:
    """Write `stem`.bin and `stem`.idx."""
    lengths = encoded.sentence_lengths.astype("<i4")
    dtype = encoded.tokens.dtype
    pointers = np.zeros(len(lengths), dtype="<i8")
    np.cumsum(lengths[:-1], dtype=np.int64, out=pointers[1:])
    boundaries = np.concatenate([[0], np.cumsum(encoded.document_sentences)]).astype("<i8")
    code = next(code for code, known in _TYPES.items() if known == dtype)
    header = _HEADER.pack(_MAGIC, _VERSION, code, len(lengths), len(boundaries))
    with stem.with_suffix(".bin").open("wb") as stream:
        stream.write(encoded.tokens.astype(dtype.newbyteorder("<")).tobytes())
    with stem.with_suffix(".idx").open("wb") as stream:
        stream.write(header)
        for part in (lengths, pointers * dtype.itemsize, boundaries):
            stream.write(part.tobytes())


def read_index(path: Path) -> Index:
    """Read an `.idx` file without copying it; `DataError` if it is of another kind or cut short."""
    content = np.memmap(path, dtype=np.uint8, mode="r")
    if len(content) < _HEADER.size:
        raise DataError(f"{path} is not an index of token shards: it is cut short; prepare the text again")
    magic, version, code, sentences, boundaries = _HEADER.unpack(content[: _HEADER.size].tobytes())
    if magic != _MAGIC or version != _VERSION or code not in _TYPES:
        raise DataError(
            f"{path} is not an index of token shards: its header is another; prepare the text again"
        )
    parts = []
    start = _HEADER.size
    for dtype, count in (("<i4", sentences), ("<i8", sentences), ("<i8", boundaries)):
        stop = start + count * np.dtype(dtype).itemsize
        if stop > len(content):
            raise DataError(
                f"{path} is cut short: {len(content)} bytes, expected {stop}; prepare the text again"
            )
        parts.append(content[start:stop].view(dtype))
        start = stop
    return Index(_TYPES[code], *parts)


def read_tokens(path: Path, dtype: type[np.integer]) -> np.ndarray:
    """Map a `.bin` file: [tokens]."""
    if path.stat().st_size == 0:
        return np.zeros(0, dtype=dtype)
    return np.memmap(path, dtype=np.dtype(dtype).newbyteorder("<"), mode="r")
