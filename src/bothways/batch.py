"""What flows through the house: examples, corrupted batches, carried memory, losses.

A batch says *what a position may see* and *which positions are scored* in integer vectors, so that every
objective runs on every backbone. `model/visibility.py` holds the one rule that reads them.

Content *slots* carry tokens. *Probes* are further query positions that stand at the place of a slot but carry no
token, and no key projection ever sees them. XLNet's query stream is nothing but probes (Yang et al. 2019,
section 2.3). In vectors over both, probes follow the slots. *Placeholders* are the last slots of a row: they repeat the
positions of slots whose tokens are hidden, and show `[MASK]` until those enter (MPNet: Song et al. 2020, section 2.3).
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

NEVER = 2**30
"""An `enters` rank that no query reaches: the slot is invisible (padding)."""

IGNORED = -100
"""A target that is not scored; it pads `scored` to a fixed length."""


@dataclass(frozen=True)
class Examples:
    """Rows of text as a format lays them out, before an objective corrupts them (NumPy, on the host)."""

    tokens: np.ndarray
    """int32 [rows, slots]; unused slots hold the padding token."""
    segments: np.ndarray
    """int32 [rows, slots]: 0 for A, 1 for B, 2 for XLNet's CLS."""
    positions: np.ndarray
    """int32 [rows, slots]; negated in rows that are read from right to left."""
    documents: np.ndarray | None = None
    """int32 [rows, slots]: only slots of one number see each other; absent: every row is one document."""
    second_block: int | None = None
    """First slot of a stream row's second half, which the first half must never see."""
    carry: int = 0
    """How many leading slots become the next row's memory (XLNet's `reuse_len`)."""
    labels: np.ndarray | None = None
    """int64 [rows]: 0 where B continues A, 1 where it does not (as in BERT's released code)."""


@dataclass(frozen=True)
class Batch:
    """What an encoder reads and an objective scores (tensors).

    Slots that see each other must hold consecutive places: their positions run by ones, upwards, or downwards in
    `backward` rows. Transformer-XL's attention relies on it; placeholders go to backbones with `repeated positions`.
    """

    tokens: Tensor
    """int64 [rows, slots]"""
    segments: Tensor
    """int64 [rows, slots]"""
    positions: Tensor
    """int64 [rows, slots]"""
    scored: Tensor
    """int64 [scored]: flat indices into [rows, slots + probes]."""
    targets: Tensor
    """int64 [scored]: the true tokens there, or `IGNORED`."""
    asked: Tensor | None = None
    """int64 [rows, asked]: the scored queries of each row, filled up with any others; absent: any may be."""
    probes: Tensor | None = None
    """int64 [rows, probes]: the slot at whose place each probe stands."""
    documents: Tensor | None = None
    """int64 [rows, slots]; absent: one document per row."""
    runs: Tensor | None = None
    """int32 [documents + 1]: where each begins in all rows, one after the other, and the end; only where documents are
    all that hides anything."""
    enters: Tensor | None = None
    """int64 [rows, slots]: the rank from which a slot is visible; absent: always."""
    leaves: Tensor | None = None
    """int64 [rows, slots]: the rank from which a slot is hidden again; absent: never."""
    now: Tensor | None = None
    """int64 [rows, slots + probes]: the rank at which a slot or probe looks; absent: 0."""
    backward: Tensor | None = None
    """bool [rows]: rows read from right to left (their positions fall); absent: none is."""
    labels: Tensor | None = None
    """int64 [rows]: whether B continues A (0) or not (1)."""
    carry: int = 0
    """How many leading slots become the next row's memory."""
    placeholders: int = 0
    """How many of the last slots stand for others and are no text."""

    @property
    def num_slots(self) -> int:
        return self.tokens.shape[1]

    @property
    def num_probes(self) -> int:
        return 0 if self.probes is None else self.probes.shape[1]

    @property
    def num_tokens(self) -> int:
        """Slots that hold text, padding left out; on a batch that is still on the host this waits for nothing."""
        text = self.num_slots - self.placeholders
        return len(self.tokens) * text if self.enters is None else int((self.enters[:, :text] < NEVER).sum())

    def at_queries(self, vector: Tensor) -> Tensor:
        """Extend a vector over slots [rows, slots] to slots and probes [rows, slots + probes]."""
        return vector if self.probes is None else torch.cat([vector, vector.gather(1, self.probes)], dim=1)

    def shown(self, at_probes: int) -> Tensor:
        """Return the token that each slot shows, and `at_probes` for every probe, int64 [rows, slots + probes]."""
        if self.probes is None:
            return self.tokens
        return torch.cat([self.tokens, torch.full_like(self.probes, at_probes)], dim=1)

    def to(self, device: torch.device | str) -> "Batch":
        """Return the batch with every tensor on `device`."""
        moved: dict[str, Any] = {
            field.name: value.to(device, non_blocking=True)
            for field in dataclasses.fields(self)
            if isinstance(value := getattr(self, field.name), Tensor)
        }
        return dataclasses.replace(self, **moved)


@dataclass(frozen=True)
class Memory:
    """Hidden states of the slots directly before a row (Transformer-XL's recurrence); always segment 0."""

    states: tuple[Tensor, ...]
    """One float [rows, length, width] per layer: that layer's *input*, detached."""
    documents: Tensor | None = None
    """int64 [rows, length]; absent: visible to every slot."""

    @property
    def length(self) -> int:
        return self.states[0].shape[1]


@dataclass(frozen=True)
class Loss:
    """One part of an objective, as a sum in nats.

    The mean is taken once, over all ranks and micro-batches, by the training loop: how many items a part runs over, its
    objective counts on the host, where nothing waits for a GPU.
    """

    sum: Tensor
    """float []"""
    weight: float = 1.0


Losses = dict[str, Loss]
