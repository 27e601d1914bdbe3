"""Useful work: counted by hand, and by PyTorch's own counter where both must agree."""

import numpy as np
import pytest
import torch
import transformers
from model_cases import (
    SIZE,
    VOCABULARY,
    make_encoder,
    make_objective,
    packed,
    pairs,
    rng,
    stream_examples,
    whole,
)
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from bothways.bench.work import useful_work
from bothways.model.backbones.bert import BertSettings
from bothways.model.backbones.transformer_xl import TransformerXLSettings

SHAPE = {"layers": 2, "width": 32, "heads": 2, "feed_forward": 48}
W, F = 32, 48


def corrupted(kind, objective, examples, **values):
    encoder = make_encoder(kind, dtype=torch.float32)
    return make_objective(objective, encoder, **values).corrupt(examples, rng())


def products_of(forward_and_backward):
    with FlopCounterMode(display=False) as counter:
        forward_and_backward()
    return counter.get_total_flops()


def test_bert_agrees_with_what_pytorch_counts_in_the_model_of_transformers():
    # Every token is scored, so that the last layer is whole: transformers computes it whole.
    examples = whole(rows=3, length=16)
    tokens = np.where(VOCABULARY.is_special[examples.tokens], 40, examples.tokens)
    batch = corrupted(
        "bert", "masked", type(examples)(tokens, examples.segments, examples.positions), rate=1.0
    )
    config = transformers.BertConfig(
        vocab_size=SIZE, hidden_size=W, num_hidden_layers=2, num_attention_heads=2, intermediate_size=F
    )
    model = transformers.BertForMaskedLM(config)
    counted = products_of(lambda: model(input_ids=batch.tokens, labels=batch.tokens).loss.backward())
    assert useful_work(BertSettings(**SHAPE), SIZE, batch) == counted


def test_a_first_layer_agrees_with_a_count_by_hand():
    # One layer of BERT, 4 rows of 16: only the scored rows ask, and only they meet feed-forward and vocabulary.
    batch = corrupted("bert", "masked", whole(rows=4, length=16), rate=0.25)
    scored = len(batch.targets)
    keys_and_values = 2 * (4 * 16) * W * W
    queries_and_output = 2 * scored * W * W
    scores_and_mixing = 2 * (scored * 16) * W
    feed_forward = 2 * scored * W * F
    head = scored * (W * W + W * SIZE)
    products = keys_and_values + queries_and_output + scores_and_mixing + feed_forward + head
    assert useful_work(BertSettings(**SHAPE | {"layers": 1}), SIZE, batch) == 3 * 2 * products


def test_relative_attention_adds_a_product_a_pair_and_a_projection_of_distances():
    batch = corrupted("transformer_xl", "permutation", whole(rows=4, length=16))
    settings = TransformerXLSettings(**SHAPE)
    asked = len(batch.targets)
    bert = useful_work(BertSettings(**SHAPE), SIZE, batch) - 3 * 2 * asked * W * W
    pairs_first, pairs_last = (4 * 16 + asked) * 16, asked * 16
    distances = 3 * 2 * W * (pairs_first + pairs_last) + 2 * (2 * 2 * W * W * (2 * 16 - 1))
    assert useful_work(settings, SIZE, batch) == bert + distances


def test_memory_adds_keys_and_pairs():
    batch = corrupted("transformer_xl", "permutation", stream_examples(4, 16))
    settings = TransformerXLSettings(**SHAPE, memory=8)
    more = useful_work(settings, SIZE, batch, 8) - useful_work(settings, SIZE, batch)
    asked = int((batch.targets != -100).sum())
    queries = (4 * 16 + asked) + asked
    keys_and_values = 2 * 2 * (4 * 8) * W * W
    pairs = 3 * queries * 8 * W
    directions = 2
    assert more == 3 * 2 * (keys_and_values + pairs) + 2 * (2 * 2 * W * W * directions * 8)


def test_packed_rows_count_the_squares_of_their_documents():
    examples = packed(rows=4, length=16)
    batch = corrupted("bert", "masked", examples)
    alone = corrupted(
        "bert", "masked", type(examples)(examples.tokens, examples.segments, examples.positions)
    )
    settings = BertSettings(**SHAPE | {"layers": 2})
    lengths = np.stack([(examples.documents == number).sum(axis=1) for number in range(3)])
    scored = batch.scored.numpy()
    own = lengths[examples.documents.ravel()[scored], scored // 16]
    saved_first = 4 * 16 * 16 - int((lengths**2).sum())
    saved_last = len(scored) * 16 - int(own.sum())
    assert len(scored) == len(alone.scored)
    saved = useful_work(settings, SIZE, alone) - useful_work(settings, SIZE, batch)
    assert saved == 3 * 2 * 2 * W * (saved_first + saved_last)


def test_padding_is_no_work():
    settings = BertSettings(**SHAPE)
    padded = corrupted("bert", "masked", pairs(rows=4, length=16))
    assert useful_work(settings, SIZE, padded) < useful_work(
        settings, SIZE, corrupted("bert", "masked", whole())
    )


@pytest.mark.parametrize(("kind", "objective"), [("bert", "masked"), ("transformer_xl", "permutation")])
def test_a_step_of_ours_does_all_useful_work(kind, objective):
    encoder = make_encoder(kind, dtype=torch.float32)
    task = make_objective(objective, encoder)
    batch = task.corrupt(whole(), rng())

    def step():
        # The fused kernel of processors is not among what PyTorch counts.
        with sdpa_kernel(SDPBackend.MATH):
            losses, _ = task(encoder, batch)
            sum(loss.sum for loss in losses.values()).backward()

    assert products_of(step) >= useful_work(encoder.settings, SIZE, batch)
