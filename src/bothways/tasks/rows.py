"""Texts as rows: special tokens around them, cut to the longest that a model reads, padded where it wants them.

    BERT and relatives   [CLS] A [SEP]      [CLS] A [SEP] B [SEP]     padded on the right
    XLNet                A <sep> <cls>      A <sep> B <sep> <cls>     padded on the left

CLS stands where a row ends or begins, so padding on its far side leaves it at one slot for all rows.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from tokenizers import Encoding, Tokenizer
from torch import Tensor

from bothways.batch import NEVER, Batch, Examples
from bothways.text.tokenizer import Layout
from bothways.vocabulary import Vocabulary

SPECIAL, FIRST, SECOND = 0, 1, 2
"""What a slot belongs to: special tokens and padding, the first text, the second."""


@dataclass(frozen=True)
class Reader:
    """How a model reads a task's texts."""

    tokenizer: Tokenizer
    vocabulary: Vocabulary
    layout: Layout
    has_segments: bool
    """Whether the parts of a pair are told apart."""
    length: int
    """The longest row, in slots, special tokens included."""

    def encode(self, text: str) -> Encoding:
        """Return a text's tokens, with the characters that each stands for."""
        return self.tokenizer.encode(text, add_special_tokens=False)


@dataclass(frozen=True)
class Row:
    """One row of text as a model reads it, without padding."""

    tokens: np.ndarray
    """int32 [slots]"""
    segments: np.ndarray
    """int32 [slots]"""
    parts: np.ndarray
    """int8 [slots]: `SPECIAL`, `FIRST` or `SECOND`."""
    label: Any = None
    """What a task wants of the row, in its own form; None where it is asked."""
    soft: np.ndarray | None = None
    """float32, the same from teachers: see `Task.soft_targets`."""
    note: Any = None
    """What a task must remember to read the answer, such as which word each slot belongs to."""

    def __len__(self) -> int:
        return len(self.tokens)


Item = tuple[Row, ...]
"""What stays together in training: one row; all choices of a question; both texts of a pair."""


@dataclass(frozen=True)
class TaskExamples(Examples):
    """Rows of one task, padded."""

    parts: np.ndarray = field(kw_only=True)
    """int8 [rows, slots]"""
    wanted: np.ndarray = field(kw_only=True)
    """What a task wants, items first: see its `wanted`."""
    soft: np.ndarray | None = None
    task: str | None = None
    """Which of several tasks; absent where there is one."""


@dataclass(frozen=True)
class TaskBatch(Batch):
    """What an encoder reads and a task scores (tensors)."""

    parts: Tensor = field(kw_only=True)
    """int64 [rows, slots]: `SPECIAL`, `FIRST` or `SECOND`."""
    wanted: Tensor = field(kw_only=True)
    """As in `TaskExamples`."""
    soft: Tensor | None = None
    """float32, as `wanted` from teachers."""
    task: str | None = None


def lay_out_row(reader: Reader, first: Sequence[int], second: Sequence[int] | None = None) -> Row:
    """Put special tokens around one text or two; both must fit."""
    sep, cls = [reader.vocabulary.sep], [reader.vocabulary.cls]
    pieces: list[tuple[Sequence[int], int, int]] = [(first, 0, FIRST), (sep, 0, SPECIAL)]
    if second is not None:
        pieces += [(second, 1, SECOND), (sep, 1, SPECIAL)]
    if reader.layout == "cls_first":
        pieces.insert(0, (cls, 0, SPECIAL))
    else:
        pieces.append((cls, 2, SPECIAL))
    tokens = np.concatenate([np.asarray(piece, dtype=np.int32) for piece, _, _ in pieces])
    segments, parts = (
        np.repeat([piece[part] for piece in pieces], [len(piece[0]) for piece in pieces]) for part in (1, 2)
    )
    if not reader.has_segments:
        segments = np.zeros_like(segments)
    return Row(tokens, segments.astype(np.int32), parts.astype(np.int8))


def room(reader: Reader, *, is_pair: bool) -> int:
    """Return how many tokens of text fit into a row."""
    return reader.length - (3 if is_pair else 2)


def shares(first: int, second: int, limit: int) -> tuple[int, int]:
    """Return how many tokens two texts of these lengths keep of `limit`: the longer one loses first.

    BERT's released code takes a token at a time from the longer one; this is where that ends.
    """
    if first + second <= limit:
        return first, second
    shorter = min(first, second, limit // 2)
    return (shorter, limit - shorter) if first <= second else (limit - shorter, shorter)


def pad(rows: Sequence[Row], layout: Layout, padding: int) -> dict[str, np.ndarray]:
    """Return `tokens`, `segments`, `positions` and `parts` [rows, slots] of rows padded to the longest.

    Positions count from 0 at the row's first slot, padding included: models whose rows are padded on the left look at
    distances only.
    """
    width = max(len(row) for row in rows)
    shape = (len(rows), width)
    padded: dict[str, np.ndarray] = {
        "tokens": np.full(shape, padding, dtype=np.int32),
        "segments": np.zeros(shape, dtype=np.int32),
        "positions": np.tile(np.arange(width, dtype=np.int32), (len(rows), 1)),
        "parts": np.zeros(shape, dtype=np.int8),
    }
    for number, row in enumerate(rows):
        place = slots_of(len(row), width, layout)
        for name in ("tokens", "segments", "parts"):
            padded[name][number, place] = getattr(row, name)
    return padded


def slots_of(length: int, width: int, layout: Layout) -> slice:
    """Return where a row of `length` slots stands in a padded one of `width`."""
    return slice(0, length) if layout == "cls_first" else slice(width - length, width)


def pad_slots(values: Sequence[np.ndarray], width: int, layout: Layout, fill: float) -> np.ndarray:
    """Return what stands at each slot of rows, [slots, ...] each, padded to `width` slots with `fill`."""
    padded = np.full((len(values), width, *values[0].shape[1:]), fill, dtype=values[0].dtype)
    for number, value in enumerate(values):
        padded[number, slots_of(len(value), width, layout)] = value
    return padded


def all_slots(examples: TaskExamples) -> np.ndarray:
    """Return every slot of every row, int64 [rows, slots]."""
    rows, slots = examples.tokens.shape
    return np.tile(np.arange(slots), (rows, 1))


def as_batch(
    examples: TaskExamples, vocabulary: Vocabulary, *, is_causal: bool, asked: np.ndarray
) -> TaskBatch:
    """Build the batch that shows every slot to all others, or, for models that read from the left, to later ones.

    `asked` is int64 [rows, asked]: the queries whose states a task reads.
    """
    is_padding = examples.tokens == vocabulary.pad
    rank = np.zeros(is_padding.shape, dtype=np.int64)
    if is_causal:
        rank += np.arange(is_padding.shape[1])
    hides = is_causal or bool(is_padding.any())
    none = torch.zeros(0, dtype=torch.int64)
    return TaskBatch(
        tokens=_tensor(examples.tokens),
        segments=_tensor(examples.segments),
        positions=_tensor(examples.positions),
        scored=none,
        targets=none,
        asked=_tensor(asked),
        enters=_tensor(np.where(is_padding, NEVER, rank)) if hides else None,
        now=_tensor(rank) if hides else None,
        parts=_tensor(examples.parts),
        wanted=torch.from_numpy(np.ascontiguousarray(examples.wanted)),
        soft=None if examples.soft is None else torch.from_numpy(examples.soft),
        task=examples.task,
    )


def in_segments(batch: TaskBatch, window: int, padding: int) -> list[TaskBatch]:
    """Cut a batch into segments of `window` slots, the first perhaps shorter; each is the memory of the next.

    Rows padded on the left end together, so their last segment is full. What hides padding from the next segment is its
    document: memory carries no ranks (Yang et al. 2019, section 2.4; Dai et al. 2019, section 3.2).
    """
    documents = torch.where(batch.tokens == padding, -1, 0)
    first = batch.num_slots % window or window
    bounds = [0, *range(first, batch.num_slots + 1, window)]
    return [_cut(batch, documents, start, stop) for start, stop in itertools.pairwise(bounds)]


def _cut(batch: TaskBatch, documents: Tensor, start: int, stop: int) -> TaskBatch:
    part = slice(start, stop)
    names = ("tokens", "segments", "positions", "enters", "now", "parts")
    cut = {name: value[:, part] for name in names if (value := getattr(batch, name)) is not None}
    is_last = stop == batch.num_slots
    asked = batch.asked - start if is_last and batch.asked is not None else None
    return replace(
        batch, **cut, documents=documents[:, part], asked=asked, carry=0 if is_last else stop - start
    )


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.int64))
