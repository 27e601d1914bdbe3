"""Two sides take turns, the median counts, and nothing of it needs a real clock."""

import math

import pytest

from bothways.bench import measure as module
from bothways.bench.measure import Contest, Row, Side, measure, peak_memory


class Clock:
    """Time that passes only when a side works."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        self.order = []
        monkeypatch.setattr(module.time, "perf_counter", lambda: self.now)
        monkeypatch.setattr(module, "peak_memory", lambda side: side.run() and None)

    def side(self, name, *seconds):
        """A side whose calls take `seconds` in turn, the last of them for good."""
        left = list(seconds)

        def run():
            self.order.append(name)
            self.now += left.pop(0) if len(left) > 1 else left[0]

        return Side(run)


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def test_sides_take_turns_and_the_median_counts(clock):
    # Two turns to warm up and one for memory, then 1, 9, 1 seconds.
    ours = clock.side("ours", 50, 50, 50, 1, 9, 1)
    peer = clock.side("peer", 50, 50, 50, 4, 4, 5)
    row = measure(Contest("name", 100, "tokens/s", ours, peer, target=3.0), 3)
    assert clock.order == ["ours", "peer"] * 6
    assert (row.ours, row.peer, row.ratio) == (100, 25, 4)
    assert row.is_met
    assert row.spread == pytest.approx((2.222, 4.5), rel=1e-3)


def test_without_a_peer_there_is_no_ratio(clock):
    row = measure(Contest("name", 10, "steps/s", clock.side("ours", 2), None, target=3.0), 3)
    assert (row.ours, row.peer, row.ratio, row.spread, row.is_met) == (5, None, None, None, None)


def test_patience_ends_the_turns_but_not_before_the_fewest(clock):
    measure(Contest("name", 1, "steps/s", clock.side("ours", 10), None), 9, warm_up=2, patience=15)
    # Two to warm up, one for memory, three that count.
    assert len(clock.order) == 6
    clock.order.clear()
    measure(Contest("name", 1, "steps/s", clock.side("ours", 10), None), 9, warm_up=2, patience=5, fewest=1)
    assert len(clock.order) == 3


def test_waiting_belongs_to_a_sides_time(clock):
    working = clock.side("work", 1)
    waiting = clock.side("wait", 4)
    row = measure(Contest("name", 10, "steps/s", Side(working.run, waiting.run), None), 3)
    assert row.ours == 2


@pytest.mark.parametrize(
    ("ratio", "at_most", "met"), [(2.0, False, True), (1.9, False, False), (2.1, True, False)]
)
def test_a_target_is_a_floor_or_a_ceiling(ratio, at_most, met):
    assert Row("name", 1, 1, "s", ratio, None, 2.0, at_most=at_most).is_met is met


def test_the_memory_of_a_call_is_what_it_needs_at_most():
    size = 64 * 2**20
    needed = peak_memory(Side(lambda: bytearray(b"x") * size))
    if needed is None:
        pytest.skip("this system does not tell")
    assert math.isclose(needed, size, rel_tol=0.1)
