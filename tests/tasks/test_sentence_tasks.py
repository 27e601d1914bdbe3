"""Classes and numbers for texts: losses as by hand, labels, weights, baselines, and a model that learns."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from small_tasks import make_model, make_reader, records

from bothways.errors import UsageError
from bothways.records.reading import BadRow
from bothways.records.types import TextRecord, unlabelled
from bothways.tasks import Classify, Regress, build_several
from bothways.tasks.answering import predict
from bothways.tasks.classify import ClassifySettings, judged
from bothways.tasks.regress import RegressSettings


def batch_of(model, chosen):
    reader = make_reader(model)
    items = [item for record in chosen for item in model.objective.items(record, reader)]
    return model.objective.corrupt(model.objective.stack(items), np.random.default_rng(0))


def outputs(model, batch):
    return model.objective.outputs(model.objective.states(model.encoder, batch), batch)


def test_the_loss_of_a_class_is_weighted_cross_entropy():
    settings = ClassifySettings(labels=("bad", "good"), weights=(3.0, 0.5))
    model = make_model("bert", settings)
    batch = batch_of(model, records(5))
    losses, memory = model.objective(model.encoder, batch)
    logits = outputs(model, batch)
    truth = torch.tensor([1, 0, 1, 0, 1])
    by_hand = sum(
        settings.weights[t] * -torch.log_softmax(row, 0)[t] for row, t in zip(logits, truth, strict=True)
    )
    torch.testing.assert_close(losses["classify"].sum, by_hand)
    assert model.objective.counts(batch) == {"classify": 5}
    assert memory is None


def test_the_loss_of_a_number_is_its_squared_error_in_deviations():
    model = make_model("transformer_xl", RegressSettings(center=10.0, unit=2.0))
    batch = batch_of(
        model, [TextRecord("", "a fine day", label="14"), TextRecord("", "he was sad", label="9")]
    )
    losses, _ = model.objective(model.encoder, batch)
    by_hand = F.mse_loss(outputs(model, batch)[:, 0], torch.tensor([2.0, -0.5]), reduction="sum")
    torch.testing.assert_close(losses["regress"].sum, by_hand)


def test_training_records_decide_labels_weights_and_units():
    chosen = [*records(6), TextRecord("", "x", label="bad"), TextRecord("", "y", label="bad")]
    settings = Classify.learn(ClassifySettings(balance=True), chosen)
    assert settings.labels == ("bad", "good")
    assert settings.weights == pytest.approx((8 / (2 * 5), 8 / (2 * 3)))
    numbers = [TextRecord("", "x", label=label) for label in ("1", "2", "6")]
    learned = Regress.learn(RegressSettings(), numbers)
    assert learned.center == 3.0
    assert learned.unit == pytest.approx(np.std([1, 2, 6]))
    kept = Regress.learn(RegressSettings(center=0.0, unit=1.0), numbers)
    assert (kept.center, kept.unit) == (0.0, 1.0)


def test_a_label_that_training_does_not_know_makes_a_bad_row():
    with pytest.raises(BadRow, match=r"the label is none of task\.labels"):
        Classify.check(
            ClassifySettings(labels=("bad", "good")), TextRecord("dev.csv, row 3", "x", label="goof")
        )


def test_predictions_are_probabilities_and_numbers_in_their_own_unit():
    model = make_model("bert", ClassifySettings(labels=("bad", "good")))
    (said,) = predict(model.objective, model.encoder, records(1), make_reader(model))
    assert sum(said["probabilities"].values()) == pytest.approx(1.0)
    assert said["label"] == max(said["probabilities"], key=said["probabilities"].get)
    model = make_model("bert", RegressSettings(center=100.0, unit=5.0))
    asked = [unlabelled(record) for record in records(1)]
    (said,) = predict(model.objective, model.encoder, asked, make_reader(model))
    batch = batch_of(model, [TextRecord("", records(1)[0].text, label="0")])
    raw = outputs(model, batch)[0, 0].item()
    assert said["number"] == pytest.approx(100 + 5 * raw, rel=1e-5)


def test_what_is_known_without_reading_is_the_most_frequent_label():
    model = make_model("bert", ClassifySettings(labels=("bad", "good"), metric="f1", positive="bad"))
    chosen = [*records(4), TextRecord("", "x", label="bad")]
    known = model.objective.baseline(chosen, train=chosen)
    assert next(iter(known)) == "f1"
    assert known["accuracy"] == pytest.approx(3 / 5)
    assert known["f1"] == pytest.approx(2 * 3 / (3 + 5))


@pytest.mark.parametrize("metric", Classify.measures)
def test_a_run_gives_its_metric_again_whichever_label_is_positive(metric):
    settings = ClassifySettings(labels=("bad", "good"), metric=metric, positive="bad")
    truth, found = np.array([0, 0, 0, 1, 1, 0]), np.array([0, 1, 0, 0, 1, 0])
    judgement = judged(truth, found, settings)
    name, value = next(iter(judgement.metrics.items()))
    assert name == metric
    assert Classify.measures[metric](*judgement.run) == pytest.approx(value)
    precision, recall = 3 / 4, 3 / 4
    f1 = 2 * precision * recall / (precision + recall)
    assert judgement.metrics["f1"] == pytest.approx(f1)
    assert judgement.metrics["f1_accuracy"] == pytest.approx((f1 + 4 / 6) / 2)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"metric": "f1"},
            r"task.metric=f1 is about one label, and there are 3; .* name it with task.positive",
        ),
        ({"metric": "f1_accuracy", "positive": "good"}, "task.metric=f1_accuracy is about one label"),
        ({"positive": "goood"}, r"task.positive=goood is no label; did you mean 'good'\?"),
        ({"weights": (1.0, 2.0)}, "task.weights holds 2 numbers, and there are 3 labels; .* bad, fair, good"),
    ],
)
def test_settings_that_do_not_go_with_the_labels_are_refused_before_training(settings, words):
    chosen = [TextRecord("", "x", label=label) for label in ("good", "bad", "fair")]
    with pytest.raises(UsageError, match=words):
        Classify.learn(ClassifySettings(**settings), chosen)
    known = Classify.learn(ClassifySettings(metric="f1", positive="good", weights=(1.0, 2.0, 3.0)), chosen)
    assert known.labels == ("bad", "fair", "good")


@pytest.mark.parametrize("named", ["bert", "transformer_xl"])
def test_a_classifier_learns_what_words_say(named):
    model = make_model(named, ClassifySettings(labels=("bad", "good"), dropout=0.0), seed=3)
    parts = (model.encoder, model.objective)
    optimizer = torch.optim.AdamW([each for part in parts for each in part.parameters()], lr=3e-3)
    batch = batch_of(model, records(24))
    for _ in range(30):
        losses, _ = model.objective(model.encoder, batch)
        optimizer.zero_grad()
        (losses["classify"].sum / 24).backward()
        optimizer.step()
    said = predict(model.objective, model.encoder, records(24), make_reader(model))
    assert model.objective.judge(records(24), said).metrics["accuracy"] == 1.0


def test_several_tasks_share_an_encoder_and_a_batch_trains_one_of_them():
    model = make_model("bert")
    tasks = {"mood": ClassifySettings(labels=("bad", "good")), "degree": RegressSettings()}
    several = build_several(tasks, model.vocabulary, model.encoder, {"degree": 0.25})
    degree = several.task("degree")
    reader = make_reader(type(model)(**{**vars(model), "objective": degree}))
    items = degree.items(TextRecord("", "a fine day", label="3"), reader)
    batch = several.corrupt(degree.stack(items, "degree"), np.random.default_rng(0))
    losses, _ = several(model.encoder, batch)
    assert set(losses) == {"degree"}
    assert losses["degree"].weight == 0.25
    assert several.counts(batch) == {"degree": 1}
    losses["degree"].sum.backward()
    assert all(each.grad is None for each in several.task("mood").parameters())
    assert all(each.grad is not None for each in degree.parameters())
    assert model.encoder.token_embedding.grad is not None
