import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from bothways.metrics import accuracy, f1, macro_f1, matthews
from bothways.metrics.ratio import ratio

LABELS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30)
METRICS = {"accuracy": accuracy, "f1": f1, "macro_f1": macro_f1, "matthews": matthews}


def theirs(name, truth, predicted):
    match name:
        case "accuracy":
            return sklearn_metrics.accuracy_score(truth, predicted)
        case "f1":
            return sklearn_metrics.f1_score(truth == 1, predicted == 1, zero_division=0.0)
        case "macro_f1":
            return sklearn_metrics.f1_score(truth, predicted, average="macro", zero_division=0.0)
        case "matthews":
            return sklearn_metrics.matthews_corrcoef(truth, predicted)


@pytest.mark.filterwarnings("ignore:A single label was found")
@pytest.mark.parametrize("name", METRICS)
@settings(max_examples=40)
@given(LABELS)
def test_every_metric_is_scikit_learns(name, labels):
    truth, predicted = np.array(labels).T
    assert METRICS[name](truth, predicted) == pytest.approx(theirs(name, truth, predicted), abs=1e-12)


@pytest.mark.parametrize("name", METRICS)
def test_a_batch_gives_what_its_rows_give(name):
    truth, predicted = np.random.default_rng(0).integers(0, 4, (2, 3, 5, 20))
    batch = METRICS[name](truth, predicted)
    alone = [
        [METRICS[name](*pair) for pair in zip(*rows, strict=True)]
        for rows in zip(truth, predicted, strict=True)
    ]
    np.testing.assert_allclose(batch, alone, rtol=1e-12)


def test_one_test_set_gives_a_plain_number():
    truth, predicted = np.array([0, 1, 1]), np.array([0, 1, 0])
    assert all(isinstance(metric(truth, predicted), float) for metric in METRICS.values())


def test_f1_is_of_the_class_asked_for():
    truth, predicted = np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1])
    assert f1(truth, predicted) == pytest.approx(2 / 3)
    assert f1(truth, predicted, positive=0) == pytest.approx(4 / 5)


def test_one_answer_to_everything_has_no_correlation():
    truth = np.array([0, 1, 1, 1])
    assert matthews(truth, np.ones(4, dtype=int)) == 0
    assert matthews(truth, truth) == pytest.approx(1)


def test_a_share_of_nothing_is_nothing():
    assert ratio(3, 0) == 0
    np.testing.assert_array_equal(ratio(np.array([1, 1]), np.array([0, 2])), [0, 0.5])
