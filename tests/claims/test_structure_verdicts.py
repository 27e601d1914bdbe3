"""Verdicts follow the numbers: planted ones give each verdict, and trained models of one's own can be asked."""

from pathlib import Path

import numpy as np
import pytest
from model_cases import one_thread as one_thread

from bothways.claims import (
    all_contexts,
    distance,
    heads,
    memory,
    order_independent_memory,
    position_blind,
    positions_needed,
    relative_positions,
    three_embeddings,
    two_streams,
)
from bothways.claims.base import Models
from bothways.claims.order_independent_memory import Orders
from bothways.claims.trial import begin, shape, symbols
from bothways.errors import UsageError
from bothways.evaluate.asking import Subject
from bothways.objectives.causal import CausalSettings
from bothways.objectives.masked import MaskedSettings
from bothways.objectives.permutation import PermutationSettings

SPREAD = np.array([-0.01, 0.0, 0.01])
HOLDS, FAILS, UNSURE = "holds", "does not hold here", "inconclusive"


def near(value):
    """Return a number for each of three seeds."""
    return (value + SPREAD).tolist()


def test_blind_positions():
    def verdict(blind, seeing):
        return position_blind.conclude(blind, seeing, quick=False).verdict

    assert verdict(near(2.0), near(0.6)) == HOLDS
    assert verdict(near(0.6), near(0.6)) == FAILS
    assert verdict(near(2.0), near(2.0)) == FAILS
    assert verdict(near(2.0), [0.5, 2.0, 2.0]) == UNSURE


def test_contexts(monkeypatch):
    assert all_contexts.measure(Models({}, ()), 500).verdict == HOLDS
    monkeypatch.setitem(all_contexts.OBJECTIVES, "permutation", PermutationSettings(one_in=2, select="token"))
    assert all_contexts.measure(Models({}, ()), 500).verdict == FAILS


def test_two_streams_that_leak_do_not_hold():
    trial = begin(shape("transformer_xl", layers=2), PermutationSettings(), symbols(6), 0)
    tokens = np.arange(5, 11)
    query, content = two_streams.two_streams(trial.encoder.double(), trial.objective.double(), tokens)
    leaking = two_streams.Flow(content.strength, query.may)
    found = [
        two_streams._conclude({"query stream": each} | {"content stream": content}, quick=False).verdict
        for each in (query, leaking)
    ]
    assert found == [HOLDS, FAILS]


def test_memory():
    steps = np.arange(memory.FURTHEST + 1)
    best = {name: [memory.bound(look, step) for step in steps] for name, look in memory.LOOKS.items()}
    costs = {name: np.array(values) + SPREAD[:, None] for name, values in best.items()}
    reaches = {name: look.reach + memory.SEGMENT - 1 for name, look in memory.LOOKS.items()}
    assert memory.conclude(costs, reaches, quick=False).verdict == HOLDS
    useless = dict.fromkeys(costs, costs["no memory"])
    assert memory.conclude(useless, reaches, quick=False).verdict == FAILS
    shorter = dict.fromkeys(reaches, 7)
    assert memory.conclude(costs, shorter, quick=False).verdict == FAILS


def test_relative_positions():
    costs = {name: relative_positions.bounds(name) + SPREAD[:, None] for name in relative_positions.MODELS}
    assert relative_positions.conclude(costs, quick=False).verdict == HOLDS
    mended = costs | {"absolute, with memory": costs["relative, with memory"]}
    assert relative_positions.conclude(mended, quick=False).verdict == FAILS


def test_memory_of_any_order():
    def verdict(moved, costs):
        orders = [Orders(0.0, 0.0, 0.5, 1.0, 1.0 + cost) for cost in costs]
        return order_independent_memory.conclude(
            Orders(moved, 0.0, 0.5, 1.0, 1.0), orders, quick=False
        ).verdict

    assert verdict(0.0, near(0.02)) == HOLDS
    assert verdict(1e-12, near(0.02)) == FAILS
    assert verdict(0.0, near(0.5)) == FAILS
    assert verdict(0.0, [-0.5, 0.0, 0.5]) == UNSURE


def test_positions():
    found = {name: near(0.95) for name in positions_needed.ENCODERS} | {"none": near(positions_needed.CHANCE)}
    gaps = {"learned": (0.1, 1e-15), "relative": (0.2, 0.0)}
    assert positions_needed.conclude(gaps, found, quick=False).verdict == HOLDS
    assert positions_needed.conclude(gaps, found | {"none": near(0.95)}, quick=False).verdict == FAILS
    assert positions_needed.conclude(gaps, found | {"rotary": near(0.2)}, quick=False).verdict == FAILS
    assert positions_needed.conclude(gaps | {"rotary": (0.1, 0.1)}, found, quick=False).verdict == FAILS


def test_three_embeddings():
    best = {name: near(value) for name, (_, value) in three_embeddings.ABLATIONS.items()}
    assert three_embeddings.conclude(best, is_refused=True, quick=False).verdict == HOLDS
    assert three_embeddings.conclude(best, is_refused=False, quick=False).verdict == FAILS
    needless = best | {"no segments": near(1.0)}
    assert three_embeddings.conclude(needless, is_refused=True, quick=False).verdict == FAILS


def test_distance():
    def verdict(recurrent, attention):
        right = {"LSTM": recurrent, "attention": attention}
        found = {
            (model, task, far): [distance.Learned(100, share) for share in right[model]]
            for model in distance.MODELS
            for task in distance.TASKS
            for far in distance.DISTANCES
        }
        return distance.conclude(found, quick=False).verdict

    assert verdict(near(0.5), near(0.98)) == HOLDS
    assert verdict(near(0.97), near(0.98)) == FAILS
    assert verdict(near(0.2), near(0.5)) == FAILS
    assert verdict([0.2, 0.9, 0.9], near(0.98)) == UNSURE


def test_heads():
    found = {number: near(1.0) for number in heads.NUMBERS}
    assert heads.conclude(found | {1: near(0.3)}, quick=False).verdict == HOLDS
    assert heads.conclude(found, quick=False).verdict == FAILS
    assert heads.conclude(found | {1: [0.2, 0.9, 1.0]}, quick=False).verdict == UNSURE


ASKED = {
    "two_streams": two_streams,
    "memory": memory,
    "order_independent_memory": order_independent_memory,
    "positions_needed": positions_needed,
}


def subject(kind, objective, **changes):
    vocabulary = symbols(20)
    trial = begin(shape(kind, layers=2, **changes), objective, vocabulary, 0)
    return Subject(trial.encoder, trial.objective, vocabulary, "cls_last")


@pytest.mark.parametrize("name", ASKED)
def test_an_xlnet_of_ones_own_can_be_asked(name, monkeypatch):
    xlnet = subject("transformer_xl", PermutationSettings(), memory=4)
    monkeypatch.setattr(ASKED[name], "load", lambda run: (xlnet, None))
    finding = ASKED[name].ask(Path("run"))
    assert finding.verdict == HOLDS
    assert finding.figure.series


@pytest.mark.parametrize("name", ["two_streams", "memory", "order_independent_memory"])
def test_a_bert_is_refused_where_the_question_makes_no_sense(name, monkeypatch):
    bert = subject("bert", MaskedSettings())
    monkeypatch.setattr(ASKED[name], "load", lambda run: (bert, None))
    with pytest.raises(UsageError, match=f"{name}: run"):
        ASKED[name].ask(Path("run"))


def test_a_model_from_left_to_right_can_be_asked_for_its_reach(monkeypatch):
    model = subject("transformer_xl", CausalSettings(), memory=4)
    monkeypatch.setattr(memory, "load", lambda run: (model, None))
    (measured,) = memory.ask(Path("run")).measures
    assert measured.value == measured.truth == 2 * memory.SEGMENT + 7
