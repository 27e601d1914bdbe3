"""Rows of blanks to fill: the score is the mean probability of whole answers."""

import json

import numpy as np
import pytest
from small_tasks import pretrained_folder

from bothways.errors import UsageError
from bothways.evaluate import ask_probes, read_probes
from bothways.suites.command import evaluate
from bothways.suites.forecast import foresee
from bothways.suites.plan import planned
from bothways.trained import load

SUITE = """
title: blanks
rows:
  days:
    about: What belongs in the gap?
    task: {kind: probes}
    files:
      - {test: days.jsonl}
"""
PROBES = [
    {"text": "a fine [?]", "answer": "day", "group": "first"},
    {"text": "a dark [?]", "answer": "day", "group": "first"},
    {"text": "she [?] glad", "answer": "was", "group": "verbs"},
    {"text": "in [?] 2", "answer": "townday"},
]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("blanks")
    (folder / "days.jsonl").write_text("\n".join(map(json.dumps, PROBES)), encoding="utf-8")
    (folder / "blanks.yaml").write_text(SUITE, encoding="utf-8")
    return folder


def plan_of(place, *models, **options):
    options = {"suite": str(place / "blanks.yaml"), "data": place, "out": place / "out"} | options
    return planned([str(model) for model in models], **options)


def test_the_score_is_the_mean_probability_of_the_answers(place):
    models = [pretrained_folder(place / "one"), pretrained_folder(place / "two", seed=1)]
    plan = plan_of(place, *models, seeds=2)
    assert len(plan.cells) == 2, "another seed would ask the same again"
    found = evaluate(plan, quiet=True)
    (line,) = found.scores
    said = ask_probes(*load(models[0]), read_probes(place / "days.jsonl"))
    probability = np.exp(-np.array(said.nats))
    assert line.scores["one"].value == pytest.approx(probability.mean(), rel=1e-5)
    assert line.differences["two"].comparison.difference.value != 0
    assert (line.metric, line.examples, line.trained_on, line.baseline) == ("probability", 4, 0, 0.5)
    assert f"{said.total.nats} nats an answer" in line.notes["one"]
    assert "first of the 3 that are one token" in line.notes["one"]
    (result,) = plan.cells[0].work.judge(place, quiet=True)
    assert result.metrics["probability of first"] == pytest.approx(probability[:2].mean(), rel=1e-5)
    assert result.metrics["first"] == said.total.first.value
    fresh = plan_of(place, *models, out=place / "other")
    assert foresee(fresh, lambda _line: None).expected[0].cost.records["test"] == 4


def test_a_model_that_sees_one_side_of_a_blank_is_refused_before_anything_is_asked(place):
    left = pretrained_folder(place / "left", "bert", objective="causal")
    with pytest.raises(UsageError, match="left sees one side of a blank, and days asks it to fill some"):
        plan_of(place, left)
