"""Differences of recipes: by hand, by scipy, and by the interval that every held-out number has anyway."""

import numpy as np
import pytest
from results_of import measured, plain, result_of, task_of
from scipy import stats

from bothways.compare.pairs import pairs_of
from bothways.compare.questions import Question, questions
from bothways.metrics.holm import holm

LEAVE_ONE_OUT = Question("leave_one_out_nats", "for a token", "nats")
MOOD = Question("mood", "on mood (accuracy)", "points")


def pair_of(results, question=LEAVE_ONE_OUT, tasks=()):
    (pair,) = pairs_of([question], results, tasks)
    return pair


def draws(count=40, windows=8):
    rng = np.random.default_rng(0)
    return rng.gamma(2.0, 1.5, count), np.sort(rng.integers(0, windows, count))


def test_of_one_seed_the_interval_is_that_of_windows_and_there_is_no_verdict():
    nats, windows = draws()
    against_nothing = pair_of(
        [
            result_of("bert", 1, [measured(nats, windows)]),
            result_of("free", 1, [measured(0 * nats, windows)]),
        ]
    )
    known = measured(nats, windows).model
    assert against_nothing.difference.value == pytest.approx(known.mean)
    assert against_nothing.difference.margin == pytest.approx(known.margin)
    assert against_nothing.p_value is not None
    assert (against_nothing.seeds, against_nothing.holm) == (1, None)


def test_models_that_find_the_same_windows_hard_differ_more_surely_than_others():
    nats, windows = draws()
    alike = pair_of(
        [
            result_of("bert", 1, [measured(nats + 0.5, windows)]),
            result_of("xlnet", 1, [measured(nats, windows)]),
        ]
    )
    shuffled = np.random.default_rng(1).permutation(nats)
    unlike = pair_of(
        [
            result_of("bert", 1, [measured(nats + 0.5, windows)]),
            result_of("xlnet", 1, [measured(shuffled, windows)]),
        ]
    )
    assert alike.difference.value == pytest.approx(unlike.difference.value) == pytest.approx(0.5)
    assert alike.difference.margin < unlike.difference.margin / 10


def test_where_windows_are_not_known_seeds_alone_tell_and_are_paired():
    ours, theirs = [3.0, 3.4, 2.9], [2.8, 3.1, 2.8]
    results = [
        result_of(name, seed, [plain(mean)])
        for name, means in (("bert", ours), ("xlnet", theirs))
        for seed, mean in enumerate(means, start=1)
    ]
    pair = pair_of(results)
    expected = stats.ttest_rel(ours, theirs)
    assert pair.p_value == pytest.approx(expected.pvalue)
    low, high = expected.confidence_interval(0.95)
    assert (pair.difference.low, pair.difference.high) == pytest.approx((low, high))
    assert pair.holm == pair.p_value
    assert pair_of(results[1:]).seeds == 2


def test_all_pairs_of_all_questions_are_corrected_together():
    means = {"bert": (3.0, 3.1, 3.2), "xlnet": (2.0, 2.2, 2.1), "mpnet": (2.1, 2.2, 2.4)}
    keys = ("leave_one_out_nats", "left_to_right_nats")
    results = [
        result_of(name, seed, [plain(mean, keys[0]), plain(mean + 0.01 * seed * len(name), keys[1])])
        for name, of_seeds in means.items()
        for seed, mean in enumerate(of_seeds, start=1)
    ]
    asked = questions(results, [])
    assert [question.key for question in asked] == list(keys)
    pairs = pairs_of(asked, results, [])
    assert [(pair.first, pair.second) for pair in pairs[:3]] == [
        ("bert", "xlnet"),
        ("bert", "mpnet"),
        ("xlnet", "mpnet"),
    ]
    assert [pair.holm for pair in pairs] == pytest.approx(holm([pair.p_value for pair in pairs]))


def test_tasks_are_paired_by_example_in_points():
    right = np.arange(60) % 3 > 0
    better = right | (np.arange(60) % 6 == 0)
    tasks = [task_of("bert", 1, right), task_of("xlnet", 1, better)]
    pair = pair_of([], MOOD, tasks)
    assert pair.value == pytest.approx(100 * (better.mean() - right.mean()) * -1)
    # Ten of sixty examples differ, all one way: the standard error of the mean of their differences.
    error = 100 * np.std(better.astype(float) - right, ddof=0) / np.sqrt(60)
    assert pair.difference.margin == pytest.approx(stats.t.ppf(0.975, 59) * error, rel=0.05)


def test_a_task_is_judged_on_its_test_records_and_its_seeds():
    tasks = [
        *(task_of("bert", seed, [1, 0, 1, 0, seed % 2]) for seed in (1, 2, 3)),
        *(task_of("xlnet", seed, [1, 1, 1, 1, 0]) for seed in (1, 2, 3)),
        task_of("bert", 1, [0, 0], part="dev"),
    ]
    pair = pair_of([], MOOD, tasks)
    assert pair.seeds == 3
    assert pair.value == pytest.approx(100 * ((0.6 + 0.4 + 0.6) / 3 - 0.8))
    assert pair.holm is not None


def test_what_fewer_than_two_recipes_answer_is_no_question():
    causal = [result_of("gpt", 1, [plain(3.0, "left_to_right_nats")])]
    both = [*causal, result_of("bert", 1, [plain(3.0)])]
    assert questions(causal, []) == questions(both, []) == []
    words = [result_of(name, 1, [plain(1.0), plain(0.5, "word_nats_per_character")]) for name in "ab"]
    assert [question.key for question in questions(words, [])] == ["word_nats_per_character"]
