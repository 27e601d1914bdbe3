"""What claims conclude of models that are known: of perfect ones, and of ones that refute the sentence."""

import json
from pathlib import Path

import numpy as np
import pytest
from claims_cases import Oracle

from bothways.claims import bidirectional, improved_training, independence, mask_rate, partial_prediction
from bothways.claims.base import Models
from bothways.claims.language import Document, Language

SEEDS = (1, 2, 3)


class OneSided(Oracle):
    """Looks at the words before a blank only, whatever it is shown."""

    def predict(self, blanks):
        tables = []
        for blank in blanks:
            visible = [*blank.words[: blank.asked[0]], *[None] * (len(blank.words) - blank.asked[0])]
            table = np.full((1, len(self.numbers)), -np.inf)
            for word, chance in self.language.conditional(visible, blank.asked[0]).items():
                table[0, self.numbers[word]] = np.log(chance)
            tables.append(table)
        return tables


def on(claim, quick=False):
    """Return models of which every folder is called as its variant."""
    return Models({name: [Path(name)] * len(SEEDS) for name in claim.variants}, SEEDS, quick)


@pytest.fixture
def few_documents(monkeypatch):
    questions = Language().questions(15)
    monkeypatch.setattr(Language, "questions", lambda _self, _count=0: questions)


def readers(monkeypatch, module, **models):
    monkeypatch.setattr(module.Reader, "of", classmethod(lambda _cls, run: models.get(run.name, Oracle)()))


@pytest.mark.usefixtures("few_documents")
def test_perfect_models_bear_out_that_both_sides_help_and_pay_what_the_language_says(monkeypatch):
    readers(monkeypatch, bidirectional)
    finding = bidirectional.measure(on(bidirectional.CLAIM))
    assert finding.verdict == "holds"
    assert all(each.value == pytest.approx(each.truth, abs=1e-6) for each in finding.measures)
    assert bidirectional.measure(on(bidirectional.CLAIM, quick=True)).verdict == "preview"


@pytest.mark.usefixtures("few_documents")
def test_a_masked_model_that_sees_one_side_refutes_it(monkeypatch):
    readers(monkeypatch, bidirectional, masked=OneSided)
    assert bidirectional.measure(on(bidirectional.CLAIM)).verdict == "does not hold here"


@pytest.mark.usefixtures("few_documents")
def test_perfect_models_bear_out_that_names_come_apart_at_once(monkeypatch):
    readers(monkeypatch, independence)
    finding = independence.measure(on(independence.CLAIM))
    assert finding.verdict == "holds"
    assert "one by one the masked model itself saves" in finding.because


@pytest.mark.parametrize(
    ("nats", "verdict"),
    [
        ({"5%": 0.3, "15%": 0.2, "30%": 0.2, "45%": 0.25, "60%": 0.4}, "holds"),
        ({"5%": 0.3, "15%": 0.2, "30%": 0.1, "45%": 0.25, "60%": 0.4}, "does not hold here"),
    ],
)
def test_fifteen_percent_stands_where_no_other_rate_pays_clearly_less(monkeypatch, nats, verdict):
    monkeypatch.setattr(mask_rate, "nats", lambda run: nats[run.name])
    monkeypatch.setattr(mask_rate, "accuracy", lambda run: 1 - nats[run.name])
    finding = mask_rate.measure(on(mask_rate.CLAIM))
    assert finding.verdict == verdict
    tuned = {each.name: each.value for each in finding.measures if "fine-tuned" in each.name}
    assert tuned == {
        f"{rate} hidden, accuracy fine-tuned": pytest.approx(1 - each) for rate, each in nats.items()
    }
    assert [point.x for point in finding.figure.series[0].points] == list(mask_rate.RATES)


@pytest.mark.parametrize(("all_of_it", "verdict"), [(0.3, "holds"), (0.2, "does not hold here")])
def test_partial_prediction_is_judged_at_equal_compute(monkeypatch, tmp_path, all_of_it, verdict):
    folders = {}
    for one_in, name in ((one_in, f"K = {one_in}") for one_in in partial_prediction.ONE_IN):
        (tmp_path / name).mkdir()
        steps = partial_prediction.CLAIM.variants[name]["training"]["steps"]
        record = {"step": steps, "held_out": {"leave_one_out_nats": 1.0 / one_in}}
        (tmp_path / name / "metrics.jsonl").write_text(json.dumps(record) + "\n")
        folders[name] = [tmp_path / name] * len(SEEDS)
    monkeypatch.setattr(partial_prediction, "nats", lambda run: all_of_it if run.name == "K = 1" else 0.2)
    finding = partial_prediction.measure(Models(folders, SEEDS))
    assert finding.verdict == verdict
    ends = [series.points[-1].x for series in finding.figure.series]
    assert ends == pytest.approx([ends[0]] * len(ends), rel=1e-3)


@pytest.mark.parametrize(
    ("with_next_sentence", "static", "verdict"),
    [
        (0.4, 0.3, "holds"),
        (0.2, 0.3, "holds"),
        (0.1, 0.3, "does not hold here"),
        (0.4, 0.21, "does not hold here"),
    ],
)
def test_all_parts_of_improved_training_must_hold(monkeypatch, with_next_sentence, static, verdict):
    names = {"tokens": 5.0, "spans": 3.5, "spans and boundary": 3.6}
    pairs = {"pairs": 0.2, "pairs and next sentence": with_next_sentence}
    monkeypatch.setattr(improved_training, "whole_names", lambda run: names[run.name])
    monkeypatch.setattr(improved_training, "whole_spans", lambda _run: 4.0)
    monkeypatch.setattr(improved_training, "hidden_in_pairs", lambda run: pairs[run.name])
    words = {"static masks": static}
    monkeypatch.setattr(improved_training.leave_one_out, "nats", lambda run: words.get(run.name, 0.2))
    finding = improved_training.measure(on(improved_training.CLAIM))
    assert finding.verdict == verdict
    assert "saves 1.5 nats" in finding.because


def test_questions_are_always_the_same_documents():
    assert Language().questions(2) == Language().questions(2)
    assert isinstance(Language().questions(1)[0], Document)
