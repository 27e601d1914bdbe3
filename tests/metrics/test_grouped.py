"""A mean over groups counts each group alike."""

import numpy as np
import pytest

from bothways.metrics import bootstrap, mean_of_groups


def test_each_group_counts_the_same_however_large():
    scores, groups = np.array([1.0, 0.0, 0.0, 0.0, 1.0]), np.array([0, 1, 1, 1, 1])
    assert mean_of_groups(scores, groups) == pytest.approx((1 + 0.25) / 2)


def test_any_number_of_resamples_is_scored_at_once_and_an_empty_group_does_not_count():
    scores = np.array([[1.0, 0.0, 0.5], [1.0, 1.0, 0.0]])
    groups = np.array([[0, 2, 2], [1, 1, 1]])
    assert mean_of_groups(scores, groups) == pytest.approx([(1 + 0.25) / 2, 2 / 3])


def test_it_may_be_bootstrapped():
    rng = np.random.default_rng(0)
    scores, groups = (rng.random(400) < 0.7).astype(float), np.arange(400) % 4
    interval = bootstrap(mean_of_groups, [(scores, groups)], resamples=500)
    assert interval.value == pytest.approx(scores.mean())
    assert interval.low < interval.value < interval.high
