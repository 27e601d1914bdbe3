"""The claims about training on tasks: findings are well formed, and verdicts follow the numbers."""

import math
from dataclasses import replace

import numpy as np
import pytest

from bothways.claims import multi_task, next_sentence, static_vectors, static_words
from bothways.claims.base import Models
from bothways.claims.on_tasks import TASKS

FEW = {
    "next_sentence": {"stories": 20, "steps": 2, "labelled": (6, 9), "fine_tuning": 2, "judged": 9},
    "static_words": {"sentences": 60, "steps": 2, "labelled": 40, "judged": 20},
    "multi_task": {
        "records": 8,
        "unlabelled": 4,
        "judged": 6,
        "steps": 2,
        "student_steps": 2,
        "teachers": 2,
    },
}
SEEDS = (0.01, -0.01, 0.0)
"""How three seeds differ."""


@pytest.mark.parametrize("name", list(TASKS))
def test_a_few_steps_give_a_whole_preview(name, monkeypatch):
    claim = TASKS[name]
    module = {"next_sentence": next_sentence, "static_words": static_words, "multi_task": multi_task}[name]
    monkeypatch.setattr(module, "QUICK", replace(module.QUICK, **FEW[name]))
    finding = claim.measure(Models(folders={}, seeds=(3,), quick=True))
    assert claim.name == name
    assert finding.verdict == "preview"
    numbers = [measure.value for measure in finding.measures]
    numbers += [point.y for series in finding.figure.series for point in series.points]
    assert all(math.isfinite(number) for number in numbers)
    assert all(measure.low is None for measure in finding.measures), "one seed has no interval"
    again = claim.measure(Models(folders={}, seeds=(3,), quick=True))
    assert again == finding, "a seed decides all"


@pytest.mark.parametrize(
    ("gain", "verdict"), [(0.2, "holds"), (0.0, "does not hold here"), (0.02, "inconclusive")]
)
def test_next_sentence_is_judged_by_what_it_adds(gain, verdict):
    def scores(shift):
        found = {name: [0.5, 0.6] for name in next_sentence.PRETRAININGS}
        return found | {next_sentence.NEXT: [0.5 + gain + shift, 0.6 + gain + shift]}

    shifts = [shift * (1 if gain == 0.02 else 0.1) for shift in SEEDS]
    finding = next_sentence.judge([scores(shift) for shift in shifts], (8, 16), quick=False)
    assert finding.verdict == verdict
    assert f"adds {gain:.3g} " in finding.because
    assert [point.x for point in finding.figure.series[0].points] == [8, 16]


@pytest.mark.parametrize(("states", "verdict"), [(0.9, "holds"), (0.52, "does not hold here")])
def test_static_words_are_judged_by_how_far_states_are_ahead(states, verdict):
    def scores(shift):
        kinds = (static_words.STATIC, static_words.SENTENCE, static_words.NEIGHBOURS)
        return static_words.Scores(
            {**dict.fromkeys(kinds, 0.5), static_words.STATES: states + shift}, "word2vec"
        )

    finding = static_words.judge([scores(shift) for shift in SEEDS], quick=False)
    assert finding.verdict == verdict
    assert "word2vec" in finding.figure.note


@pytest.mark.parametrize(
    ("together", "distilled", "verdict"),
    [
        (0.7, 0.75, "holds"),
        (0.6, 0.75, "does not hold here"),
        (0.7, 0.65, "does not hold here"),
        (0.7, 0.701, "inconclusive"),
    ],
)
def test_sharing_and_distilling_must_both_help(together, distilled, verdict):
    def scores(shift):
        levels = {
            multi_task.ALONE: 0.6,
            multi_task.TOGETHER: together,
            multi_task.DISTILLED: distilled + shift,
            multi_task.ENSEMBLE: 0.8,
        }
        return {way: dict.fromkeys(multi_task.LEXICON_TASKS, level) for way, level in levels.items()}

    assert multi_task.judge([scores(shift) for shift in SEEDS], quick=False).verdict == verdict


def test_an_ensemble_answers_by_the_mean_of_its_probabilities():
    shop = multi_task.Workshop(1, replace(multi_task.FULL, **FEW["multi_task"]))
    models = [shop.together(seed) for seed in (1, 2)]
    both, *singly = (shop.say(part, shop.test) for part in (models, models[:1], models[1:]))
    for name, answers in both.items():
        for number, answer in enumerate(answers):
            np.testing.assert_allclose(answer, (singly[0][name][number] + singly[1][name][number]) / 2)
            assert answer.sum() == pytest.approx(1)


TEXT = [["red", "apple"], ["red", "pear"], ["blue", "sea"], ["blue", "sky"]] * 20


@pytest.mark.parametrize("has_gensim", [True, False])
def test_words_have_static_vectors_with_and_without_gensim(has_gensim, monkeypatch):
    if has_gensim:
        pytest.importorskip("gensim")
    monkeypatch.setattr(static_vectors, "has_word2vec", lambda: has_gensim)
    vectors, learned_by = static_vectors.word_vectors(TEXT, seed=1)
    assert set(vectors) == {word for sentence in TEXT for word in sentence}
    assert ("gensim is not installed" in learned_by) is not has_gensim
    again, _ = static_vectors.word_vectors(TEXT, seed=1)
    assert all(np.array_equal(vectors[word], again[word]) for word in vectors)


def test_factorised_vectors_are_alike_where_neighbours_are():
    vectors = static_vectors._factorised(TEXT)

    def likeness(one, other):
        return vectors[one] @ vectors[other] / np.linalg.norm(vectors[one]) / np.linalg.norm(vectors[other])

    assert likeness("apple", "pear") == pytest.approx(1, abs=1e-3)
    assert abs(likeness("apple", "sky")) < 0.1


def test_neighbours_are_counted_within_the_window():
    counted = static_vectors._neighbours([list("abcdefg")])
    assert counted["a", "e"] == counted["e", "a"] == 1
    assert counted["a", "f"] == 0
    assert sum(counted.values()) == 2 * (6 + 5 + 4 + 3)
