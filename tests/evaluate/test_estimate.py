import numpy as np
import pytest

from bothways.evaluate.estimate import estimate
from bothways.metrics import student_quantile


def test_the_mean_is_the_ratio_of_two_sums():
    result = estimate(np.array([1.0, 2.0, 6.0]), np.array([1, 1, 2]), np.array([0, 0, 5]))
    assert (result.mean, result.count, result.windows) == (2.25, 4, 2)


def test_one_window_gives_no_interval():
    result = estimate(np.array([1.0, 2.0]), np.ones(2), np.array([7, 7]))
    assert result.margin is None
    assert str(result) == "1.500"


def test_windows_of_one_token_give_the_textbook_standard_error():
    values = np.random.default_rng(0).normal(3, 1, 50)
    result = estimate(values, np.ones(50), np.arange(50))
    assert result.margin == pytest.approx(student_quantile(49) * values.std(ddof=1) / 50**0.5)


def test_the_interval_covers_the_truth_when_tokens_of_a_window_are_dependent():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(400):
        lengths = rng.integers(1, 12, 40)
        windows = np.repeat(np.arange(40), lengths)
        values = rng.normal(0, 1, 40)[windows] + rng.normal(0, 0.3, len(windows))
        result = estimate(values, np.ones(len(values)), windows)
        covered += abs(result.mean) <= result.margin
    assert 0.91 < covered / 400 < 0.985
