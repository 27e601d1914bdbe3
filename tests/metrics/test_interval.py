import pytest

from bothways.metrics import Interval, small_test_set


def test_an_interval_prints_in_any_format_of_numbers():
    interval = Interval(0.8731, 0.8512, 0.8939)
    assert str(interval) == "0.873 [0.851, 0.894]"
    assert f"{interval:.1%}" == "87.3% [85.1%, 89.4%]"
    assert f"{interval:+.2f}" == "+0.87 [+0.85, +0.89]"
    assert interval.margin == pytest.approx(0.02135)


def test_a_small_test_set_is_warned_of_with_the_difference_that_chance_makes():
    assert small_test_set(277) == (
        "only 277 examples: a difference of less than 0.083 in accuracy between two models may be chance"
    )
    assert small_test_set(1).startswith("only 1 example: a difference of less than 1.000 ")


@pytest.mark.parametrize("count", [0, 500, 9815])
def test_a_large_test_set_and_none_at_all_pass_in_silence(count):
    assert small_test_set(count) is None
