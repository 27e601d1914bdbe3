"""The gradient of each scored loss by every input embedding is zero where nothing may flow, and only there."""

from collections.abc import Sequence

import pytest
import torch
from model_cases import Case, every_case, rng, stream, take
from reachability import reach
from scored import predictions

from bothways.batch import IGNORED, Batch, Memory
from bothways.model.encoder import Encoder
from bothways.objectives.base import Objective


def support(
    encoder: Encoder, objective: Objective, batch: Batch, memory: Memory | None = None
) -> tuple[torch.Tensor, list[int]]:
    """Return which slots' embeddings move each scored loss, bool [scored, rows, slots], and the scored queries."""
    caught = []
    handle = encoder.embeddings.register_forward_hook(lambda module, inputs, output: caught.append(output))
    logits = predictions(encoder, objective, batch, memory)
    handle.remove()
    moved, queries = [], []
    for number, target in enumerate(batch.targets.tolist()):
        if target == IGNORED:
            continue
        loss = torch.nn.functional.cross_entropy(logits[number], batch.targets[number])
        (gradient,) = torch.autograd.grad(loss, caught[0], retain_graph=True)
        moved.append(gradient[:, : batch.num_slots].abs().amax(-1) > 0)
        queries.append(int(batch.scored[number]))
    return torch.stack(moved), queries


def may_flow(batch: Batch, windows: Sequence[int | None], queries: list[int]) -> torch.Tensor:
    """Return the same by closing the relation of visibility over the layers; rows never meet.

    `windows` says how far each layer sees, in positions either way.
    """
    slots = batch.num_slots
    own = torch.eye(slots, dtype=torch.bool).expand(len(batch.tokens), -1, -1)
    known, _ = reach(batch, own, len(windows), windows=windows)
    expected = torch.zeros(len(queries), len(batch.tokens), slots, dtype=torch.bool)
    for number, query in enumerate(queries):
        row, place = divmod(query, slots + batch.num_probes)
        expected[number, row] = known[row, place]
    return expected


def windows_of(encoder: Encoder) -> Sequence[int | None]:
    return getattr(encoder.settings, "windows", [None] * encoder.settings.layers)


@every_case
def test_gradients_reach_exactly_the_tokens_that_come_before_and_are_visible(case):
    encoder, objective = case.build()
    batch = objective.corrupt(take(case.examples, [0, 1], slice(None)), rng())
    moved, queries = support(encoder, objective, batch)
    assert torch.equal(moved, may_flow(batch, windows_of(encoder), queries))
    if batch.probes is None:
        return
    later = 0
    for query, slots in zip(queries, moved, strict=True):
        row, place = divmod(query, batch.num_slots + batch.num_probes)
        own = batch.probes[row, place - batch.num_slots]
        ranks = batch.enters[row]
        assert not slots[row][ranks >= ranks[own]].any()
        assert not slots[1 - row].any()
        later += int((ranks[batch.probes[row]] > ranks[own]).sum())
    assert later


def test_the_same_holds_beside_memory_and_no_gradient_enters_the_memory():
    encoder, objective = Case("permutation span context", "transformer_xl", "stream").build(memory=12)
    memory = None
    for step in range(3):
        batch = objective.corrupt(stream(step).examples, rng(step))
        moved, queries = support(encoder, objective, batch, memory)
        assert torch.equal(moved, may_flow(batch, windows_of(encoder), queries))
        _, memory = encoder(batch, memory)
        assert all(not state.requires_grad for state in memory.states)


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("rows", ["whole", "packed", "left padded pairs"])
@pytest.mark.parametrize("named", ["masked token", "permutation span context", "causal"])
def test_through_local_layers_gradients_reach_as_far_as_all_windows_together(named, rows, layers):
    case = Case(named, "modern", rows)
    encoder, objective = case.build(layers=layers, window=1)
    for block in encoder.blocks:
        block.attention.is_local = True
    batch = objective.corrupt(take(case.examples, [0, 1], slice(None)), rng())
    moved, queries = support(encoder, objective, batch)
    assert torch.equal(moved, may_flow(batch, [1] * layers, queries))
    assert not torch.equal(moved, may_flow(batch, [None] * layers, queries))
    places = batch.at_queries(batch.positions)
    for query, slots in zip(queries, moved, strict=True):
        row, place = divmod(query, places.shape[1])
        gaps = (batch.positions[row] - places[row, place]).abs()
        assert not slots[row][gaps > layers].any()
