"""Useful floating-point work of one training step: what the mathematics asks for, however it is computed.

Matrix products only, 2·m·k·n operations each, forward once and backward twice (the gradient of either factor).
Useful is what reaches the loss:

- rows of slots that hold text or a placeholder, and of probes that are scored; in the last layer keys and values of all
  slots, but queries, output and feed-forward alone of what a loss reads;
- scores over keys of the query's own document: the sum of squared document lengths, not rows · L²; in local layers, of
  those within the window;
- for relative attention one product with a distance for each of those keys, not with all 2L distances, and one
  projection of the distances a layer and direction, whose input needs no gradient;
- the vocabulary at scored rows, or with adaptive softmax the parts of it that their targets lie in;
- for replaced tokens, the generator's step and the discriminator's, which reads and judges all that holds text.

The factorisation order hides about half of the keys from a probe; they are counted, since nobody skips them one by one.
"""

import torch
from torch import Tensor, nn

from bothways.batch import IGNORED, NEVER, Batch
from bothways.model.encoder import Encoder
from bothways.model.heads import AdaptiveHead, Head, VocabularyHead
from bothways.model.visibility import windowed
from bothways.objectives.auxiliary import Auxiliary
from bothways.objectives.base import Objective
from bothways.objectives.replaced import Replaced

FORWARD_AND_BACKWARD = 3 * 2
"""Operations for each number of one factor and each row of the other."""


def useful_work(encoder: Encoder, objective: Objective, batch: Batch, memory: int = 0) -> float:
    """Return the floating-point operations of a step over `batch` (on the host), after `memory` slots a row.

    Memory is taken to be full and, without document numbers, all visible.
    """
    embedding, scored = encoder.token_embedding, _scored(batch)
    extras = [extra for extra in objective.extras.values() if isinstance(extra, Auxiliary)]
    work = sum(_extra(extra, embedding, batch) for extra in extras)
    if isinstance(objective, Replaced):
        generator, text = objective.generator, _keys(batch)
        work += _encoder(generator.encoder, batch, scored, memory)
        work += _head(generator.objective.head, embedding, batch.targets)
        work += FORWARD_AND_BACKWARD * _weights(objective.detector) * int(text.sum())
        return work + _encoder(encoder, batch, text, memory)
    read = scored.clone()
    for extra in extras:
        read.scatter_(1, extra.reads(batch), True)
    return work + _encoder(encoder, batch, read, memory) + _head(objective.head, embedding, batch.targets)


def _encoder(encoder: Encoder, batch: Batch, read: Tensor, memory: int) -> float:
    """Return the work of an encoder of which `read` (bool [rows, slots + probes]) is read in the end."""
    queries, keys = _queries(batch), _keys(batch)
    sources = int(keys.sum()) + len(batch.tokens) * memory
    work = FORWARD_AND_BACKWARD * _weights(encoder.projection) * int(queries.sum())
    last = len(encoder.blocks) - 1
    windows: list[int | None] = getattr(encoder.settings, "windows", [None] * (last + 1))
    for layer, (block, window) in enumerate(zip(encoder.blocks, windows, strict=True)):
        asking = read if layer == last else queries
        sizes = _sizes(block)
        of_sources = sizes.pop("attention.key") + sizes.pop("attention.value")
        of_distances = sizes.pop("attention.distance", 0)
        # Scores and mixing are a product each, and relative positions give another one.
        products = (3 if of_distances else 2) * encoder.settings.width
        work += FORWARD_AND_BACKWARD * sum(sizes.values()) * int(asking.sum())
        work += FORWARD_AND_BACKWARD * of_sources * sources
        work += FORWARD_AND_BACKWARD * products * _pairs(batch, asking, keys, memory, window)
        # Distances are constants: no gradient flows to them.
        work += 2 * 2 * of_distances * _distances(batch, memory)
    return work


def _head(head: Head, embedding: Tensor, targets: Tensor) -> float:
    """Return the work of scoring `targets`, int64 [scored]."""
    targets = targets[targets != IGNORED]
    if isinstance(head, AdaptiveHead):
        inside = sum(int(((targets >= a) & (targets < b)).sum()) * (b - a) for a, b in head.ranges)
        tokens = len(targets) * (head.frequent + len(head.ranges)) + inside
        return FORWARD_AND_BACKWARD * embedding.shape[1] * tokens
    return FORWARD_AND_BACKWARD * (_weights(head.transform) + embedding.numel()) * len(targets)


def _extra(extra: Auxiliary, embedding: Tensor, batch: Batch) -> float:
    """Return the work of an auxiliary loss beyond the encoder."""
    has_vocabulary = any(isinstance(part, VocabularyHead) for part in extra.modules())
    weights = _weights(extra) + (embedding.numel() if has_vocabulary else 0)
    return FORWARD_AND_BACKWARD * weights * extra.count(batch)


def _weights(module: nn.Module) -> int:
    """Return how many numbers the matrices of a module's linear maps hold."""
    return sum(_sizes(module).values())


def _sizes(module: nn.Module) -> dict[str, int]:
    """Return how many numbers the matrix of each linear map holds, by the map's name."""
    return {name: part.weight.numel() for name, part in module.named_modules() if isinstance(part, nn.Linear)}


def _keys(batch: Batch) -> Tensor:
    """Return bool [rows, slots]: slots that hold text or a placeholder."""
    return torch.ones_like(batch.tokens, dtype=torch.bool) if batch.enters is None else batch.enters < NEVER


def _queries(batch: Batch) -> Tensor:
    """Return bool [rows, slots + probes]: slots that hold text or a placeholder, and probes that are scored."""
    asking = _scored(batch)
    asking[:, : batch.num_slots] = _keys(batch)
    return asking


def _scored(batch: Batch) -> Tensor:
    """Return bool [rows, slots + probes]: where tokens are predicted."""
    scored = torch.zeros(len(batch.tokens), batch.num_slots + batch.num_probes, dtype=torch.bool)
    scored.view(-1)[batch.scored[batch.targets != IGNORED]] = True
    return scored


def _pairs(batch: Batch, queries: Tensor, keys: Tensor, memory: int, window: int | None) -> int:
    """Return how many (query, key) pairs are of one document and at most a `window` apart, memory included."""
    pairs = queries[:, :, None] & keys[:, None, :]
    if batch.documents is not None:
        documents = batch.at_queries(batch.documents)
        pairs = pairs & (documents[:, :, None] == batch.documents[:, None, :])
        # What memory holds is another batch's business: its slots are taken to be of the first document.
        queries = queries & (documents == 0)
    near = pairs if window is None else windowed(batch, pairs, window)
    assert near is not None
    return int(near.sum()) + memory * int(queries.sum())


def _distances(batch: Batch, memory: int) -> int:
    directions = 1 if batch.backward is None else 2
    return directions * (2 * batch.num_slots + memory - 1)
