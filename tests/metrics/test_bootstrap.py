import numpy as np
import pytest
from scipy import stats

from bothways.metrics import accuracy, bootstrap, entity_counts, entity_f1, f1, matthews, mean, pearson
from bothways.metrics import bootstrap as bootstrap_function

RNG = np.random.default_rng(0)


def test_the_interval_of_a_mean_is_scipys_percentile_interval():
    scores = RNG.exponential(size=60)
    theirs = stats.bootstrap(
        (scores,), np.mean, method="percentile", rng=1, n_resamples=9999
    ).confidence_interval
    ours = bootstrap(mean, [(scores,)])
    assert ours.value == pytest.approx(scores.mean())
    assert [ours.low, ours.high] == pytest.approx([theirs.low, theirs.high], abs=0.02)


@pytest.mark.parametrize("metric", [f1, matthews, pearson])
def test_metrics_that_are_no_means_resample_truth_and_prediction_together(metric):
    truth = RNG.integers(0, 2, 80)
    predicted = np.where(RNG.random(80) < 0.8, truth, 1 - truth)
    theirs = stats.bootstrap(
        (truth, predicted), metric, paired=True, method="percentile", rng=1, n_resamples=4000
    ).confidence_interval
    ours = bootstrap(metric, [(truth, predicted)], resamples=4000)
    assert [ours.low, ours.high] == pytest.approx([theirs.low, theirs.high], abs=0.03)


def test_the_interval_covers_the_true_mean_nineteen_times_in_twenty():
    covered = 0
    for number in range(300):
        scores = (np.random.default_rng(number).random(200) < 0.7).astype(float)
        interval = bootstrap(mean, [(scores,)], resamples=400, seed=number)
        covered += interval.low <= 0.7 <= interval.high
    assert 0.91 < covered / 300 < 0.985


def test_the_seed_decides_everything():
    truth, predicted = RNG.integers(0, 2, (2, 50))
    again = [bootstrap(f1, [(truth, predicted)], resamples=200, seed=seed) for seed in (3, 3, 4)]
    assert again[0] == again[1] != again[2]


def test_seeds_that_disagree_widen_the_interval():
    """Of two seeds at 0.2 and 0.8 a quarter of the resamples holds the first alone, a quarter the second."""
    scores = np.arange(1000) % 10
    low, high = scores < 2, scores < 8
    alone = [bootstrap(mean, [(run,)], resamples=1000) for run in (low, high)]
    both = bootstrap(mean, [(low,), (high,)], resamples=1000)
    assert both.value == pytest.approx(0.5)
    assert both.low == pytest.approx(0.2, abs=0.03)
    assert both.high == pytest.approx(0.8, abs=0.03)
    assert max(interval.margin for interval in alone) < 0.03


def test_all_seeds_of_a_resample_see_the_same_examples():
    """Two seeds with the same answers are as uncertain as one: their errors do not average out."""
    scores = RNG.random(200)
    one, two = (bootstrap(mean, [(scores,)] * seeds, resamples=4000).margin for seeds in (1, 2))
    assert two == pytest.approx(one, rel=0.06)


def test_counts_of_sentences_are_resampled_whole():
    truth = [["B-PER", "I-PER"], ["O", "B-LOC"], ["B-PER", "O"]] * 20
    predicted = [["B-PER", "I-PER"], ["O", "B-PER"], ["O", "O"]] * 20
    counts = entity_counts(truth, predicted)
    interval = bootstrap(entity_f1, [(counts,)], resamples=500)
    assert interval.value == pytest.approx(2 / 5)
    assert 0.25 < interval.low < 0.4 < interval.high < 0.55


def test_a_large_test_set_is_resampled_in_pieces_that_change_nothing(monkeypatch):
    truth, predicted = RNG.integers(0, 2, (2, 40))
    whole = bootstrap(accuracy, [(truth, predicted)], resamples=100)
    monkeypatch.setitem(bootstrap_function.__globals__, "_AT_ONCE", 40 * 100)
    assert bootstrap(accuracy, [(truth, predicted)], resamples=100) == whole


@pytest.mark.parametrize(
    "runs", [[], [(np.zeros(0),)], [(np.zeros(3), np.zeros(4))], [(np.zeros(3),), (np.zeros(4),)]]
)
def test_runs_without_the_same_examples_are_a_mistake(runs):
    with pytest.raises(ValueError, match="runs need the same examples"):
        bootstrap(mean, runs)
