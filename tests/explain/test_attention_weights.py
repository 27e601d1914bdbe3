"""The weights that are shown are those that the layers use."""

import copy

import numpy as np
import pytest
import torch
from model_cases import VOCABULARY

from bothways.batch import Examples
from bothways.explain.attention import attention_weights
from bothways.model.attention import split_heads
from bothways.model.backbones import BACKBONES, build_encoder
from bothways.model.initialise import initialise
from bothways.model.visibility import visible
from bothways.objectives import OBJECTIVES, build_objective

SHAPE = {"layers": 2, "width": 16, "heads": 2, "feed_forward": 32}  # heads of 8, fewer than there are keys
CASES = {
    "bert": ("bert", {"max_positions": 32}, "permutation"),
    "bert pre-norm": ("bert", {"max_positions": 32, "norm": "pre"}, "causal"),
    "xlnet": ("transformer_xl", {"memory": 6}, "permutation"),
    "mpnet": ("mpnet", {"max_positions": 32}, "mpnet"),
    "modern": ("modern", {"window": 2}, "masked"),
}


def built(name):
    kind, settings, objective = CASES[name]
    torch.manual_seed(0)
    encoder = build_encoder(BACKBONES[kind][0](**SHAPE, **settings), VOCABULARY)
    asked = build_objective(OBJECTIVES[objective][0](), [], VOCABULARY, encoder)
    initialise(encoder, 0.5)
    return encoder.eval(), asked


def corrupted(objective, carry=0):
    rng = np.random.default_rng(1)
    tokens = rng.integers(5, VOCABULARY.size, size=(2, 12)).astype(np.int32)
    tokens[1, 9:] = VOCABULARY.pad
    places = np.tile(np.arange(12, dtype=np.int32), (2, 1))
    return objective.corrupt(Examples(tokens, np.zeros_like(tokens), places, carry=carry), rng)


@torch.no_grad()
@pytest.mark.parametrize("name", CASES)
def test_mixing_values_with_the_weights_gives_what_the_layer_gives(name):
    encoder, objective = built(name)
    memory = None
    if encoder.memory_length:
        _, memory = encoder(corrupted(objective, carry=6))
    batch = corrupted(objective)
    weights = attention_weights(encoder, batch, memory)

    precise = copy.deepcopy(encoder).double()
    past = None if memory is None else type(memory)(tuple(each.double() for each in memory.states))
    given = []
    for block in precise.blocks:
        block.attention.register_forward_hook(lambda _, inputs, output: given.append((inputs, output)))
    precise(batch, past)
    assert len(weights) == len(given) == SHAPE["layers"]
    for block, shares, ((_, source, _), output) in zip(precise.blocks, weights, given, strict=True):
        values = split_heads(block.attention.value(source), SHAPE["heads"])
        mixed = (shares @ values).transpose(1, 2).flatten(2)
        torch.testing.assert_close(block.attention.output(mixed), output, rtol=1e-10, atol=1e-12)
    encoder(batch, memory)  # the encoder that was asked is as it was
    assert next(encoder.parameters()).dtype == torch.float32


@torch.no_grad()
def test_weights_are_shares_of_what_is_seen_and_nothing_else():
    encoder, objective = built("xlnet")
    batch = corrupted(objective)
    seen = visible(batch)[:, None]
    for weights in attention_weights(encoder, batch):
        assert (weights.masked_select(~seen.expand_as(weights)) == 0).all()
        total = weights.sum(-1)
        torch.testing.assert_close(total, seen.any(-1).expand_as(total).double())
