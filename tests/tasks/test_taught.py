"""What tasks learn from teachers: a mix of hard and soft losses, in the student's own terms."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from small_tasks import make_model, make_reader, records

from bothways.objectives.teaching import TeachingSettings
from bothways.records.types import ChoiceRecord, TaggedRecord, unlabelled
from bothways.tasks import Several, SeveralSettings
from bothways.tasks.answering import outputs_by_record
from bothways.tasks.choose import ChooseSettings
from bothways.tasks.classify import ClassifySettings
from bothways.tasks.regress import RegressSettings
from bothways.tasks.tag import TagSettings

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


def said_by(teacher, record):
    """Return what a teacher says of a record at temperature 1, and its logits."""
    items = teacher.objective.items(record, make_reader(teacher))
    (outputs,) = outputs_by_record(teacher.objective, teacher.encoder, [items])
    return teacher.objective.soft_targets(items, outputs, 1.0), outputs


SENTENCE = TaggedRecord("", ("she", "was", "glad", "in", "town", "and", "he", "was", "sad", "."), None)


def test_words_are_taught_whatever_windows_and_layout_they_are_read_in():
    labels = ("a", "b", "c")
    teacher = make_model("transformer_xl", TagSettings(labels=labels, length=64), memory=0)
    student = make_model("bert", TagSettings(labels=labels, length=8, stride=3), seed=1)
    said, (logits,) = said_by(teacher, SENTENCE)
    assert said.shape == (10, 3)
    np.testing.assert_allclose(said.sum(axis=1), 1.0, rtol=1e-5)
    slots = teacher.objective.items(SENTENCE, make_reader(teacher))[0][0].note.slots
    np.testing.assert_array_equal(said.argmax(axis=1), logits[slots].argmax(axis=1))

    batch = taught_batch(student, [SENTENCE], [said], mix=1.0, temperature=1.0)
    task = student.objective
    assert len(batch.tokens) > 1
    # Each word is taught once, though no label is known.
    assert task.count(batch) == 10
    found, _ = said_by(student, SENTENCE)
    (loss,) = task(student.encoder, batch)[0].values()
    by_hand = (said * np.log(said / found)).sum()
    assert math.isclose(float(loss.sum.detach()), float(by_hand), rel_tol=1e-4)


def test_who_reads_words_as_its_teacher_does_has_nothing_to_learn():
    model = make_model("bert", TagSettings(labels=("a", "b", "c")))
    said, _ = said_by(model, SENTENCE)
    batch = taught_batch(model, [SENTENCE], [said], mix=1.0, temperature=1.0)
    (loss,) = model.objective(model.encoder, batch)[0].values()
    assert abs(float(loss.sum.detach())) < 1e-5


def test_choices_are_taught_where_questions_have_more_or_fewer():
    teacher = make_model("bert", ChooseSettings(choices=4))
    student = make_model("bert", ChooseSettings(choices=5), seed=1)
    questions = [
        ChoiceRecord("", "", "a fine day", ("he was sad", "she was glad")),
        ChoiceRecord("", "she was glad .", "she was", ("sad", "glad", "cold", "grey")),
    ]
    said = [said_by(teacher, question)[0] for question in questions]
    assert [len(each) for each in said] == [2, 4]
    batch = taught_batch(student, questions, said, mix=1.0, temperature=1.0)
    assert batch.soft.shape == (2, 4)
    (loss,) = student.objective(student.encoder, batch)[0].values()
    found = [said_by(student, question)[0] for question in questions]
    by_hand = sum((p * np.log(p / q)).sum() for p, q in zip(said, found, strict=True))
    assert math.isclose(float(loss.sum.detach()), float(by_hand), rel_tol=1e-4)


TAGGED = [TaggedRecord("", ("a", "town"), ("O", "B-X"))]
CHOICES = [ChoiceRecord("", "", "warm", ("cold", "bright"), 1)]
LABELLED = {
    "classify": (LABELS, records(3)),
    "regress": (NUMBERS, [replace(record, label=str(number)) for number, record in enumerate(records(3))]),
    "tag": (TagSettings(labels=("O", "B-X", "I-X"), entities=True), TAGGED),
    "choose": (ChooseSettings(), CHOICES),
}


@pytest.mark.parametrize("kind", LABELLED)
def test_a_trivial_answer_needs_no_training_record_with_a_label(kind):
    settings, judged = LABELLED[kind]
    task = make_model("bert", settings).objective
    bare = [unlabelled(record) for record in judged]
    assert task.baseline(judged, bare) == task.baseline(judged, judged)
    assert task.baseline(judged, [*bare, *judged]) == task.baseline(judged, judged)
