"""The one rule of what may see what.

    key k is visible to query q  ⇔  same document  ∧  enters[k] ≤ now[q] < leaves[k]  ∧  |position gap| ≤ window

Every objective is a choice of these integer vectors: masked language models leave them out (all visible), a causal
model ranks slots by their order, XLNet by a random factorisation order (Yang et al. 2019, equation 3), whose probes
look one rank earlier than their own token enters. Carried memory is visible at every rank. The window is not of the
batch but of a layer: most have none (Warner et al. 2024, section 2.1.2). Keys are laid out as [memory | slots], queries
as [slots | probes].
"""

import torch
from torch import Tensor

from bothways.batch import Batch, Memory


def visible(batch: Batch, memory: Memory | None = None) -> Tensor | None:
    """Return bool [rows, queries, keys], or None where every query sees every key."""
    ranks = _by_rank(batch)
    documents = _by_document(batch, memory)
    if ranks is not None and memory is not None:
        remembered = ranks.new_ones(*ranks.shape[:2], memory.length)
        ranks = torch.cat([remembered, ranks], dim=2)
    if ranks is None or documents is None:
        return documents if ranks is None else ranks
    return ranks & documents


def windowed(batch: Batch, seen: Tensor | None, window: int) -> Tensor | None:
    """Return what of `seen` (by `visible`, without memory) stands at most `window` positions away, either way.

    That is `seen` itself where rows are too short to hold anything farther, whatever their positions are.
    """
    if batch.num_slots <= window + 1:
        return seen
    gaps = batch.at_queries(batch.positions)[:, :, None] - batch.positions[:, None, :]
    near = gaps.abs() <= window
    return near if seen is None else seen & near


def nearer(batch: Batch, memory: int, limit: int) -> Tensor:
    """Return bool [rows, slots + probes, memory + slots]: the key stands less than `limit` places before the query.

    `same_length` of Dai et al.'s PyTorch code: with a full memory of `limit` every query of a causal row sees exactly
    `limit` keys, itself included. (Their TensorFlow code lets it see one more.)
    """
    slots = torch.arange(batch.num_slots, device=batch.tokens.device)
    places = batch.at_queries(slots.expand(len(batch.tokens), -1))
    keys = torch.arange(-memory, batch.num_slots, device=batch.tokens.device)
    return places[:, :, None] - keys < limit


def _by_rank(batch: Batch) -> Tensor | None:
    """Return bool [rows, slots + probes, slots]: `enters ≤ now < leaves`."""
    if batch.enters is None and batch.leaves is None:
        return None
    queries = batch.num_slots + batch.num_probes
    now = batch.tokens.new_zeros(len(batch.tokens), queries) if batch.now is None else batch.now
    seen = torch.ones((), dtype=torch.bool, device=now.device)
    if batch.enters is not None:
        seen = seen & (batch.enters[:, None, :] <= now[:, :, None])
    if batch.leaves is not None:
        seen = seen & (now[:, :, None] < batch.leaves[:, None, :])
    return seen


def _by_document(batch: Batch, memory: Memory | None) -> Tensor | None:
    """Return bool [rows, slots + probes, memory + slots]: both of the same document."""
    if batch.documents is None:
        return None
    keys = batch.documents
    if memory is not None:
        if memory.documents is None:
            raise ValueError("a batch with document numbers needs them in its memory too")
        keys = torch.cat([memory.documents, keys], dim=1)
    return batch.at_queries(batch.documents)[:, :, None] == keys[:, None, :]
