import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bothways.metrics import accuracy, compare, entity_counts, entity_f1, f1, mean

RNG = np.random.default_rng(0)
SCORES = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=9)


def p_value(metric, first, second, **arguments):
    return compare(metric, [first], [second], **arguments).p_value


@given(SCORES)
def test_few_examples_give_scipys_exact_p_value(scores):
    first, second = np.array(scores, dtype=float).T / 4
    theirs = stats.permutation_test(
        (first, second),
        lambda a, b, axis: (a - b).mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
    )
    ours = compare(mean, [(first,)], [(second,)], resamples=600)
    assert ours.p_value == pytest.approx(theirs.pvalue)
    assert ours.difference.value == pytest.approx(theirs.statistic)


def test_metrics_that_are_no_means_exchange_predictions():
    truth, first, second = RNG.integers(0, 2, (3, 9))

    def difference(first, second):
        return f1(truth, first) - f1(truth, second)

    theirs = stats.permutation_test((first, second), difference, permutation_type="samples")
    assert p_value(f1, (truth, first), (truth, second)) == pytest.approx(theirs.pvalue)


def test_many_examples_give_nearly_the_exact_p_value():
    """With 40 examples on which the models differ there are a million million exchanges."""
    truth = np.zeros(300, dtype=int)
    first, second = np.zeros(300, dtype=int), np.zeros(300, dtype=int)
    first[:13], second[13:40] = 1, 1
    exact = stats.binomtest(13, 40).pvalue  # McNemar's test
    assert p_value(accuracy, (truth, first), (truth, second)) == pytest.approx(exact, abs=0.008)


@pytest.mark.parametrize("metric", [accuracy, f1])
def test_equal_models_have_p_one_and_no_difference(metric):
    truth, predicted = RNG.integers(0, 2, (2, 200))
    result = compare(metric, [(truth, predicted)], [(truth, predicted.copy())], resamples=100)
    assert result.p_value == 1
    assert (result.difference.low, result.difference.value, result.difference.high) == (0, 0, 0)


def test_a_sampled_p_value_is_never_zero():
    truth = np.zeros(100, dtype=int)
    result = compare(accuracy, [(truth, truth)], [(truth, truth + 1)], resamples=99)
    assert result.p_value == 1 / 100
    assert str(result) == "+1.000 [+1.000, +1.000], p = 0.01"


def test_chance_alone_is_called_a_difference_once_in_twenty():
    called = 0
    for number in range(300):
        rng = np.random.default_rng(number)
        first, second = rng.normal(size=(2, 30))
        called += p_value(mean, (first,), (second,), resamples=200, seed=number) <= 0.05
    assert 0.02 < called / 300 < 0.085


def test_the_interval_is_of_paired_differences():
    """Two models that fail on the same hard examples differ by little, however unsure each score is."""
    second = RNG.normal(size=100)
    result = compare(mean, [(second + 0.1,)], [(second,)], resamples=500)
    assert result.difference.value == pytest.approx(0.1)
    assert result.difference.margin < 1e-9


def test_several_seeds_exchange_an_example_in_all_of_them():
    """Three copies of a run are no more evidence than one."""
    first, second = RNG.normal(size=(2, 8))
    one = compare(mean, [(first,)], [(second,)], resamples=300)
    three = compare(mean, [(first,)] * 3, [(second,)] * 3, resamples=300)
    assert three.p_value == one.p_value
    assert three.difference.value == pytest.approx(one.difference.value)


def test_counts_of_sentences_are_exchanged_whole():
    truth = [["B-PER"], ["B-LOC"], ["O"]] * 4
    ours = entity_counts(truth, truth)
    theirs = entity_counts(truth, [["B-PER"], ["O"], ["O"]] * 4)
    result = compare(entity_f1, [(ours,)], [(theirs,)])
    assert result.difference.value == pytest.approx(1 - 2 / 3)
    assert result.p_value == 2 / 2**4


def test_models_with_different_numbers_of_seeds_are_a_mistake():
    with pytest.raises(ValueError, match="longer"):
        compare(mean, [(np.zeros(3),)], [(np.zeros(3),)] * 2)


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"), [(0, 0, 1), (5, 5, 1), (0, 6, 2 / 2**6), (1, 5, 14 / 2**6)]
)
def test_of_accuracy_it_is_mcnemars_test_a_coin_for_each_disagreement(ours, theirs, expected):
    first = np.array([True] * ours + [False] * theirs + [True, False])
    second = np.array([False] * ours + [True] * theirs + [True, False])
    assert p_value(mean, (first,), (second,)) == pytest.approx(expected)
