"""A verdict follows from intervals and limits, whichever way they lie."""

import pytest

from bothways.claims.base import Measure
from bothways.claims.expectation import Expectation, judge
from bothways.claims.verdict import measured
from bothways.metrics.student import student_interval

LOW, HIGH, WIDE = (
    Measure("low", 1.0, 0.9, 1.1),
    Measure("high", 3.0, 2.9, 3.1),
    Measure("wide", 2.0, 1.0, 3.0),
)


@pytest.mark.parametrize(
    ("measure", "side", "verdict"),
    [
        (LOW, "below", "holds"),
        (LOW, "above", "does not hold here"),
        (HIGH, "above", "holds"),
        (HIGH, "below", "does not hold here"),
        (WIDE, "below", "inconclusive"),
        (WIDE, "above", "inconclusive"),
        (Measure("one seed", 1.0), "below", "preview"),
    ],
)
def test_the_whole_interval_decides(measure, side, verdict):
    assert Expectation(measure, side, 2.0).verdict() == verdict


def test_an_exact_number_needs_no_interval_and_may_be_the_limit():
    assert Expectation(Measure("exact", 2.0), "below", 2.0, is_exact=True).verdict() == "holds"
    assert Expectation(Measure("exact", 2.0), "above", 2.0, is_exact=True).verdict() == "holds"
    assert Expectation(Measure("exact", 2.1), "below", 2.0, is_exact=True).verdict() == "does not hold here"


def test_one_failure_outweighs_doubt_and_doubt_outweighs_success():
    good, bad, unsure = (Expectation(each, "below", 2.0) for each in (LOW, HIGH, WIDE))
    assert judge([good], quick=False)[0] == "holds"
    assert judge([good, unsure], quick=False)[0] == "inconclusive"
    assert judge([good, unsure, bad], quick=False)[0] == "does not hold here"


def test_the_sentence_names_the_numbers_that_decide_and_no_others():
    _, because = judge([Expectation(LOW, "below", 2.0), Expectation(HIGH, "below", 2.0)], quick=False)
    assert "high 3 [2.9, 3.1] (expected below 2)" in because
    assert "low" not in because.replace("below", "")


def test_a_quick_run_is_never_judged():
    verdict, because = judge([Expectation(HIGH, "below", 2.0)], quick=True)
    assert verdict == "preview"
    assert "high 3" in because
    assert judge([Expectation(Measure("one seed", 1.0), "below", 2.0)], quick=False)[0] == "preview"


def test_seeds_give_students_interval_and_one_seed_gives_none():
    measure = measured("nats", [1.0, 2.0, 4.0], truth=0.5)
    expected = student_interval([1.0, 2.0, 4.0])
    assert (measure.value, measure.low, measure.high) == (expected.value, expected.low, expected.high)
    assert measure.truth == 0.5
    assert measured("nats", [1.0]) == Measure("nats", 1.0)
