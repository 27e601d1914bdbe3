"""What synthetic results say together, and the tables that show it, letter by letter."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bothways.evaluate import lines_of
from bothways.finetuning.results import TaskResult
from bothways.metrics.bootstrap import affordable
from bothways.metrics.interval import Interval
from bothways.suites import summary
from bothways.suites.plan import Plan
from bothways.suites.settings import PairTask, Suite
from bothways.suites.summary import average, summarise
from bothways.suites.table import WIDTH, difference_table, notes, score_table
from bothways.task_recipe import TaskData

SUITE = {
    "title": "two tasks",
    "average": ("easy", "hard"),
    "rows": {
        "easy": {
            "about": "?",
            "task": {"kind": "classify"},
            "files": ({"train": "a", "note": "made up"},),
            "also": ("f1",),
            "judged": 400,
        },
        "hard": {
            "about": "?",
            "task": {"kind": "classify", "metric": "matthews"},
            "files": ({"train": "b"},),
        },
        "pairs": {"about": "?", "task": {"kind": "minimal_pairs"}, "files": ({"test": "c"},)},
    },
    "published": (
        {"model": "BERT", "source": "a paper", "scores": {"easy": {"accuracy": 91.25}, "hard": {"f1": 70.0}}},
        {"model": "Nobody", "source": "nowhere", "scores": {}},
    ),
}


def result(
    model: str, task: str, seed: int, wrong: int, *, count: int = 400, part: str = "test"
) -> TaskResult:
    """A model that errs on the last `wrong` examples, the seed's number aside."""
    truth = np.arange(count) % 2
    found = np.where(np.arange(count) < count - wrong - seed, truth, 1 - truth)
    share = 1 - (wrong + seed) / count
    return TaskResult(
        model=model,
        digest="",
        task=task,
        seed=seed,
        part=part,
        metric="accuracy",
        score=share,
        low=0.0,
        high=1.0,
        baseline=0.5,
        examples=count,
        trained_on=8000,
        seconds=1.0,
        metrics={"accuracy": share, "f1": share - 0.1},
        run=(tuple(truth.tolist()), tuple(found.tolist())),
        kind="classify",
    )


def results(models=("one", "two"), seeds=(1, 2)) -> list[TaskResult]:
    wrong = {("one", "easy"): 100, ("two", "easy"): 60, ("one", "hard"): 20, ("two", "hard"): 20}
    found = [
        result(model, task, seed, wrong[model, task], count=400 if task == "easy" else 60)
        for seed in seeds
        for task in ("easy", "hard")
        for model in models
    ]
    return [*found, *(result(model, "easy", 1, 0, part="dev") for model in models)]


def summarised(**given):
    return summarise(results(**given), {"easy": ["f1"]}, resamples=500)


def plan(**changes) -> Plan:
    suite = Suite.model_validate(SUITE)
    values = {
        "suite": suite,
        "models": [],
        "rows": suite.rows,
        "files": {name: row.files[0] for name, row in suite.rows.items()},
        "data": {"easy": TaskData(limit=8000, judged=400), "hard": TaskData(limit=8000)},
        "asked": {"pairs": PairTask()},
        "cells": [],
        "full": False,
        "seeds": 2,
        "folder": Path("out"),
        "notes": ["pairs is left out"],
    }
    return Plan(**{**values, **changes})


def test_a_score_is_the_mean_over_seeds_and_the_test_part_counts():
    easy, hard = summarised()
    assert easy.part == "test"
    assert easy.scores["one"].value == pytest.approx(np.mean([299 / 400, 298 / 400]))
    assert easy.scores["two"].value == pytest.approx(np.mean([339 / 400, 338 / 400]))
    assert easy.scores["one"].low < easy.scores["one"].value < easy.scores["one"].high
    assert easy.also == {"f1": {"one": pytest.approx(0.64625), "two": pytest.approx(0.74625)}}
    assert hard.also == {}


def test_models_are_compared_with_the_first_and_p_values_are_corrected_for_all_rows():
    easy, hard = summarised()
    assert easy.differences["two"].comparison.difference.value == pytest.approx(0.1)
    raw = easy.differences["two"].comparison.p_value
    assert easy.differences["two"].p_value == pytest.approx(2 * raw), "the smaller of two counts twice"
    assert hard.differences["two"].p_value == 1
    assert summarised(models=("one",))[0].differences == {}


def test_models_with_other_numbers_of_seeds_are_not_compared():
    some = [each for each in results() if (each.model, each.seed) != ("two", 2)]
    easy, _ = summarise(some, {}, resamples=100)
    assert easy.differences == {}
    assert set(easy.scores) == {"one", "two"}


def test_without_a_test_part_dev_is_judged():
    (easy,) = summarise([result("one", "easy", 1, 10, part="dev")], {}, resamples=100)
    assert easy.part == "dev"


def test_the_average_is_of_the_rows_that_are_there():
    lines = summarised()
    rows, means = average(lines, ["hard", "easy", "gone"])
    assert rows == ["easy", "hard"]
    parts = [line.scores["one"] for line in lines]
    assert means["one"].value == pytest.approx(np.mean([part.value for part in parts]))
    assert means["one"].low == pytest.approx(
        means["one"].value - np.hypot(*(part.value - part.low for part in parts)) / 2
    )
    assert average(lines, ["easy"]) == ([], {})


def test_the_tables_say_all_of_it():
    lines = summarised()
    fixed = [
        replace(
            line,
            scores={name: Interval(score.value, 0.5, 0.99) for name, score in line.scores.items()},
        )
        for line in lines
    ]
    assert lines_of(score_table(plan().suite, fixed), width=WIDTH) == EXPECTED.strip("\n").split("\n")


def test_differences_show_their_interval_and_p_value():
    shown = [" ".join(line.split()) for line in lines_of(difference_table(summarised()), width=WIDTH)]
    assert shown[0] == "less one, × 100"
    assert any(line.startswith("│ easy │ +10.0 [+") for line in shown)
    assert "│ hard │ +0.0 [+0.0, +0.0] │ 1 │" in shown


def test_notes_say_what_the_numbers_are_of():
    assert notes(plan(), summarised()) == [
        "means of 2 seeds; [low, high] is a 95% interval over seeds and examples",
        "easy, hard: 500 resamples, not 10,000, of so many examples",
        "p: how often chance would show such a difference, after Holm's correction for all of them",
        "at most 8,000 training records a task and 100 pairs a paradigm; --full lifts the limits",
        "easy: judged on 400 records drawn from all; --full judges all",
        "easy: made up",
        "easy: only 400 examples: a difference of less than 0.069 in accuracy between two models may be chance",
        "hard: only 60 examples: a difference of less than 0.179 in accuracy between two models may be chance",
        "average: the mean over easy, hard",
        "pairs is left out",
        "BERT: a paper",
        "all runs and results.jsonl: out",
    ]
    assert notes(plan(full=True, data={}, asked={}), summarised(models=("one",), seeds=(1,)))[::2][:2] == [
        "one seed; [low, high] is a 95% interval over examples",
        "all records were used (--full)",
    ]


def test_full_lifts_only_the_limits_of_the_suite():
    data = {"easy": TaskData(limit=100, judged=400), "hard": TaskData(limit=100)}
    said = notes(plan(data=data), summarised())
    assert "at most 100 pairs a paradigm; --full lifts the limits" in said
    assert "at most 100 training records a task" in said
    said = notes(plan(data=data, asked={"pairs": PairTask(limit=2)}, full=True), summarised())
    assert "at most 100 training records a task and 2 pairs a paradigm" in said
    assert "easy: judged on 400 records drawn from all" in said
    assert "all records were used" in notes(plan(data={}, asked={}), summarised())


def test_a_row_that_is_asked_once_is_no_mean_of_seeds():
    lines = summarise([*results(), replace(result("one", "pairs", 1, 9), trained_on=0)], {}, resamples=9)
    assert "pairs: one seed" in notes(
        plan(files={name: plan().files["easy"] for name in SUITE["rows"]}), lines
    )


def test_many_examples_have_fewer_resamples_and_what_is_known_is_not_computed_again(monkeypatch):
    assert [affordable(count) for count in (400, 5000, 25_000, 67_000)] == [10_000, 10_000, 2000, 1000]
    first = summarised()
    monkeypatch.setattr(summary, "bootstrap", None)
    monkeypatch.setattr(summary, "compare", None)
    assert summarised() == first


def test_what_is_to_know_of_the_records_stands_below_the_table_once():
    note = "3 of 400 test examples (0.8%) also occur in train"
    lines = summarise(
        [replace(each, notes=(note,)) for each in results() if each.task == "easy"], {}, resamples=9
    )
    assert notes(plan(), lines).count(f"easy: {note}") == 1


def test_a_number_on_dev_says_so():
    lines = summarise([result("one", "easy", 1, 10, part="dev")], {}, resamples=100)
    assert "easy: judged on the records that also chose the checkpoint" in notes(plan(), lines)


EXPECTED = """
two tasks, scores × 100
┏━━━━━━━━━┳━━━━━━━━━━┳━━━━━━━━━━━━━━┳━━━━━━━━━━━┳━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━┓
┃         ┃          ┃              ┃           ┃ without ┃                   ┃                   ┃ published: ┃
┃ task    ┃ metric   ┃ learned from ┃ judged on ┃ reading ┃               one ┃               two ┃       BERT ┃
┡━━━━━━━━━╇━━━━━━━━━━╇━━━━━━━━━━━━━━╇━━━━━━━━━━━╇━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━┩
│ easy    │ accuracy │        8,000 │       400 │    50.0 │ 74.6 [50.0, 99.0] │ 84.6 [50.0, 99.0] │       91.2 │
│         │ f1       │              │           │         │              64.6 │              74.6 │            │
│ hard    │ accuracy │        8,000 │        60 │    50.0 │ 64.2 [50.0, 99.0] │ 64.2 [50.0, 99.0] │  70.0 (f1) │
├─────────┼──────────┼──────────────┼───────────┼─────────┼───────────────────┼───────────────────┼────────────┤
│ average │ of 2     │              │           │         │ 69.4 [55.2, 90.7] │ 74.4 [55.7, 93.2] │            │
└─────────┴──────────┴──────────────┴───────────┴─────────┴───────────────────┴───────────────────┴────────────┘
"""
