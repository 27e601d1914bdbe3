"""What a run may use up: one unit, counted alike for all."""

import pytest

from bothways.bench.work import useful_work
from bothways.compare import operations
from bothways.compare.budget import EVALUATIONS, Budget, budget_of
from bothways.compare.operations import operations_of_a_step
from bothways.dry_run import MadeUpText, made_up_vocabulary
from bothways.errors import UsageError
from bothways.recipe import resolve

VOCABULARY = made_up_vocabulary(300)
TEXT = MadeUpText(VOCABULARY, [700] * 8)
SMALL = ["training.batch=8", "format.length=32", "backbone.layers=2", "backbone.width=32", "backbone.heads=2"]


def small(name, *words):
    return resolve(name, [*SMALL, "training.steps=1", *words])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((None, None, None), "exactly one of --tokens, --flops, --minutes"),
        ((10, None, 1.0), "exactly one of --tokens, --flops, --minutes"),
        ((None, -1.0, None), "--flops is -1; give a number above 0"),
        ((None, None, float("nan")), "--minutes is nan"),
    ],
)
def test_there_is_one_budget_and_it_is_above_zero(given, message):
    with pytest.raises(UsageError, match=message):
        budget_of(*given)


def test_what_all_runs_use_up_is_said_in_a_unit_that_can_be_read():
    assert budget_of(2_000_000, None, None).in_words(6) == "12,000,000 tokens"
    assert budget_of(None, 1e15, None).in_words(6) == "6e+15 operations"
    assert budget_of(None, None, 20.0).in_words() == "20 minutes"
    assert budget_of(None, None, 20.0).in_words(12) == "4.0 hours"


@pytest.mark.parametrize("name", ["bert-tiny", "roberta-tiny", "gpt-tiny", "electra-tiny", "mpnet-tiny"])
def test_operations_become_as_many_steps_as_they_pay_for(name):
    recipe = small(name)
    each = operations_of_a_step(recipe, TEXT, VOCABULARY)
    settled = Budget("flops", 40.4 * each).settled(recipe, TEXT, VOCABULARY)
    assert settled.training.steps == 40
    assert Budget("flops", 1.0).settled(recipe, TEXT, VOCABULARY).training.steps == 1


def test_a_step_of_all_its_rows_is_what_the_benchmark_counts(monkeypatch):
    counted = []

    def spy(encoder, objective, batch, memory):
        counted.append((len(batch.tokens), memory, useful_work(encoder, objective, batch, memory)))
        return counted[-1][-1]

    monkeypatch.setattr(operations, "useful_work", spy)
    recipe = small("xlnet-tiny", "format.reuse=16", "backbone.memory=24")
    total = operations_of_a_step(recipe, TEXT, VOCABULARY)
    ((rows, memory, work),) = counted
    assert (rows, memory) == (8, 24)
    assert total == pytest.approx(work)


def test_stages_of_batch_and_length_count_by_their_share_of_the_steps():
    plain, short = small("roberta-tiny"), small("roberta-tiny", "format.length=16")
    staged = small(
        "roberta-tiny",
        "training.micro_batch=2",
        "training.schedule.batch=[[0.0, 0.5], [0.25, 1.0]]",
        "training.schedule.length=[[0.0, 0.5], [0.75, 1.0]]",
    )
    long_, half = (operations_of_a_step(recipe, TEXT, VOCABULARY) for recipe in (plain, short))
    expected = 0.25 * half / 2 + 0.5 * half + 0.25 * long_
    assert operations_of_a_step(staged, TEXT, VOCABULARY) == pytest.approx(expected)


def test_a_larger_vocabulary_costs_steps():
    recipe = small("roberta-tiny")
    larger = made_up_vocabulary(3000)
    budget = Budget("flops", 100 * operations_of_a_step(recipe, TEXT, VOCABULARY))
    steps = budget.settled(recipe, MadeUpText(larger, [700] * 8), larger).training.steps
    assert steps < 100


def test_runs_are_judged_on_the_way_where_their_steps_are_known():
    of_tokens = resolve("roberta-tiny", [*SMALL, f"training.tokens={40 * 8 * 32}"])
    settled = Budget("tokens", 40 * 8 * 32).settled(of_tokens, TEXT, VOCABULARY)
    assert settled.training.evaluate_every == 40 // EVALUATIONS
    often = resolve("roberta-tiny", [*SMALL, f"training.tokens={40 * 8 * 32}", "training.evaluate_every=1"])
    assert Budget("tokens", 1).settled(often, TEXT, VOCABULARY).training.evaluate_every == 1
    by_clock = resolve("roberta-tiny", [*SMALL, "training.minutes=2"])
    assert Budget("minutes", 2).settled(by_clock, TEXT, VOCABULARY) == by_clock
