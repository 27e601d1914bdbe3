"""What it costs to become as good as the worst recipe ends."""

from results_of import result_of

from bothways.compare.quality import Cost, same_quality
from bothways.compare.results import CurvePoint


def curve(*values, measure="leave_one_out_nats", pace=1):
    return tuple(
        CurvePoint(number, 100 * number, float(pace * number), measure, value)
        for number, value in enumerate(values, start=1)
    )


def test_it_is_read_from_the_first_evaluation_that_was_good_enough_and_averaged_over_seeds():
    results = [
        result_of("slow", 1, curve=curve(5.0, 4.0, 3.0)),
        result_of("fast", 1, curve=curve(2.9, 2.5, 3.1, pace=10)),
        result_of("slow", 2, curve=curve(5.0, 4.0, 2.0)),
        result_of("fast", 2, curve=curve(2.9, 2.0, 1.5, pace=10)),
    ]
    (quality,) = same_quality(results)
    # Of seed 1 the fast one ends worst, at 3.1, where the slow one ends at 3.0; of seed 2 the slow one, at 2.0.
    assert quality.level == (3.1 + 2.0) / 2
    assert quality.costs == {"slow": Cost(300.0, 3.0), "fast": Cost(150.0, 15.0)}


def test_a_seed_that_not_all_have_is_beside_nothing():
    results = [
        result_of("slow", 1, curve=curve(5.0, 4.0)),
        result_of("fast", 1, curve=curve(3.0, 2.0)),
        result_of("fast", 2, curve=curve(9.0, 8.0)),
    ]
    (quality,) = same_quality(results)
    assert quality.level == 4.0
    assert quality.costs["fast"] == Cost(100.0, 1.0)
    assert same_quality(results[::2]) == []


def test_only_those_that_are_judged_by_the_same_number_are_beside_each_other():
    results = [
        result_of("bert", 1, curve=curve(3.0)),
        result_of("gpt", 1, curve=curve(4.0, measure="left_to_right_nats")),
        result_of("old", 1, curve=()),
    ]
    assert same_quality(results) == []
