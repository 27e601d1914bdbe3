"""From a corrupted row to a batch: ranks, blocks and probes, the same way for every objective."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bothways.batch import IGNORED, NEVER, Batch, Examples
from bothways.objectives.words import read_backward
from bothways.vocabulary import Vocabulary


@dataclass(frozen=True)
class Ranks:
    """When slots enter and when slots and probes look (int64 NumPy arrays, as in `Batch`)."""

    enters: np.ndarray
    """[rows, slots]"""
    now: np.ndarray
    """[rows, slots]"""
    leaves: np.ndarray | None = None
    """[rows, slots]: the rank from which a slot is hidden again; absent: never."""


def lay_out(
    examples: Examples,
    tokens: np.ndarray,
    scored: np.ndarray,
    vocabulary: Vocabulary,
    *,
    ranks: Ranks | None = None,
    probing: bool = False,
    truth: np.ndarray | None = None,
    placeholders: int = 0,
) -> Batch:
    """Build the batch in which `scored` (bool [rows, slots]) is predicted.

    `tokens` are the rows as the model sees them. With `probing`, each scored slot is predicted by a probe that looks
    one rank before its own; else by the slot itself. `truth` (int [rows, slots]) is what each slot is to predict, its
    own token unless it is given. The last `placeholders` slots are no text. Padding is never seen. In a stream row,
    everything in the second block enters and looks later than everything in the first, whose states become the next
    row's memory.
    """
    enters, now = _ranked(examples, ranks, examples.tokens == vocabulary.pad)
    flat = np.flatnonzero(scored)
    targets = (examples.tokens if truth is None else truth).ravel()[flat]
    probes = None
    if probing:
        assert now is not None
        probes, is_filled = line_up(flat, scored.shape)
        rows, slots = scored.shape
        width = slots + probes.shape[1]
        filled_targets = np.full(probes.shape, IGNORED)
        filled_targets[is_filled] = targets
        targets = filled_targets.ravel()
        looking = np.full(probes.shape, -1)
        looking[is_filled] = now.ravel()[flat] - 1
        now = np.concatenate([now, looking], axis=1)
        flat = (np.arange(0, rows * width, width)[:, None] + np.arange(slots, width)).ravel()
        asked = np.tile(np.arange(slots, width), (rows, 1))
    else:
        asked, _ = line_up(flat, scored.shape)
    backward = read_backward(examples.positions)
    return Batch(
        tokens=_tensor(tokens),
        segments=_tensor(examples.segments),
        positions=_tensor(examples.positions),
        scored=_tensor(flat),
        targets=_tensor(targets),
        asked=_tensor(asked),
        probes=None if probes is None else _tensor(probes),
        documents=None if examples.documents is None else _tensor(examples.documents),
        runs=None if examples.documents is None or enters is not None else _runs(examples.documents),
        enters=None if enters is None else _tensor(enters),
        leaves=None if ranks is None or ranks.leaves is None else _tensor(ranks.leaves),
        now=None if now is None else _tensor(now),
        backward=torch.from_numpy(backward) if backward.any() else None,
        labels=None if examples.labels is None else _tensor(examples.labels),
        carry=examples.carry,
        placeholders=placeholders,
    )


def draw_ranks(permuted: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a random order 1, 2, 3... of each row's permuted slots, int64 [rows, slots]; 0 for the others."""
    slots = np.flatnonzero(permuted)
    row = slots // permuted.shape[1]
    before = np.searchsorted(row, np.arange(len(permuted)))
    ranks = np.zeros(permuted.shape, dtype=np.int64)
    # Sorted by row and then by chance: rows stay where they are, so number i of all has the row `row[i]`.
    order = np.argsort(row + rng.random(len(row)))
    ranks.ravel()[slots[order]] = np.arange(1, len(row) + 1) - before[row]
    return ranks


def ranks_as_read(permuted: np.ndarray) -> np.ndarray:
    """Return the order 1, 2, 3... in which each row's permuted slots stand, int64 [rows, slots]; 0 for the others."""
    return np.where(permuted, np.cumsum(permuted, axis=1), 0)


def _ranked(
    examples: Examples, ranks: Ranks | None, is_padding: np.ndarray
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return `enters` and `now` over slots, or None where all slots are always visible to all."""
    if ranks is None and examples.second_block is None and not is_padding.any():
        return None, None
    if ranks is None:
        enters = now = np.zeros(examples.tokens.shape, dtype=np.int64)
    else:
        enters, now = ranks.enters, ranks.now
    if examples.second_block is not None:
        first = slice(examples.second_block)
        later = 1 + np.maximum(enters[:, first].max(axis=1), now[:, first].max(axis=1))
        is_same = now is enters
        enters = _delay(enters, examples.second_block, later)
        now = enters if is_same else _delay(now, examples.second_block, later)
    return np.where(is_padding, NEVER, enters), now


def _delay(ranks: np.ndarray, second_block: int, later: np.ndarray) -> np.ndarray:
    """Return ranks [rows, slots] with `later` [rows] added in the second block."""
    delayed = ranks.copy()
    delayed[:, second_block:] += later[:, None]
    return delayed


def line_up(chosen: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return the chosen slots of each row [rows, most], and which of them are real (rows are filled up with slot 0).

    `chosen` counts slots through the rows of `shape`, rising.
    """
    row, slot = np.divmod(chosen, shape[1])
    count = np.bincount(row, minlength=shape[0])
    is_filled = np.arange(max(1, count.max(initial=0))) < count[:, None]
    probes = np.zeros(is_filled.shape, dtype=np.int64)
    probes[is_filled] = slot
    return probes, is_filled


def _runs(documents: np.ndarray) -> Tensor:
    """Return where a document begins in all rows, one after the other, and the end, int32 [documents + 1]."""
    begins = np.ones_like(documents, dtype=bool)
    begins[:, 1:] = documents[:, 1:] != documents[:, :-1]
    return torch.from_numpy(np.append(np.flatnonzero(begins), documents.size).astype(np.int32))


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.int64))
