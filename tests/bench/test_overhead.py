"""Shares of a run's time."""

import json

import pytest

from bothways.bench.overhead import share_row, step_seconds


def test_the_time_of_all_steps_comes_from_the_log(tmp_path):
    log = tmp_path / "metrics.jsonl"
    records = [
        {"step": 10, "tokens": 1000, "tokens_per_second": 500.0},
        {"step": 20, "tokens": 3000, "tokens_per_second": 1000.0},
    ]
    log.write_text("".join(json.dumps(record) + "\n" for record in records))
    assert step_seconds(log) == pytest.approx(4.0)


def test_a_share_is_better_when_it_is_small():
    row = share_row("waiting / a step", 0.0001, 0.01, 0.02)
    assert (row.ours, row.peer, row.unit) == (pytest.approx(0.1), pytest.approx(10), "ms")
    assert row.ratio == pytest.approx(0.01)
    assert row.is_met
    assert not share_row("waiting / a step", 0.001, 0.01, 0.02).is_met
