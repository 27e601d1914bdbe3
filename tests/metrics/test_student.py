import subprocess
import sys

import pytest
from scipy import stats

from bothways.metrics import student_interval, student_quantile
from bothways.metrics.student import student_p


@pytest.mark.parametrize("freedom", [1, 2, 3, 10, 1000])
def test_the_quantile_is_that_of_students_distribution(freedom):
    assert student_quantile(freedom) == pytest.approx(stats.t.ppf(0.975, freedom))


def test_the_interval_of_a_few_seeds_is_scipys():
    values = [0.61, 0.64, 0.66]
    theirs = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    ours = student_interval(values)
    assert [ours.value, ours.low, ours.high] == pytest.approx([sum(values) / 3, theirs.low, theirs.high])


def test_one_seed_has_no_interval():
    with pytest.raises(ValueError, match="one value alone"):
        student_interval([0.6])


def test_metrics_load_without_scipy():
    """The command line must start quickly, whatever it may compute later."""
    question = "import bothways.metrics, sys; print({'scipy', 'sklearn'} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", question], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "set()"


@pytest.mark.parametrize(("statistic", "freedom"), [(0.0, 2), (-4.303, 2), (1.3, 7.5)])
def test_p_values_are_scipys(statistic, freedom):
    assert student_p(statistic, freedom) == pytest.approx(2 * stats.t.sf(abs(statistic), freedom))
