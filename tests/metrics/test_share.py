import numpy as np
import pytest

from bothways.metrics import mean_share, share_of


def limits(share):
    return share.low, share.high


def test_a_share_has_the_score_interval_of_the_textbook():
    """Newcombe (1998), method 3: 81 of 263, 15 of 148, 0 of 20, 29 of 29."""
    published = {
        (81, 263): (0.2553, 0.3662),
        (15, 148): (0.0624, 0.1605),
        (0, 20): (0.0, 0.1611),
        (29, 29): (0.8830, 1.0),
    }
    for (right, count), interval in published.items():
        share = share_of(np.arange(count) < right)
        assert limits(share) == pytest.approx(interval, abs=6e-5)
        assert (share.value, share.count) == (pytest.approx(right / count), count)


def test_a_mean_of_one_share_is_that_share():
    share = share_of(np.array([1, 0, 0.5, 1]))
    assert limits(mean_share([share])) == pytest.approx(limits(share))
    assert mean_share([share]).value == 0.625


def test_a_mean_counts_every_share_alike_and_is_surer_than_each():
    few, many = share_of(np.ones(4)), share_of(np.zeros(1000))
    mean = mean_share([few, many])
    assert (mean.value, mean.count) == (0.5, 1004)
    assert mean.low == pytest.approx(few.low / 2, abs=1e-6)
    assert mean.high == pytest.approx(0.5 + many.high / 2)
    twice = mean_share([few, few])
    assert few.low < twice.low < twice.value == twice.high == 1


def test_the_interval_of_a_mean_covers_the_truth_nineteen_times_in_twenty():
    rng = np.random.default_rng(0)
    chances = np.linspace(0.3, 0.98, 8)
    covered = 0
    for _ in range(400):
        mean = mean_share([share_of(rng.random(25) < chance) for chance in chances])
        covered += mean.low <= chances.mean() <= mean.high
    assert 0.92 <= covered / 400 <= 0.98


def test_an_interval_never_leaves_its_share_outside():
    for count in range(1, 40):
        for right in (0, count):
            share = share_of(np.arange(count) < right)
            assert 0 <= share.low <= share.value <= share.high <= 1


def test_a_share_is_printed_in_percent():
    share = share_of(np.arange(100) < 80)
    assert str(share) == f"{share}" == "80.0 [71.1, 86.7]"
    assert f"{share:.2f}" == "0.80 [0.71, 0.87]"
