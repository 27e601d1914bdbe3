"""Useful work: counted by hand, and by PyTorch's own counter where both must agree."""

import dataclasses

import numpy as np
import pytest
import torch
import transformers
from model_cases import (
    BACKBONE_CASES,
    MASK,
    SIZE,
    goes_with,
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
from bothways.training.ways import encoders

W, F = 32, 48


def built(kind, name, values=None, **shape):
    encoder = make_encoder(kind, dtype=torch.float32, **shape)
    return encoder, make_objective(name, encoder, **(values or {}))


def work_of(kind, name, examples, values=None, **shape):
    """Return the useful work of a step, and its batch."""
    encoder, objective = built(kind, name, values, **shape)
    batch = objective.corrupt(examples, rng())
    return useful_work(encoder, objective, batch), batch


def without_specials(examples):
    """Return rows of ordinary tokens alone, so that all of them may be scored, and the last layer is whole."""
    return dataclasses.replace(examples, tokens=np.where(examples.tokens <= MASK, 40, examples.tokens))


def products_of(forward_and_backward):
    # The fused kernel of processors is not among what PyTorch counts.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        forward_and_backward()
    return counter.get_total_flops()


def test_bert_agrees_with_what_pytorch_counts_in_the_model_of_transformers():
    work, batch = work_of("bert", "masked", without_specials(whole(rows=3, length=16)), {"rate": 1.0})
    config = transformers.BertConfig(
        vocab_size=SIZE, hidden_size=W, num_hidden_layers=2, num_attention_heads=2, intermediate_size=F
    )
    model = transformers.BertForMaskedLM(config)
    assert work == products_of(lambda: model(input_ids=batch.tokens, labels=batch.tokens).loss.backward())


EVERYTHING_SCORED = {
    "masked": {"rate": 1.0},
    "replaced": {"rate": 1.0},
    "mpnet": {"rate": 1.0, "select": "token"},
    "permutation": {"one_in": 1, "select": "token"},
    "causal": {},
}


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, name) for kind in BACKBONE_CASES for name in EVERYTHING_SCORED if goes_with(name, kind)],
)
def test_a_step_of_ours_over_whole_rows_does_useful_work_alone_and_all_of_it(kind, name):
    window = {"window": 16} if "modern" in kind else {}
    encoder, objective = built(kind, name, EVERYTHING_SCORED[name], **window)
    for part in encoders(encoder, objective):
        part.use_attention("fused")
    batch = objective.corrupt(without_specials(whole(rows=3, length=16)), rng())

    def step():
        losses, _ = objective(encoder, batch)
        sum(loss.sum for loss in losses.values()).backward()

    done, useful = products_of(step), useful_work(encoder, objective, batch)
    # Relative attention multiplies with distances that no key stands at.
    assert useful < done < 1.1 * useful if kind == "transformer_xl" else useful == done


def test_extra_losses_are_counted_with_what_they_read():
    encoder = make_encoder("bert", dtype=torch.float32)
    values = {"select": "span", "rate": 0.2}
    alone = make_objective("masked", encoder, **values)
    batch = alone.corrupt(pairs(rows=4, length=16), rng())
    a_query = W * (2 * W + 2 * F)
    pair = make_objective("masked", encoder, pair=True, **values)
    more = useful_work(encoder, pair, batch) - useful_work(encoder, alone, batch)
    keys = sum(16 - row for row in range(4))
    assert more == 6 * (4 * a_query + 2 * W * keys + 4 * (W * W + 2 * W))
    boundary = make_objective("masked", encoder, boundary=True, **values)
    more = useful_work(encoder, boundary, batch) - useful_work(encoder, alone, batch)
    extra = boundary.extras["span_boundary"]
    head = extra.count(batch) * ((2 * W + 8) * W + W * W + W * SIZE)
    neighbours = {(row, slot) for row, read in enumerate(extra.reads(batch).tolist()) for slot in read} - {
        divmod(slot, 16) for slot in batch.scored.tolist()
    }
    assert more == 6 * (head + sum(a_query + 2 * W * (16 - row) for row, _ in neighbours))


def test_a_first_layer_agrees_with_a_count_by_hand():
    # One layer of BERT, 4 rows of 16: only the scored rows ask, and only they meet feed-forward and vocabulary.
    work, batch = work_of("bert", "masked", whole(rows=4, length=16), {"rate": 0.25}, layers=1)
    scored = len(batch.targets)
    keys_and_values = 2 * (4 * 16) * W * W
    queries_and_output = 2 * scored * W * W
    scores_and_mixing = 2 * (scored * 16) * W
    feed_forward = 2 * scored * W * F
    head = scored * (W * W + W * SIZE)
    products = keys_and_values + queries_and_output + scores_and_mixing + feed_forward + head
    assert work == 3 * 2 * products


def test_relative_attention_adds_a_product_a_pair_and_a_projection_of_distances():
    work, batch = work_of("transformer_xl", "permutation", whole(rows=4, length=16))
    asked = len(batch.targets)
    bert = work_of("bert", "permutation", whole(rows=4, length=16))[0] - 3 * 2 * asked * W * W
    pairs_first, pairs_last = (4 * 16 + asked) * 16, asked * 16
    distances = 3 * 2 * W * (pairs_first + pairs_last) + 2 * (2 * 2 * W * W * (2 * 16 - 1))
    assert work == bert + distances


def test_local_layers_score_what_is_within_the_window():
    examples = packed(rows=4, length=16)
    far, batch = work_of("modern", "masked", examples, window=16, layers=3)
    near, _ = work_of("modern", "masked", examples, window=3, layers=3)
    gaps = np.abs(np.arange(16)[:, None] - np.arange(16))
    alike = examples.documents[:, :, None] == examples.documents[:, None, :]
    beyond = alike & (gaps > 3)
    of_scored = beyond.reshape(64, 16)[batch.scored]
    assert far - near == 3 * 2 * 2 * W * (beyond.sum() + of_scored.sum())


def test_memory_adds_keys_and_pairs():
    encoder, objective = built("transformer_xl", "permutation", memory=8)
    batch = objective.corrupt(stream_examples(4, 16), rng())
    more = useful_work(encoder, objective, batch, 8) - useful_work(encoder, objective, batch)
    asked = int((batch.targets != -100).sum())
    queries = (4 * 16 + asked) + asked
    keys_and_values = 2 * 2 * (4 * 8) * W * W
    pairs = 3 * queries * 8 * W
    directions = 2
    assert more == 3 * 2 * (keys_and_values + pairs) + 2 * (2 * 2 * W * W * directions * 8)


def test_packed_rows_count_the_squares_of_their_documents():
    examples = packed(rows=4, length=16)
    together, batch = work_of("bert", "masked", examples)
    alone, other = work_of("bert", "masked", dataclasses.replace(examples, documents=None))
    lengths = np.stack([(examples.documents == number).sum(axis=1) for number in range(3)])
    scored = batch.scored.numpy()
    own = lengths[examples.documents.ravel()[scored], scored // 16]
    saved_first = 4 * 16 * 16 - int((lengths**2).sum())
    saved_last = len(scored) * 16 - int(own.sum())
    assert len(scored) == len(other.scored)
    assert alone - together == 3 * 2 * 2 * W * (saved_first + saved_last)


def test_an_adaptive_softmax_scores_a_cluster_for_its_own_tokens():
    whole_table, _ = work_of("transformer_xl", "causal", whole(rows=4, length=16))
    work, batch = work_of("transformer_xl", "causal", whole(rows=4, length=16), cutoffs=[20, 50])
    scored = len(batch.targets)
    rare = int((batch.targets >= 50).sum())
    between = int((batch.targets >= 20).sum()) - rare
    assert rare
    assert between
    rows = scored * (20 + 2) + between * 30 + rare * (SIZE - 50)
    assert whole_table - work == 3 * 2 * W * (scored * SIZE - rows)


def test_padding_is_no_work():
    padded, _ = work_of("bert", "masked", pairs(rows=4, length=16))
    assert padded < work_of("bert", "masked", whole())[0]
