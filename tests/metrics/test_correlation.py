import numpy as np
import pytest
from scipy import stats

from bothways.metrics import pearson, spearman

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("count", [2, 3, 50])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_both_correlations_are_scipys(count, scale):
    truth = RNG.integers(0, 6, count).astype(float)
    truth[:2] = 0, 5
    predicted = truth + RNG.normal(1000, scale, count)
    assert pearson(truth, predicted) == pytest.approx(stats.pearsonr(truth, predicted).statistic, abs=1e-9)
    assert spearman(truth, predicted) == pytest.approx(stats.spearmanr(truth, predicted).statistic, abs=1e-9)


def test_equal_numbers_share_their_mean_rank():
    assert spearman(np.array([1, 2, 2, 3]), np.array([1, 3, 2, 4])) == pytest.approx(4.5 / np.sqrt(4.5 * 5))


@pytest.mark.parametrize("metric", [pearson, spearman])
def test_a_constant_prediction_scores_nothing_and_warns_of_nothing(metric):
    truth, same = RNG.normal(size=30), np.full(30, 0.1)
    assert metric(truth, same) == 0
    assert metric(same, truth) == 0
    assert metric(truth[:1], same[:1]) == 0


@pytest.mark.parametrize("metric", [pearson, spearman])
def test_a_batch_gives_what_its_rows_give(metric):
    truth, predicted = RNG.normal(size=(2, 4, 20))
    alone = [metric(*pair) for pair in zip(truth, predicted, strict=True)]
    np.testing.assert_allclose(metric(truth, predicted), alone, rtol=1e-12)


def test_a_rising_line_scores_exactly_one_and_a_rising_curve_in_ranks_only():
    truth = np.arange(10.0)
    assert pearson(truth, 0.3 * truth + 7) == pytest.approx(1)
    assert pearson(truth, np.exp(truth)) < 0.9
    assert spearman(truth, np.exp(truth)) == pytest.approx(1)
    assert pearson(truth, -truth) == pytest.approx(-1)
