"""Useful floating-point work of one training step: what the mathematics asks for, however it is computed.

Matrix products only, 2·m·k·n operations each, forward once and backward twice (the gradient of either factor).
Useful is what reaches the loss:

- rows of slots that hold text, and of probes that are scored; in the last layer keys and values of all slots, but
  queries, output and feed-forward of the scored rows alone;
- scores over keys of the query's own document: the sum of squared document lengths, not rows · L²;
- for relative attention one product with a distance for each of those keys, not with all 2L distances, and one
  projection of the distances a layer and direction, whose input needs no gradient;
- the vocabulary at scored rows.

The factorisation order hides about half of the keys from a probe; they are counted, since nobody skips them one by one.
"""

import torch
from torch import Tensor

from bothways.batch import IGNORED, NEVER, Batch
from bothways.model.backbones.transformer_xl import TransformerXLSettings
from bothways.model.settings import EncoderSettings


def useful_work(settings: EncoderSettings, vocabulary: int, batch: Batch, memory: int = 0) -> float:
    """Return the floating-point operations of a step over `batch`, after `memory` remembered slots a row.

    `vocabulary` is the number of tokens. Memory is taken to be full and, without document numbers, all visible.
    """
    is_relative = isinstance(settings, TransformerXLSettings)
    every, scored = _queries(batch), _scored(batch)
    keys = _keys(batch)
    remembered = len(batch.tokens) * memory
    layers = [every] * (settings.layers - 1) + [scored]
    work = 0.0
    for queries in layers:
        pairs = _pairs(batch, queries, keys, memory)
        work += 3 * _layer(settings, int(queries.sum()), int(keys.sum()) + remembered, pairs)
        if is_relative:
            work += 3 * 2 * settings.width * pairs
            work += 2 * 2 * settings.width**2 * _distances(batch, memory)
    # BERT's head has a layer of its own before the vocabulary.
    head = settings.width * vocabulary + (0 if is_relative else settings.width**2)
    return work + 3 * 2 * head * int(scored.sum())


def _layer(settings: EncoderSettings, queries: int, keys: int, pairs: int) -> float:
    """Return the forward work of one block without relative positions."""
    width = settings.width
    projections = 2 * queries * width**2 + 2 * keys * width**2
    feed_forward = 2 * queries * width * settings.feed_forward
    return 2.0 * (projections + feed_forward + 2 * width * pairs)


def _keys(batch: Batch) -> Tensor:
    """Return bool [rows, slots]: slots that hold text."""
    return torch.ones_like(batch.tokens, dtype=torch.bool) if batch.enters is None else batch.enters < NEVER


def _queries(batch: Batch) -> Tensor:
    """Return bool [rows, slots + probes]: slots that hold text, and probes that are scored."""
    width = batch.num_slots + batch.num_probes
    asking = _scored(batch)
    asking[:, : batch.num_slots] = _keys(batch)
    return asking.view(-1, width)


def _scored(batch: Batch) -> Tensor:
    """Return bool [rows, slots + probes]: where a loss is taken."""
    scored = torch.zeros(len(batch.tokens), batch.num_slots + batch.num_probes, dtype=torch.bool)
    scored.view(-1)[batch.scored[batch.targets != IGNORED]] = True
    return scored


def _pairs(batch: Batch, queries: Tensor, keys: Tensor, memory: int) -> int:
    """Return how many (query, key) pairs are of one document, memory included."""
    if batch.documents is None:
        return int((queries.sum(1) * (keys.sum(1) + memory)).sum())
    count = int(batch.documents.max()) + 1
    of_queries, of_keys = (
        torch.zeros(len(batch.tokens), count, dtype=torch.int64).scatter_add_(1, documents, chosen.long())
        for documents, chosen in ((batch.at_queries(batch.documents), queries), (batch.documents, keys))
    )
    # What memory holds is another batch's business: its slots are taken to be of the first document.
    of_keys[:, 0] += memory
    return int((of_queries * of_keys).sum())


def _distances(batch: Batch, memory: int) -> int:
    directions = 1 if batch.backward is None else 2
    return directions * (2 * batch.num_slots + memory - 1)
