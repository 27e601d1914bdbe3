"""A trial is drawn from its seed alone and trained by the objective's own loss."""

import numpy as np
import pytest
import torch
from model_cases import one_thread as one_thread

from bothways.batch import IGNORED
from bothways.claims.base import Models
from bothways.claims.recurrent import begin_recurrent
from bothways.claims.trial import (
    FIRST,
    accuracy,
    as_rows,
    begin,
    learn,
    mean_nats,
    nats_of,
    plan,
    predictions,
    scoring,
    shape,
    symbols,
)
from bothways.objectives.causal import CausalSettings


def trial(seed=0):
    return begin(shape("transformer_xl", memory=4), CausalSettings(), symbols(6), seed)


def segments(model, rng):
    rows = FIRST + rng.integers(0, 6, (3, 8))
    return [model.objective.left_to_right(as_rows(rows[:, cut], carry=4)) for cut in (slice(4), slice(4, 8))]


def test_a_seed_gives_the_same_weights_and_leaves_the_global_random_state_alone():
    before = torch.get_rng_state()
    one, again, other = trial(1), trial(1), trial(2)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(*pair) for pair in zip(one.parameters(), again.parameters(), strict=True))
    assert not all(torch.equal(*pair) for pair in zip(one.parameters(), other.parameters(), strict=True))


def test_training_twice_gives_the_same_weights_to_the_bit():
    models = [trial(), trial()]
    for model in models:
        assert learn(model, lambda rng, model=model: segments(model, rng), 3, seed=5) == 3
    assert all(torch.equal(*pair) for pair in zip(*(model.parameters() for model in models), strict=True))


def test_training_stops_where_it_is_told_to():
    model = trial()
    assert learn(model, lambda rng: segments(model, rng), 9, seed=5, stop=lambda step: step == 2) == 2


def test_costs_are_those_of_the_objectives_own_loss_with_memory():
    model = trial()
    batches = segments(model, np.random.default_rng(0))
    total, memory = 0.0, None
    for batch in batches:
        losses, memory = model.objective(model.encoder, batch, memory)
        total += float(losses["causal"].sum.detach())
    costs = [nats_of(*each) for each in zip(predictions(model, batches), batches, strict=True)]
    assert sum(float(each.nansum()) for each in costs) == pytest.approx(total, rel=1e-5)
    assert mean_nats(model, batches) == pytest.approx(total / sum(len(each) for each in costs), rel=1e-5)


def test_own_answers_replace_the_objectives_targets_and_change_nothing_that_is_seen():
    model = trial()
    batch = segments(model, np.random.default_rng(0))[0]
    answers = np.full((3, 4), IGNORED)
    answers[:, 2] = FIRST
    asked = scoring(batch, answers)
    assert torch.equal(asked.enters, batch.enters)
    assert torch.equal(asked.now, batch.now)
    assert nats_of(predictions(model, [asked])[0], asked).isnan().sum() == 9
    model.objective.head.bias.data[FIRST] = 1e6
    assert accuracy(model, asked) == 1.0


def test_a_quick_run_has_one_seed_and_half_the_steps():
    assert plan(Models({}, (3, 4)), 10) == ([3, 4], 10)
    assert plan(Models({}, (3, 4), quick=True), 10) == ([3], 5)


def test_an_lstm_reads_from_left_to_right_and_keeps_no_memory():
    model = begin_recurrent(shape("bert", max_positions=8), CausalSettings(), symbols(6), seed=0)
    rows = np.tile(np.arange(FIRST, FIRST + 6), (2, 1))
    rows[1, 3] = FIRST
    states, memory = model.encoder(model.objective.left_to_right(as_rows(rows, carry=4)))
    assert memory is None
    assert torch.equal(states[0, :3], states[1, :3])
    assert not torch.isclose(states[0, 3:], states[1, 3:]).all(dim=-1).any()
