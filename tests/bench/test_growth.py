"""Exponents of exact power laws, and no step that would not fit into memory."""

import pytest

from bothways.bench import growth
from bothways.bench.cases import Case
from bothways.bench.effort import TRIAL
from bothways.bench.growth import Point, exponent, exponent_rows, growth_rows


@pytest.mark.parametrize("power", [-0.5, 0.0, 1.0, 1.7])
def test_an_exact_power_law_gives_its_exponent(power):
    x = [128, 256, 1024, 8192]
    assert exponent(x, [3.0 * each**power for each in x]) == pytest.approx(power)


def test_time_and_memory_have_a_row_each_and_the_points_stand_in_the_note():
    points = [Point(128, 1000, 1.0, 2**20), Point(256, 1000, 2.0, 2**22)]
    time, memory = exponent_rows("bert mini", "L", points)
    assert (time.name, time.ours) == ("bert mini: time ~ L^p", pytest.approx(1.0))
    assert (memory.name, memory.ours) == ("bert mini: memory ~ L^p", pytest.approx(2.0))
    assert time.note == "at L = 128: 1,000 tokens/s and 1 MiB; 256: 500 tokens/s and 4 MiB"
    unknown = [Point(point.x, point.tokens, point.seconds, None) for point in points]
    assert [row.name for row in exponent_rows("bert mini", "L", unknown)] == ["bert mini: time ~ L^p"]


def test_rows_that_might_not_fit_into_memory_are_left_out(monkeypatch):
    measured = []

    def point(case, *_, by_length):
        measured.append(case.length)
        return Point(case.length, 1, 1.0, case.length)

    monkeypatch.setattr(growth, "_point", point)
    monkeypatch.setattr(growth, "_free_memory", lambda: 1000)
    cases = [Case("bert", "mini", length) for length in (128, 256, 512, 1024)]
    assert [point.x for point in growth._while_they_fit(cases, [], TRIAL)] == [128, 256, 512]
    assert measured == [128, 256, 512]


def test_every_exponent_is_measured():
    names = [row.name for row in growth_rows(["training.device=cpu"], TRIAL, quick=True)]
    assert [name for name in names if "time" in name] == [
        "bert tiny: time ~ L^p",
        "bert L=16: time ~ parameters^p",
        "xlnet tiny: time ~ L^p",
        "xlnet L=16: time ~ parameters^p",
    ]
