import pytest

from bothways.claims.verdict import difference, in_words, judge, judge_interval, measured, together
from bothways.metrics.interval import Interval


def test_a_verdict_follows_from_where_the_interval_lies():
    assert judge([1.0, 1.1, 0.9], 0.5) == "holds"
    assert judge([0.1, 0.0, -0.1], 0.5) == "does not hold here"
    assert judge([1.0, 0.0, 2.0], 0.5) == "inconclusive"


def test_one_seed_and_a_quick_look_give_previews():
    assert judge([9.0], 0.5) == "preview"
    assert judge([1.0, 1.1, 0.9], 0.5, quick=True) == "preview"


def test_an_interval_that_touches_the_margin_decides_nothing():
    assert judge_interval(Interval(1.0, 0.5, 1.5), 0.5) == "inconclusive"
    assert judge_interval(Interval(0.0, -0.5, 0.5), 0.5) == "inconclusive"


def test_a_sentence_of_parts_is_as_strong_as_its_weakest_part():
    assert together(["holds", "holds"]) == "holds"
    assert together(["holds", "inconclusive"]) == "inconclusive"
    assert together(["inconclusive", "does not hold here"]) == "does not hold here"
    assert together(["preview", "does not hold here"]) == "preview"


def test_a_measure_is_the_mean_over_seeds_with_students_interval():
    measure = measured("nats", [1.0, 2.0, 3.0], truth=0.5)
    assert (measure.value, measure.truth) == (2.0, 0.5)
    assert measure.high - measure.value == pytest.approx(4.302653 / 3**0.5)
    assert measured("nats", [1.0]).low is None


def test_differences_are_taken_seed_by_seed_and_said_with_their_interval():
    assert difference([3.0, 5.0], [1.0, 2.0]) == [2.0, 3.0]
    assert in_words([0.5, 0.5, 0.5], "nats") == "0.5 nats [0.5, 0.5]"
    assert in_words([0.5], "nats") == "0.5 nats"


def test_numbers_of_different_seeds_are_not_subtracted():
    with pytest.raises(ValueError, match="shorter"):
        difference([1.0, 2.0], [1.0])
