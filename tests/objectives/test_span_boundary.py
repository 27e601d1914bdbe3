"""The span boundary loss: which neighbours a span has, and that the loss is what the paper's equations say."""

import dataclasses

import numpy as np
import pytest
import torch
from model_cases import (
    CLS,
    FORMATS,
    PAD,
    SEP,
    every_backbone,
    make_encoder,
    make_objective,
    rng,
    stream_examples,
    whole,
    words,
)

from bothways.batch import IGNORED, Batch, Examples
from bothways.model.encoder import Encoder
from bothways.objectives.span_boundary import SpanBoundary, neighbours


def built(backbone: str = "bert", **values) -> tuple[Encoder, SpanBoundary, object]:
    encoder = make_encoder(backbone, **({"max_positions": 64} if backbone == "bert" else {}))
    settings = {"select": "span", "longest": 10, "rate": 0.4, **values}
    objective = make_objective("masked", encoder, boundary=True, **settings)
    return encoder, objective.extras["span_boundary"], objective


def spans_by_loop(batch: Batch, examples: Examples) -> list[tuple[int, int, int]]:
    """Return row, left and right neighbour of every span that counts, in the slowest way."""
    slots = batch.num_slots
    hidden = np.zeros(examples.tokens.shape, dtype=bool)
    hidden.ravel()[batch.scored.numpy()] = batch.targets.numpy() != IGNORED
    found = []
    for row in range(len(hidden)):
        left = None
        for slot in range(slots):
            if hidden[row, slot]:
                left = slot - 1 if left is None else left
            elif left is not None:
                found += [(row, left, slot)] if left >= 0 else []
                left = None
    documents = np.zeros_like(examples.tokens) if examples.documents is None else examples.documents
    return [
        (row, left, right)
        for row, left, right in found
        if len(set(documents[row, left : right + 1])) == 1 and PAD not in examples.tokens[row, [left, right]]
    ]


def explicit(
    boundary: SpanBoundary, hidden: torch.Tensor, embedding: torch.Tensor, batch: Batch, examples: Examples
) -> tuple[torch.Tensor, int]:
    """Return the loss and its count, token by token, from the equations."""
    first, second = boundary.head.transform
    total, count = torch.zeros((), dtype=hidden.dtype), 0
    for row, left, right in spans_by_loop(batch, examples):
        for place, slot in enumerate(range(left + 1, min(right, left + 1 + boundary.places.num_embeddings))):
            state = torch.cat([hidden[row, left], hidden[row, right], boundary.places.weight[place]])
            for layer in (first, second):
                state = layer.norm(torch.nn.functional.gelu(layer.dense(state)))
            scores = embedding @ state + boundary.head.bias
            total = total - scores.log_softmax(-1)[examples.tokens[row, slot]]
            count += 1
    return total, count


@pytest.mark.parametrize("rows", FORMATS)
def test_the_loss_is_that_of_the_equations_span_by_span(rows):
    encoder, boundary, objective = built("transformer_xl")
    for seed in range(4):
        examples = FORMATS[rows](4, 48)
        batch = objective.corrupt(examples, rng(seed))
        hidden, _ = encoder(batch)
        mine = boundary.loss(hidden, encoder.token_embedding, batch)
        total, count = explicit(boundary, hidden, encoder.token_embedding, batch, examples)
        assert count == boundary.count(batch)
        assert count
        torch.testing.assert_close(mine.sum, total, atol=1e-10, rtol=0.0)


def batch_of(hidden: list[int], tokens: np.ndarray, **changes) -> tuple[Batch, SpanBoundary]:
    """Return the batch of one row in which `hidden` slots are asked."""
    _, boundary, objective = built()
    places = np.arange(len(tokens), dtype=np.int32)[None]
    asked = np.isin(places, hidden)
    examples = Examples(tokens[None], np.zeros_like(places), places, **changes)
    return objective.cloze(examples, asked, asked), boundary


def text(length: int = 40) -> np.ndarray:
    tokens = words(length)
    tokens[[0, -1]] = CLS, SEP
    return tokens


def test_spans_that_touch_are_one_and_share_their_neighbours():
    batch, boundary = batch_of([4, 5, 6, 7, 9], text())
    found = neighbours(batch)
    assert found.left[0, 4:8].tolist() == [3] * 4
    assert found.right[0, 4:8].tolist() == [8] * 4
    assert (found.left[0, 9], found.right[0, 9]) == (8, 10)
    assert boundary.count(batch) == 5
    assert set(boundary.reads(batch)[0].tolist()) == {3, 8, 10}


def test_of_a_long_span_the_first_15_tokens_are_predicted():
    batch, boundary = batch_of(list(range(3, 30)), text())
    assert boundary.count(batch) == 15
    targets = boundary._targets(batch, neighbours(batch))
    assert (targets != IGNORED).tolist() == [True] * 15 + [False] * 12


def test_a_span_without_a_neighbour_in_its_document_counts_nothing():
    tokens = words(40)
    assert batch_of([0, 1, 5], tokens)[1].count(batch_of([0, 1, 5], tokens)[0]) == 1
    batch, boundary = batch_of([38, 39], tokens)
    assert boundary.count(batch) == 0
    documents = (np.arange(40) >= 20).astype(np.int32)[None]
    batch, boundary = batch_of([19, 25], tokens, documents=documents)
    assert boundary.count(batch) == 1
    tokens[30:] = PAD
    batch, boundary = batch_of([29, 25], tokens)
    assert boundary.count(batch) == 1


@every_backbone
def test_no_hidden_token_changes_what_is_said_of_its_span(backbone):
    """With all of a span masked, scores stay the same whatever stood there: the loss does not leak."""
    encoder, boundary, objective = built(backbone, mask_share=1.0, random_share=0.0)
    examples = whole(rows=4, length=48)
    batch = objective.corrupt(examples, rng())
    hidden = batch.tokens != torch.from_numpy(examples.tokens)
    other = np.where(hidden, 5 + (examples.tokens + 7) % 50, examples.tokens).astype(np.int32)
    answers = []
    for truth in (examples.tokens, other):
        targets = torch.from_numpy(truth.astype(np.int64)).flatten()[batch.scored]
        replaced = dataclasses.replace(batch, targets=targets)
        caught = []
        handle = boundary.head.transform.register_forward_hook(
            lambda m, i, o, caught=caught: caught.append(o)
        )
        states, _ = encoder(replaced, None, objective.reads(replaced))
        boundary.loss(states, encoder.token_embedding, replaced)
        handle.remove()
        answers.append(caught[0])
    assert torch.equal(*answers)


def test_all_parts_of_the_loss_train_beside_the_pair_loss():
    encoder = make_encoder("transformer_xl")
    objective = make_objective("masked", encoder, pair=True, boundary=True, select="span", rate=0.4)
    batch = objective.corrupt(stream_examples(), rng())
    losses, _ = objective(encoder, batch)
    assert set(losses) == {"masked", "sentence_pair", "span_boundary"} == set(objective.weights())
    assert set(objective.counts(batch)) == set(losses)
    sum(part.sum for part in losses.values()).backward()
    assert all(value.grad is not None and value.grad.isfinite().all() for value in objective.parameters())
