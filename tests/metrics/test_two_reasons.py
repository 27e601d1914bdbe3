"""A difference that may be chance by its seeds and by its examples, against scipy and by hand."""

import math

import numpy as np
import pytest
from scipy import stats

from bothways.metrics.two_reasons import difference


def test_with_seeds_alone_it_is_students_test():
    apart = [0.4, 0.1, 0.25, 0.3]
    found, theirs = difference(apart), stats.ttest_1samp(apart, 0.0)
    low, high = theirs.confidence_interval(0.95)
    assert found.p_value == pytest.approx(theirs.pvalue)
    assert (found.interval.low, found.interval.high) == pytest.approx((low, high))
    assert found.interval.value == pytest.approx(np.mean(apart))


def test_with_one_seed_examples_alone_tell_chance():
    scores = np.random.default_rng(0).normal(0.2, 1.0, 50)
    found = difference([scores.mean()], scores.var(ddof=1) / len(scores), len(scores))
    assert found.p_value == pytest.approx(stats.ttest_1samp(scores, 0.0).pvalue)


def test_both_reasons_add_up_with_satterthwaites_degrees_of_freedom():
    # Two groups' means differ by the sum of their variances, too: Welch's test, whose groups are given here as one
    # mean difference with the variances of seeds and of examples.
    seeds, examples = [0.5, 0.9, 0.4], np.random.default_rng(1).normal(0.0, 2.0, 12)
    found = difference(seeds, examples.var(ddof=1) / 12, 12)
    theirs = stats.ttest_ind(seeds, examples - examples.mean(), equal_var=False)
    assert found.p_value == pytest.approx(theirs.pvalue)
    assert (found.interval.low, found.interval.high) == pytest.approx(tuple(theirs.confidence_interval(0.95)))


@pytest.mark.parametrize("error", [0.001, 0.02, 0.1, 3.0])
def test_examples_never_make_a_difference_surer_than_its_seeds_do(error):
    seeds = [0.5, 0.6, 0.55]
    alone, both = difference(seeds), difference(seeds, error**2, 200)
    assert both.interval.margin >= alone.interval.margin
    assert both.p_value >= alone.p_value


def test_the_test_is_wrong_at_most_once_in_twenty_where_there_is_no_difference():
    draw = np.random.default_rng(0)
    for of_seeds, of_examples in ((1.0, 0.01), (0.3, 1.0), (1.0, 1.0)):
        wrong = 0
        for _ in range(1000):
            shared = draw.normal(0.0, of_examples)
            seeds = (shared + draw.normal(0.0, of_seeds, 3)).tolist()
            wrong += difference(seeds, of_examples**2, 500).p_value < 0.05
        assert wrong <= 1000 * 0.065, (of_seeds, of_examples, wrong)


def test_what_never_varies_is_no_evidence():
    found = difference([50.0, 50.0], 0.0, 10)
    assert (found.p_value, found.interval.margin) == (1.0, 0.0)
    assert math.isclose(found.interval.value, 50.0)


def test_one_difference_alone_is_refused():
    with pytest.raises(ValueError, match="no interval"):
        difference([1.0])


def test_seeds_that_say_the_same_leave_the_question_to_the_examples():
    found = difference([20.0, 20.0, 20.0], 16.0, 100)
    assert found.p_value == pytest.approx(2 * stats.t.sf(5.0, 99))
