"""The relatives of BERT compute what transformers' models do: states, logits, losses and every gradient."""

import pytest
import torch
from model_cases import LENGTH, PAD, SIZE, make_encoder, make_objective, pairs, rng
from parity import compare, every_precision
from transformers import (
    ElectraConfig,
    ElectraForMaskedLM,
    GPT2Config,
    GPT2LMHeadModel,
    MPNetConfig,
    MPNetForMaskedLM,
    RobertaConfig,
    RobertaForMaskedLM,
)
from transformers.models.mpnet.modeling_mpnet import MPNetEncoder

from bothways.batch import NEVER, Batch, Examples
from bothways.model.backbones.mpnet import WIDER, distance_buckets

SHAPE = {
    "vocab_size": SIZE,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "pad_token_id": PAD,
}


def roberta():
    positions = LENGTH + PAD + 1
    return RobertaForMaskedLM(
        RobertaConfig(**SHAPE, max_position_embeddings=positions, type_vocab_size=1, layer_norm_eps=1e-5)
    )


def electra(embedding_width):
    return ElectraForMaskedLM(
        ElectraConfig(**SHAPE, max_position_embeddings=LENGTH, embedding_size=embedding_width)
    )


def mpnet():
    # Its positions begin at 2 whatever the padding is, and token 1, which these rows do not hold, would have none.
    return MPNetForMaskedLM(MPNetConfig(**SHAPE, max_position_embeddings=LENGTH + 2, layer_norm_eps=1e-5))


def gpt2():
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=SIZE,
            n_embd=32,
            n_layer=2,
            n_head=2,
            n_inner=48,
            n_positions=LENGTH,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            pad_token_id=PAD,
        )
    )


def causal(examples: Examples) -> Batch:
    """The batch in which every slot sees itself and those before it, and is asked for the token after it."""
    tokens = torch.from_numpy(examples.tokens).long()
    places = torch.arange(tokens.shape[1]).expand(tokens.shape)
    is_asked = torch.from_numpy(examples.tokens[:, 1:] != PAD)
    rows, slots = is_asked.nonzero(as_tuple=True)
    return Batch(
        tokens,
        torch.zeros_like(tokens),
        places,
        scored=rows * tokens.shape[1] + slots,
        targets=tokens[rows, slots + 1],
        enters=torch.where(tokens == PAD, NEVER, places),
        now=places,
    )


@every_precision
def test_roberta_with_positions_of_its_own_counting_equals_that_of_transformers(dtype):
    encoder = make_encoder("roberta", dtype=dtype, max_positions=LENGTH)
    objective = make_objective("masked", encoder)
    batch = objective.corrupt(pairs(), rng())
    # Their model counts positions itself, from the padding token's id on.
    compare(encoder, objective, roberta().to(dtype), batch)


@every_precision
@pytest.mark.parametrize("embedding_width", [24, 32], ids=["narrow", "as wide as the states"])
def test_the_generator_of_electra_equals_that_of_transformers(embedding_width, dtype):
    encoder = make_encoder("electra", dtype=dtype, max_positions=LENGTH, embedding_width=embedding_width)
    objective = make_objective("masked", encoder)
    batch = objective.corrupt(pairs(), rng())
    theirs = electra(embedding_width).to(dtype)
    compare(encoder, objective, theirs, batch, token_type_ids=batch.segments)


@every_precision
def test_mpnet_equals_that_of_transformers(dtype):
    encoder = make_encoder("mpnet", dtype=dtype, max_positions=LENGTH)
    objective = make_objective("masked", encoder)
    compare(encoder, objective, mpnet().to(dtype), objective.corrupt(pairs(), rng()))


def test_distances_share_the_buckets_of_transformers():
    distances = torch.arange(-600, 601)
    found = distance_buckets(distances, torch.tensor(WIDER))
    assert torch.equal(found, MPNetEncoder.relative_position_bucket(distances))


@every_precision
def test_gpt2_equals_that_of_transformers_where_slots_see_only_what_is_before_them(dtype):
    encoder = make_encoder("gpt2", dtype=dtype, max_positions=LENGTH)
    objective = make_objective("masked", encoder)
    assert dict(objective.named_parameters()) == {}
    compare(encoder, objective, gpt2().to(dtype), causal(pairs()))
