"""From a corrupted row to a batch: ranks, blocks and probes, the same way for every objective."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bothways.batch import IGNORED, NEVER, Batch, Examples
from bothways.objectives.masking import read_backward
from bothways.vocabulary import Vocabulary


@dataclass(frozen=True)
class Ranks:
    """When slots enter and when slots and probes look (int64 NumPy arrays, as in `Batch`)."""

    enters: np.ndarray
    """[rows, slots]"""
    now: np.ndarray
    """[rows, slots]"""


def lay_out(
    examples: Examples,
    tokens: np.ndarray,
    scored: np.ndarray,
    vocabulary: Vocabulary,
    *,
    ranks: Ranks | None = None,
    probing: bool = False,
) -> Batch:
    """Build the batch in which `scored` (bool [rows, slots]) is predicted.

    `tokens` are the rows as the model sees them. With `probing`, each scored slot is predicted by a probe that looks
    one rank before its own; else by the slot itself. Padding is never seen. In a stream row, everything in the
    second block enters and looks later than everything in the first, whose states become the next row's memory.
    """
    is_padding = examples.tokens == vocabulary.pad
    enters, now = _ranked(examples, ranks, is_padding)
    row, slot = np.nonzero(scored)
    probes = None
    flat = row * tokens.shape[1] + slot
    targets = examples.tokens[row, slot]
    if probing:
        probes, filled = _probes(scored)
        width = tokens.shape[1] + probes.shape[1]
        in_row = np.broadcast_to(np.arange(tokens.shape[1], width), probes.shape)
        flat = (np.arange(len(tokens))[:, None] * width + in_row).ravel()
        targets = np.where(filled, np.take_along_axis(examples.tokens, probes, axis=1), IGNORED).ravel()
        assert now is not None
        looking = np.where(filled, np.take_along_axis(now, probes, axis=1) - 1, -1)
        now = np.concatenate([now, looking], axis=1)
    backward = read_backward(examples.positions)
    return Batch(
        tokens=_tensor(tokens),
        segments=_tensor(examples.segments),
        positions=_tensor(examples.positions),
        scored=_tensor(flat),
        targets=_tensor(targets),
        probes=None if probes is None else _tensor(probes),
        documents=None if examples.documents is None else _tensor(examples.documents),
        enters=None if enters is None else _tensor(enters),
        now=None if now is None else _tensor(now),
        backward=torch.from_numpy(backward) if backward.any() else None,
        labels=None if examples.labels is None else _tensor(examples.labels),
        carry=examples.carry,
    )


def _ranked(
    examples: Examples, ranks: Ranks | None, is_padding: np.ndarray
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return `enters` and `now` over slots, or None where all slots are always visible to all."""
    if ranks is None and examples.second_block is None and not is_padding.any():
        return None, None
    zeros = np.zeros(examples.tokens.shape, dtype=np.int64)
    enters, now = (zeros, zeros) if ranks is None else (ranks.enters, ranks.now)
    if examples.second_block is not None:
        first = slice(examples.second_block)
        later = 1 + np.maximum(enters[:, first].max(axis=1), now[:, first].max(axis=1))
        in_second = np.arange(enters.shape[1]) >= examples.second_block
        shift = later[:, None] * in_second
        enters, now = enters + shift, now + shift
    return np.where(is_padding, NEVER, enters), now


def _probes(scored: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the scored slots of each row [rows, probes], and which of them are real (rows are filled up)."""
    count = scored.sum(axis=1)
    probes = np.argsort(~scored, axis=1, kind="stable")[:, : max(1, count.max(initial=0))]
    return probes, np.arange(probes.shape[1]) < count[:, None]


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.int64))
