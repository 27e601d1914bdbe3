"""Embeddings: what a vector is, both losses as by hand, duplicates, ranks, trivial answers, and a model that learns."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from small_tasks import make_model, make_reader

from bothways.errors import DataError, UsageError
from bothways.objectives.quiet import without_training
from bothways.records.types import TextRecord
from bothways.tasks.answering import outputs_of, predict
from bothways.tasks.embed import Embed, EmbedSettings, alike, contrastive

PAIRS = [
    TextRecord("", "a fine day", "warm and bright in town 1 ."),
    TextRecord("", "he was sad in town", "she was sad"),
    TextRecord("", "cold", "grey and dark"),
]
SCORED = [
    TextRecord("train.csv, row 1", first.text, first.pair, label)
    for first, label in zip(PAIRS, ("1", "3", "5"), strict=True)
]
KINDS = ["bert", "roberta", "mpnet", "modern", "transformer_xl"]


def items_of(model, records):
    return [item for record in records for item in model.objective.items(record, make_reader(model))]


def batch_of(model, records):
    task = model.objective
    return task.corrupt(task.stack(items_of(model, records)), np.random.default_rng(0))


def vectors_of(model, records):
    return np.stack(outputs_of(model.objective, model.encoder, items_of(model, records)))


@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize("named", KINDS)
def test_a_vector_is_the_mean_of_a_texts_states_or_that_at_cls_whatever_the_padding(named, pooling):
    model = make_model(named, EmbedSettings(pooling=pooling))
    found = vectors_of(model, PAIRS)
    assert found.shape == (3, 2, 32)
    reader, task = make_reader(model), model.objective
    for record, (_, second) in zip(PAIRS, found, strict=True):
        alone = task.corrupt(
            task.stack(task.items(TextRecord("", record.pair), reader)), np.random.default_rng(0)
        )
        with without_training(model.encoder):
            states = model.encoder(alone, None)[0][0]
        at_cls = states[0 if model.layout == "cls_first" else -1]
        np.testing.assert_allclose(second, states.mean(0) if pooling == "mean" else at_cls, atol=1e-5)


def test_a_model_that_reads_from_the_left_is_asked_at_its_last_slot():
    model = make_model("gpt2", EmbedSettings(pooling="cls"), objective="causal")
    batch = batch_of(model, PAIRS[1:2])
    last = (batch.tokens != model.vocabulary.pad).sum(1) - 1
    assert batch.asked[:, 0].tolist() == last.tolist()


def test_pairs_without_scores_are_told_from_the_others_of_their_batch_both_ways():
    model = make_model("bert", EmbedSettings(temperature=0.2))
    losses, _ = model.objective(model.encoder, batch_of(model, PAIRS))
    vectors = vectors_of(model, PAIRS)
    expected = 0.0
    for one, other in ((0, 1), (1, 0)):
        for i in range(3):
            cosines = [
                vectors[i, one]
                @ vectors[j, other]
                / np.linalg.norm(vectors[i, one])
                / np.linalg.norm(vectors[j, other])
                for j in range(3)
            ]
            powers = np.exp(np.array(cosines) / 0.2)
            expected -= 0.5 * np.log(powers[i] / powers.sum())
    assert losses["embed"].sum.item() == pytest.approx(expected, rel=1e-4)
    assert model.objective.counts(batch_of(model, PAIRS)) == {"embed": 3}


def test_a_score_is_a_cosine_between_the_lowest_and_the_highest():
    settings = Embed.learn(EmbedSettings(), SCORED)
    assert (settings.lowest, settings.highest) == (1.0, 5.0)
    model = make_model("transformer_xl", settings)
    losses, _ = model.objective(model.encoder, batch_of(model, SCORED))
    vectors = torch.from_numpy(vectors_of(model, SCORED))
    cosines = F.cosine_similarity(vectors[:, 0], vectors[:, 1], dim=-1)
    expected = ((cosines - torch.tensor([0.0, 0.5, 1.0])) ** 2).sum()
    torch.testing.assert_close(losses["embed"].sum, expected, atol=1e-5, rtol=1e-4)
    known = Embed.learn(EmbedSettings(lowest=0.0), SCORED)
    assert (known.lowest, known.highest) == (0.0, 5.0)


def test_scores_that_are_all_the_same_are_refused():
    same = [TextRecord("train.csv, row 1", "a", "b", "2"), TextRecord("train.csv, row 2", "c", "d", "2")]
    with pytest.raises(
        DataError, match=r"train.csv: scores from 2 to 2 tell no pairs apart; .* leave the column out"
    ):
        Embed.learn(EmbedSettings(), same)


@pytest.mark.parametrize("name", ["lowest", "highest"])
def test_a_range_of_scores_that_are_not_there_is_refused(name):
    with pytest.raises(UsageError, match=rf"task.{name}=1 is about scores, and these pairs have none"):
        Embed.learn(EmbedSettings(**{name: 1.0}), PAIRS)


def test_a_pair_that_shares_a_text_is_no_negative():
    tokens = torch.tensor([[1, 2], [3, 0], [1, 2], [4, 0], [5, 0], [3, 0], [6, 0], [7, 7]])
    shared = alike(tokens)
    assert shared.tolist() == [
        [True, True, True, False],
        [True, True, False, False],
        [True, False, True, False],
        [False, False, False, True],
    ]
    vectors = torch.randn(2, 2, 8)
    twice = vectors[[0, 0, 1]]
    same = torch.tensor([[True, True, False], [True, True, False], [False, False, True]])
    apart = contrastive(vectors, torch.eye(2, dtype=torch.bool), 0.1)
    first = contrastive(vectors[:1], torch.eye(1, dtype=torch.bool), 0.1)
    assert first.item() == 0
    assert contrastive(twice, same, 0.1).isfinite()
    assert contrastive(twice, same, 0.1) < contrastive(twice, torch.eye(3, dtype=torch.bool), 0.1)
    assert contrastive(twice, same, 0.1) > apart


def test_a_single_text_has_a_vector_and_a_pair_its_similarity():
    model = make_model("bert", EmbedSettings())
    task, reader = model.objective, make_reader(model)
    (pair,) = predict(task, model.encoder, PAIRS[:1], reader)
    singles = predict(
        task, model.encoder, [TextRecord("", PAIRS[0].text), TextRecord("", PAIRS[0].pair)], reader
    )
    one, other = (np.array(single["embedding"]) for single in singles)
    np.testing.assert_allclose([one, other], pair["embeddings"], atol=1e-5)
    cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    assert pair["similarity"] == pytest.approx(cosine, abs=1e-5)


def test_scored_pairs_are_judged_by_spearman_and_others_by_what_they_find():
    task = make_model("bert", EmbedSettings()).objective
    scored = task.judge(SCORED, [{"similarity": value} for value in (0.1, 0.2, 0.9)])
    assert list(scored.metrics) == ["spearman", "pearson"]
    assert scored.metrics["spearman"] == pytest.approx(1.0)
    # The first finds its own, the second finds that of the third first.
    vectors = [[[1, 0], [2, 0.1]], [[0, 1], [1, 1]], [[-1, 1], [0, 3]]]
    found = task.judge(PAIRS, [{"embeddings": pair} for pair in vectors])
    assert found.metrics["reciprocal_rank"] == pytest.approx((1 + 1 / 2 + 1) / 3)
    assert found.metrics["accuracy"] == pytest.approx(2 / 3)
    assert float(found.metric(*found.run)) == pytest.approx(found.metrics["reciprocal_rank"])


def test_the_trivial_answer_is_the_share_of_words():
    task = make_model("bert", EmbedSettings()).objective
    assert list(task.baseline(SCORED, [])) == ["spearman", "pearson"]
    found = task.baseline([TextRecord("", "a b c", "b c"), TextRecord("", "d", "d e")], [])
    assert found == {"reciprocal_rank": 1.0, "accuracy": 1.0}


@pytest.mark.parametrize("scores", [None, ("0", "5")], ids=["pairs", "scores"])
def test_a_model_learns_which_texts_belong_together(scores):
    pairs = [("fine", "dark"), ("warm", "cold"), ("bright", "grey"), ("she", "he")]
    records = [TextRecord("", *pair) for pair in pairs]
    if scores:
        records = [TextRecord("", *pair, scores[number % 2]) for number, pair in enumerate(pairs)]
    model = make_model("bert", Embed.learn(EmbedSettings(), records), seed=3)
    optimizer = torch.optim.AdamW(model.encoder.parameters(), lr=3e-3)
    batch = batch_of(model, records)
    for _ in range(60):
        losses, _ = model.objective(model.encoder, batch)
        optimizer.zero_grad()
        (losses["embed"].sum / len(records)).backward()
        optimizer.step()
    said = predict(model.objective, model.encoder, records, make_reader(model))
    metrics = model.objective.judge(records, said).metrics
    assert metrics["pearson" if scores else "accuracy"] == pytest.approx(1.0, abs=0.02)
