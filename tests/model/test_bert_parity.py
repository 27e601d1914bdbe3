"""BERT computes what transformers' BERT computes: states, logits, losses and every gradient."""

import pytest
import torch
from model_cases import LENGTH, PAD, SIZE, is_padding, make_encoder, make_objective, pairs, rng, whole
from their_weights import copy_into, gradients_of, largest_difference, named_parameters
from transformers import BertConfig, BertForMaskedLM, BertForPreTraining

from bothways.batch import IGNORED

# Measured: 4e-6 and 4e-15; the largest logits are about 10.
TOLERANCE = {torch.float32: 2e-5, torch.float64: 1e-13}


def their_settings(activation: str = "gelu") -> BertConfig:
    return BertConfig(
        vocab_size=SIZE,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=48,
        hidden_act=activation,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        max_position_embeddings=LENGTH,
        type_vocab_size=2,
        layer_norm_eps=1e-12,
        pad_token_id=PAD,
    )


def their_labels(batch):
    """Targets as a dense [rows, slots] tensor."""
    labels = torch.full(batch.tokens.shape, IGNORED)
    labels.view(-1)[batch.scored] = batch.targets
    return labels


@pytest.mark.parametrize("activation", ["gelu", "gelu_new"])
@pytest.mark.parametrize("dtype", list(TOLERANCE), ids=str)
def test_states_logits_losses_and_gradients_of_bert_with_pairs_equal_those_of_transformers(dtype, activation):
    encoder = make_encoder("bert", dtype=dtype, max_positions=LENGTH, activation=activation)
    objective = make_objective("masked", encoder, pair=True)
    theirs = BertForPreTraining(their_settings(activation)).to(dtype)
    copy_into(theirs, encoder, objective)
    batch = objective.corrupt(pairs(), rng())
    text = ~is_padding(batch)
    assert not text.all()

    hidden, _ = encoder(batch)
    losses = objective.losses(hidden, encoder.token_embedding, batch)
    logits = objective.head(hidden, encoder.token_embedding)
    pair_logits = objective.extras["sentence_pair"].head(hidden[:, 0])
    total = sum(losses[name].sum / count for name, count in objective.counts(batch).items())
    total.backward()
    answer = theirs(
        batch.tokens,
        attention_mask=text.to(dtype),
        token_type_ids=batch.segments,
        position_ids=batch.positions,
        labels=their_labels(batch),
        next_sentence_label=batch.labels,
        output_hidden_states=True,
    )
    answer.loss.backward()

    close = {"atol": TOLERANCE[dtype], "rtol": 0.0}
    torch.testing.assert_close(hidden[text], answer.hidden_states[-1][text], **close)
    torch.testing.assert_close(logits[text], answer.prediction_logits[text], **close)
    torch.testing.assert_close(pair_logits, answer.seq_relationship_logits, **close)
    torch.testing.assert_close(total, answer.loss, **close)
    ours = {name: parameter.grad for name, parameter in named_parameters(encoder, objective).items()}
    assert largest_difference(ours, gradients_of(theirs, encoder)) < TOLERANCE[dtype]


@pytest.mark.parametrize("dtype", list(TOLERANCE), ids=str)
def test_bert_without_padding_and_without_pairs_equals_that_of_transformers(dtype):
    encoder = make_encoder("bert", dtype=dtype, max_positions=LENGTH)
    objective = make_objective("masked", encoder)
    theirs = BertForMaskedLM(their_settings()).to(dtype)
    copy_into(theirs, encoder, objective)
    batch = objective.corrupt(whole(), rng())
    assert batch.enters is None

    losses, memory = objective(encoder, batch)
    mean = losses["masked"].sum / objective.counts(batch)["masked"]
    mean.backward()
    answer = theirs(batch.tokens, token_type_ids=batch.segments, labels=their_labels(batch))
    answer.loss.backward()

    assert memory is None
    torch.testing.assert_close(mean, answer.loss, atol=TOLERANCE[dtype], rtol=0.0)
    ours = {name: parameter.grad for name, parameter in named_parameters(encoder, objective).items()}
    assert largest_difference(ours, gradients_of(theirs, encoder)) < TOLERANCE[dtype]
    predicted = objective.predict(encoder, batch)
    their_logits = answer.logits.flatten(0, 1)[batch.scored]
    torch.testing.assert_close(predicted, their_logits.log_softmax(-1), atol=TOLERANCE[dtype], rtol=0.0)
