"""Transformer-XL with probes computes what transformers' XLNet computes: both streams, losses, gradients, memory."""

import dataclasses

import pytest
import torch
from model_cases import (
    LENGTH,
    OBJECTIVE_CASES,
    SIZE,
    is_padding,
    left_padded_pairs,
    make_encoder,
    make_objective,
    rng,
    stream,
    without_probes,
)
from their_weights import copy_into, gradients_of, largest_difference, named_parameters
from transformers import XLNetConfig, XLNetLMHeadModel, XLNetModel

from bothways.batch import IGNORED, Batch, Memory
from bothways.model.visibility import visible

# Measured: 4e-6 and 4e-15; the largest logits are about 10.
TOLERANCE = {torch.float32: 2e-5, torch.float64: 1e-13}
PERMUTATIONS = [name for name, (kind, _) in OBJECTIVE_CASES.items() if kind == "permutation"]


class XLNetInDouble(XLNetModel):
    """Their model counts distances in float32 whatever its weights are, and then mixes the two."""

    def relative_positional_encoding(self, qlen, klen, bsz=None, device=None):
        frequencies = 10000 ** -(torch.arange(0, self.d_model, 2, dtype=torch.float64) / self.d_model)
        distances = torch.arange(klen, -qlen, -1, dtype=torch.float64, device=device)
        if not self.bi_data:
            return self.positional_embedding(distances, frequencies, bsz)
        halves = [
            self.positional_embedding(signed, frequencies, bsz // 2) for signed in (distances, -distances)
        ]
        return torch.cat(halves, dim=1)


def their_model(encoder, objective, *, bidirectional=False) -> XLNetLMHeadModel:
    config = XLNetConfig(
        vocab_size=SIZE,
        d_model=32,
        n_layer=2,
        n_head=2,
        d_inner=48,
        ff_activation="gelu_new",
        dropout=0.0,
        layer_norm_eps=1e-12,
        bi_data=bidirectional,
        reuse_len=LENGTH // 2,
        mem_len=encoder.memory_length or None,
    )
    theirs = XLNetLMHeadModel(config)
    if encoder.token_embedding.dtype == torch.float64:
        theirs.transformer = XLNetInDouble(config)
        theirs.tie_weights()
    theirs = theirs.to(encoder.token_embedding.dtype)
    copy_into(theirs, encoder, objective)
    return theirs


def their_inputs(batch: Batch, memory: Memory | None, dtype: torch.dtype) -> dict:
    """Our integer vectors as XLNet's dense masks: one `perm_mask` serves both streams."""
    slots = batch.num_slots
    # Of a slot's own token the query stream sees nothing; the content stream adds it back by itself.
    sees = visible(without_probes(batch))
    sees = sees & ~torch.eye(slots, dtype=torch.bool)
    rows = torch.arange(len(sees))[:, None]
    assert torch.equal(sees[rows, batch.probes], visible(batch)[:, slots:])
    mapping = torch.nn.functional.one_hot(batch.probes, slots).to(dtype)
    return {
        "input_ids": batch.tokens,
        "token_type_ids": batch.segments,
        "perm_mask": (~sees).to(dtype),
        "target_mapping": mapping,
        "labels": batch.targets.view(batch.probes.shape),
        "mems": None if memory is None else [state.transpose(0, 1) for state in memory.states],
    }


def compare(encoder, objective, theirs, batch: Batch, memory: Memory | None = None) -> Memory | None:
    """Compare everything on one batch; return our memory, having compared it with theirs."""
    dtype = encoder.token_embedding.dtype
    close = {"atol": TOLERANCE[dtype], "rtol": 0.0}
    text = ~is_padding(batch)
    slots = batch.num_slots
    assert (batch.targets != IGNORED).all()
    for module in (encoder, objective, theirs):
        module.zero_grad()

    hidden, kept = encoder(batch, memory)
    losses = objective.losses(hidden, encoder.token_embedding, batch)
    mean = losses["permutation"].sum / objective.counts(batch)["permutation"]
    mean.backward()
    inputs = their_inputs(batch, memory, dtype)
    answer = theirs(**inputs, use_mems=True, output_hidden_states=True)
    answer.loss.backward()

    content, query = answer.hidden_states[-2:]
    torch.testing.assert_close(hidden[:, :slots][text], content[text], **close)
    torch.testing.assert_close(hidden[:, slots:], query, **close)
    logits = objective.head(hidden[:, slots:], encoder.token_embedding)
    torch.testing.assert_close(logits, answer.logits, **close)
    torch.testing.assert_close(mean, answer.loss, **close)
    ours = {name: parameter.grad for name, parameter in named_parameters(encoder, objective).items()}
    assert largest_difference(ours, gradients_of(theirs, encoder)) < TOLERANCE[dtype]
    if kept is not None:
        for state, their_state in zip(kept.states, answer.mems, strict=True):
            torch.testing.assert_close(state, their_state.transpose(0, 1), **close)
    return kept


@pytest.mark.parametrize("dtype", list(TOLERANCE), ids=str)
@pytest.mark.parametrize("named", PERMUTATIONS)
def test_both_streams_equal_those_of_transformers_over_rows_with_memory_and_three_segments(named, dtype):
    encoder = make_encoder("transformer_xl", dtype=dtype, memory=12)
    objective = make_objective("permutation", encoder, **{**OBJECTIVE_CASES[named][1], "one_in": 3})
    theirs = their_model(encoder, objective)
    memory = None
    for step in range(3):
        examples = stream(step, bidirectional=False).examples
        batch = _with_as_many_targets(objective, examples, step)
        memory = compare(encoder, objective, theirs, batch, memory)
    assert memory is not None
    assert memory.length == 12


@pytest.mark.parametrize("dtype", list(TOLERANCE), ids=str)
def test_backward_rows_equal_the_backward_half_of_their_bidirectional_batch(dtype):
    encoder = make_encoder("transformer_xl", dtype=dtype, memory=12)
    objective = make_objective("permutation", encoder, one_in=3)
    theirs = their_model(encoder, objective, bidirectional=True)
    memory = None
    for step in range(2):
        batch = _with_as_many_targets(objective, stream(step).examples, step, order=[0, 2, 1, 3])
        assert batch.backward.tolist() == [False, False, True, True]
        memory = compare(encoder, objective, theirs, batch, memory)


@pytest.mark.parametrize("dtype", list(TOLERANCE), ids=str)
def test_rows_padded_on_the_left_equal_those_of_transformers(dtype):
    encoder = make_encoder("transformer_xl", dtype=dtype)
    objective = make_objective("permutation", encoder, one_in=5)
    batch = _with_as_many_targets(objective, left_padded_pairs(), 0)
    assert is_padding(batch).any()
    compare(encoder, objective, their_model(encoder, objective), batch)


def test_without_probes_a_masked_model_on_transformer_xl_equals_their_content_stream():
    encoder = make_encoder("transformer_xl")
    objective = make_objective("masked", encoder)
    theirs = their_model(encoder, objective)
    batch = objective.corrupt(left_padded_pairs(), rng())
    text = ~is_padding(batch)
    hidden, _ = encoder(batch)
    answer = theirs(batch.tokens, token_type_ids=batch.segments, attention_mask=text.double())
    logits = objective.head(hidden, encoder.token_embedding)
    torch.testing.assert_close(logits[text], answer.logits[text], atol=1e-12, rtol=0.0)


def _with_as_many_targets(objective, examples, seed, order=None):
    """Draw until every row has as many probes and all see something: there ours are silent, theirs average."""
    for attempt in range(1000):
        rows = examples if order is None else _reordered(examples, order)
        batch = objective.corrupt(rows, rng(1000 * seed + attempt))
        if (batch.targets != IGNORED).all() and visible(batch).any(-1).all():
            return batch
    raise AssertionError("no such batch was drawn")


def _reordered(examples, order):
    arrays = ("tokens", "segments", "positions", "documents", "labels")
    return dataclasses.replace(examples, **{name: getattr(examples, name)[order] for name in arrays})
