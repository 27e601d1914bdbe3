"""The relatives of BERT compute what transformers' models do: states, logits, losses and every gradient."""

import pytest
import torch
import torch.nn.functional as F
from model_cases import LENGTH, PAD, SIZE, is_padding, make_encoder, make_objective, pairs, rng
from their_weights import copy_into, gradients_of, largest_difference, named_parameters
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
from bothways.model.backbones.mpnet import distance_buckets

# Measured: 3e-6 and 3e-15; the largest logits are about 5.
TOLERANCE = {torch.float32: 2e-5, torch.float64: 1e-13}
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
every_precision = pytest.mark.parametrize("dtype", list(TOLERANCE), ids=str)


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


def compare(encoder, objective, theirs, batch: Batch, **inputs) -> None:
    """Compare states, logits, loss and gradients where the rows hold text; `inputs` are further ones of theirs.

    Their loss is computed here, because GPT-2's is in float32 whatever its weights are.
    """
    dtype = encoder.token_embedding.dtype
    close = {"atol": TOLERANCE[dtype], "rtol": 0.0}
    text = ~is_padding(batch)
    assert not text.all()
    copy_into(theirs, encoder, objective)

    hidden, _ = encoder(batch)
    (loss,) = objective.losses(hidden, encoder.token_embedding, batch).values()
    mean = loss.sum / loss.count
    mean.backward()
    inputs |= {"input_ids": batch.tokens, "attention_mask": text.long()}
    states = theirs.base_model(**inputs).last_hidden_state
    their_logits = theirs(**inputs).logits
    their_mean = F.cross_entropy(their_logits.flatten(0, 1)[batch.scored], batch.targets)
    their_mean.backward()

    torch.testing.assert_close(hidden[text], states[text], **close)
    logits = objective.head(hidden, encoder.token_embedding)
    torch.testing.assert_close(logits[text], their_logits[text], **close)
    torch.testing.assert_close(mean, their_mean, **close)
    ours = {name: parameter.grad for name, parameter in named_parameters(encoder, objective).items()}
    assert largest_difference(ours, gradients_of(theirs, encoder)) < TOLERANCE[dtype]


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
    assert torch.equal(distance_buckets(distances), MPNetEncoder.relative_position_bucket(distances))


@every_precision
def test_gpt2_equals_that_of_transformers_where_slots_see_only_what_is_before_them(dtype):
    encoder = make_encoder("gpt2", dtype=dtype, max_positions=LENGTH)
    objective = make_objective("masked", encoder)
    assert dict(objective.named_parameters()) == {}
    compare(encoder, objective, gpt2().to(dtype), causal(pairs()))
