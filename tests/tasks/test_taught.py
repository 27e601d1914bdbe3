"""What tasks learn from teachers: a mix of hard and soft losses, in the student's own terms."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from small_tasks import make_model, make_reader, records

from bothways.objectives.teaching import TeachingSettings
from bothways.records.types import unlabelled
from bothways.tasks import Several, SeveralSettings
from bothways.tasks.classify import ClassifySettings
from bothways.tasks.regress import RegressSettings

LABELS = ClassifySettings(labels=("bad", "good"))
NUMBERS = RegressSettings(center=2.0, unit=4.0)


def teaching(**values):
    return TeachingSettings(teachers=("a",), **values)


def taught_batch(model, rows, soft, **values):
    """Return a batch of records with what teachers say of each, and set how much that counts."""
    task, reader = model.objective, make_reader(model)
    task.taught = teaching(**values)
    items = [
        item
        for record, targets in zip(rows, soft, strict=True)
        for item in task.with_soft_targets(task.items(record, reader), np.array(targets))
    ]
    return task.corrupt(task.stack(items), np.random.default_rng(0))


def test_the_loss_is_the_mix_computed_by_hand():
    model = make_model("bert", LABELS)
    soft = [[0.9, 0.1], [0.3, 0.7], [0.5, 0.5]]
    batch = taught_batch(model, records(3), soft, temperature=2.0, mix=0.25)
    task = model.objective
    with torch.no_grad():
        outputs = task.outputs(task.states(model.encoder, batch), batch)
        (loss,) = task(model.encoder, batch)[0].values()
    hard = by_hand = 0.0
    for logits, targets, wanted in zip(outputs.tolist(), soft, batch.wanted.tolist(), strict=True):
        hard -= torch.log_softmax(torch.tensor(logits), 0)[wanted].item()
        q = torch.softmax(torch.tensor(logits) / 2, 0).tolist()
        by_hand += 4 * sum(p * math.log(p / each) for p, each in zip(targets, q, strict=True))
    assert math.isclose(float(loss.sum), 0.75 * hard + 0.25 * by_hand, rel_tol=1e-5)


@pytest.mark.parametrize("settings", [LABELS, NUMBERS], ids=["classify", "regress"])
def test_teachers_alone_need_no_labels(settings):
    model = make_model("bert", settings)
    rows = [unlabelled(record) for record in records(4)]
    soft = [[0.8, 0.2]] * 4 if settings is LABELS else [[3.5]] * 4
    batch = taught_batch(model, rows, soft, mix=1.0)
    (loss,) = model.objective(model.encoder, batch)[0].values()
    assert torch.isfinite(loss.sum)
    loss.sum.backward()
    assert all(torch.isfinite(value.grad).all() for value in model.objective.parameters())


def test_a_number_is_taught_in_its_own_unit():
    teacher = make_model("bert", NUMBERS).objective
    student = make_model("bert", RegressSettings(center=0.0, unit=0.5))
    said = teacher.soft_targets([], [np.array([0.25], dtype=np.float32)], 7.0)
    assert said.tolist() == [0.25 * 4 + 2]
    rows = [replace(record, label="1") for record in records(1)]
    batch = taught_batch(student, rows, [said], mix=1.0)
    assert batch.soft.tolist() == [[6.0]]
    task = student.objective
    outputs = task.outputs(task.states(student.encoder, batch), batch)
    loss = task.mixed_loss(outputs, batch)
    torch.testing.assert_close(loss, (outputs[0, 0] - 6.0) ** 2)


def test_what_teachers_say_stays_with_its_record():
    model = make_model("bert", LABELS)
    soft = [[number / 8, 1 - number / 8] for number in range(8)]
    batch = taught_batch(model, records(8), soft)
    assert batch.soft.dtype == torch.float32
    assert batch.soft.tolist() == soft


def test_without_teachers_the_loss_is_the_task_s_own():
    model = make_model("bert", LABELS)
    batch = taught_batch(model, records(3), [[0.9, 0.1]] * 3, mix=0.5)
    task = model.objective
    outputs = task.outputs(task.states(model.encoder, batch), batch)
    task.taught = None
    torch.testing.assert_close(task.mixed_loss(outputs, batch), task.loss(outputs, batch))


def test_one_of_several_tasks_may_have_teachers():
    model = make_model("bert", LABELS)
    batch = taught_batch(model, records(3), [[0.9, 0.1]] * 3, mix=1.0)
    task = model.objective
    several = Several(SeveralSettings(), model.vocabulary, model.encoder, {"mood": task})
    losses, _ = several(model.encoder, replace(batch, task="mood"))
    alone, _ = task(model.encoder, batch)
    torch.testing.assert_close(losses["mood"].sum, alone["classify"].sum)
