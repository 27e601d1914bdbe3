"""Language models taught by others: what is added to the loss, whom it moves, what is remembered."""

import dataclasses

import numpy as np
import pytest
import torch
from model_cases import VOCABULARY, make_encoder, make_objective, pairs
from pydantic import ValidationError

from bothways.batch import IGNORED
from bothways.objectives.distilled import (
    ATTENTION,
    HIDDEN,
    PREDICTIONS,
    Distilled,
    DistilSettings,
    Teacher,
    is_text,
    layer_map,
)

ALL = {"hidden": 0.5, "attention": 2.0}
CASES = {
    # backbone, objective; the teacher's backbone
    "masked": ("bert", "masked", "bert"),
    "masked, by another backbone": ("bert", "masked", "modern"),
    "permuted": ("transformer_xl", "permutation", "transformer_xl"),
    "permuted, by another backbone": ("transformer_xl", "permutation", "bert"),
    "causal": ("gpt2", "causal", "bert"),
    "with placeholders": ("mpnet", "mpnet", "bert"),
}


def settings(**values):
    return DistilSettings(teachers=("a",) * values.pop("teachers", 1), **values)


def make_teacher(kind, objective, seed=5, **shape):
    encoder = make_encoder(kind, seed=seed, **{"width": 48, "heads": 3, "layers": 3} | shape)
    head = make_objective(objective, encoder, seed=seed)
    for part in (encoder, head):
        part.requires_grad_(False)
    return Teacher(encoder, head)


def make_distilled(named, **values):
    kind, objective, other = CASES[named]
    encoder = make_encoder(kind)
    student = make_objective(objective, encoder)
    built = Distilled(settings(**values), student, encoder, [make_teacher(other, objective)])
    return encoder, built.double()


def batch_for(named, objective):
    return objective.corrupt(pairs(left=CASES[named][0] == "transformer_xl"), np.random.default_rng(0))


@pytest.mark.parametrize(
    ("student", "teacher", "wanted"),
    [
        (2, 4, [0, 2, 4]),
        (4, 4, [0, 1, 2, 3, 4]),
        (4, 12, [0, 3, 6, 9, 12]),
        (4, 6, [0, 2, 3, 5, 6]),
        (3, 2, [0, 1, 1, 2]),
    ],
)
def test_layers_are_mapped_in_proportion(student, teacher, wanted):
    assert layer_map(student, teacher) == wanted


@pytest.mark.parametrize("named", CASES)
def test_who_copies_its_teacher_has_nothing_to_learn(named):
    kind, objective, _ = CASES[named]
    encoder = make_encoder(kind)
    student = make_objective(objective, encoder)
    copied = Distilled(settings(**ALL), student, encoder, [Teacher(encoder, student)])
    losses, _ = copied(encoder, batch_for(named, copied))
    for name in (PREDICTIONS, HIDDEN, ATTENTION):
        assert abs(float(losses[name].sum.detach())) < 1e-9


@pytest.mark.parametrize("named", CASES)
def test_the_own_loss_is_what_it_is_without_teachers(named):
    encoder, distilled = make_distilled(named, mix=0.25, **ALL)
    batch = batch_for(named, distilled)
    losses, _ = distilled(encoder, batch)
    (own,) = distilled.student(encoder, batch)[0].values()
    name = distilled.student.name
    torch.testing.assert_close(losses[name].sum, own.sum)
    assert {part: loss.weight for part, loss in losses.items()} == distilled.weights()
    assert distilled.weights() == {name: 0.75, PREDICTIONS: 0.25, HIDDEN: 0.5, ATTENTION: 2.0}
    assert distilled.counts(batch).keys() == losses.keys()


@pytest.mark.parametrize("named", CASES)
def test_predictions_are_compared_at_scored_positions_alone(named):
    encoder, distilled = make_distilled(named, temperature=3.0)
    batch = batch_for(named, distilled)
    (teacher,) = distilled.teachers
    ours, theirs = (
        part.predict(model, batch) / 3
        for part, model in (
            (distilled.student, encoder),
            (teacher.objective, teacher.encoder),
        )
    )
    p, q = theirs.log_softmax(-1), ours.log_softmax(-1)
    by_hand = 9 * (p.exp() * (p - q)).sum(-1)[batch.targets != IGNORED].sum()
    found = distilled(encoder, batch)[0][PREDICTIONS].sum
    torch.testing.assert_close(found, by_hand)


def test_several_teachers_are_averaged():
    encoder = make_encoder("bert")
    student = make_objective("masked", encoder)
    teachers = [make_teacher("bert", "masked", seed) for seed in (5, 6)]
    distilled = Distilled(settings(teachers=2, temperature=1.0), student, encoder, teachers)
    batch = batch_for("masked", distilled)
    p = sum(each.objective.predict(each.encoder, batch).exp() for each in teachers) / 2
    q = student.predict(encoder, batch)
    by_hand = (p * (p.log() - q)).sum()
    torch.testing.assert_close(distilled(encoder, batch)[0][PREDICTIONS].sum, by_hand)


def test_states_are_compared_by_their_cosine_on_the_layer_map():
    encoder, distilled = make_distilled("masked", **ALL)
    batch = batch_for("masked", distilled)
    (teacher,) = distilled.teachers
    ours, theirs = (model.states(model.embeddings(batch), batch)[0] for model in (encoder, teacher.encoder))
    text = batch.tokens != VOCABULARY.pad
    by_hand = 0
    for layer, other in enumerate([0, 2, 3]):
        mapped = ours[layer] @ distilled.maps[layer].weight.T
        cosine = (mapped * theirs[other]).sum(-1) / mapped.norm(dim=-1) / theirs[other].norm(dim=-1)
        by_hand += ((1 - cosine) * text).sum() / 3
    torch.testing.assert_close(distilled(encoder, batch)[0][HIDDEN].sum, by_hand)


def test_equal_widths_need_no_map():
    encoder = make_encoder("bert")
    teacher = make_teacher("bert", "masked", width=32, heads=2)
    distilled = Distilled(settings(**ALL), make_objective("masked", encoder), encoder, [teacher])
    assert not list(distilled.maps.parameters())


@pytest.mark.parametrize("named", CASES)
def test_gradients_reach_the_student_and_the_maps_alone(named):
    encoder, distilled = make_distilled(named, **ALL)
    losses, _ = distilled(encoder, batch_for(named, distilled))
    sum(loss.weight * loss.sum for loss in losses.values()).backward()
    (teacher,) = distilled.teachers
    theirs = {id(value) for part in (teacher.encoder, teacher.objective) for value in part.parameters()}
    trained = [*encoder.parameters(), *distilled.parameters()]
    assert not theirs & {id(value) for value in trained}
    assert all(
        value.grad is None for part in (teacher.encoder, teacher.objective) for value in part.parameters()
    )
    assert all(float(mapped.weight.grad.abs().sum()) > 0 for mapped in distilled.maps)
    assert float(encoder.token_embedding.grad.abs().sum()) > 0
    assert not any("teacher" in name for name, _ in distilled.named_modules())


@pytest.mark.parametrize("named", CASES)
def test_as_many_tokens_are_compared_as_are_counted(named):
    _, distilled = make_distilled(named, **ALL)
    batch = batch_for(named, distilled)
    assert int(is_text(batch).sum()) == distilled.counts(batch)[HIDDEN] == batch.num_tokens


def test_only_what_is_asked_for_is_computed():
    encoder, distilled = make_distilled("masked", mix=0.0, attention=1.0)
    losses, _ = distilled(encoder, batch_for("masked", distilled))
    assert losses.keys() == {"masked", ATTENTION}
    assert not len(distilled.maps)
    predicting = make_distilled("masked")[1]
    batch = batch_for("masked", predicting)
    assert predicting.student.reads(batch) is not None


def test_auxiliary_losses_keep_their_weight():
    encoder = make_encoder("bert")
    student = make_objective("masked", encoder, pair=True)
    distilled = Distilled(settings(mix=0.75), student, encoder, [make_teacher("bert", "masked")])
    assert distilled.weights() == {"masked": 0.25, "sentence_pair": 1.0, PREDICTIONS: 0.75}


@pytest.mark.parametrize("other", ["transformer_xl", "bert"])
def test_student_and_teacher_remember_on_their_own(other):
    encoder = make_encoder("transformer_xl", memory=8)
    teacher = make_teacher(other, "permutation", **({"memory": 8} if other == "transformer_xl" else {}))
    student = make_objective("permutation", encoder)
    distilled = Distilled(settings(temperature=1.0), student, encoder, [teacher])
    first, second = (dataclasses.replace(batch_for("permuted", student), carry=8) for _ in range(2))
    _, memory = distilled(encoder, first)
    losses, _ = distilled(encoder, second, memory)

    _, ours = student(encoder, first)
    _, theirs = teacher.encoder(first)
    assert len(memory.states) == (5 if other == "transformer_xl" else 2)
    p = teacher.objective.predict(teacher.encoder, second, theirs)
    q = student.predict(encoder, second, ours)
    by_hand = (p.exp() * (p - q)).sum(-1)[second.targets != IGNORED].sum()
    torch.testing.assert_close(losses[PREDICTIONS].sum, by_hand)


@pytest.mark.parametrize("kind", ["bert", "modern", "transformer_xl"])
def test_the_states_of_all_layers_end_with_those_of_the_forward_pass(kind):
    encoder = make_encoder(kind)
    batch = make_objective("masked", encoder).corrupt(
        pairs(left=kind == "transformer_xl"), np.random.default_rng(0)
    )
    states, _ = encoder.states(encoder.embeddings(batch), batch, None, batch.asked)
    last, _ = encoder(batch, None, batch.asked)
    torch.testing.assert_close(states[-1], last, equal_nan=True, rtol=0, atol=0)
    assert len(states) == 3
    assert all(torch.isfinite(state).all() for state in states[:-1])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"mix": 0.0}, "nothing is learned from the teachers"),
        ({"teachers": 2, "hidden": 1.0}, "the inside of one teacher"),
        ({"temperature": 0.0}, "greater than 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(values, words):
    with pytest.raises(ValidationError, match=words):
        settings(**values)
