"""Runs that advance by turns: who comes when, and that nothing but the order changes."""

import pytest

from bothways.compare.turns import MOST, WORTH_SECONDS, by_turns, turns_of


def order_of(turns, standing):
    """Return who advanced to what, in order; `standing` is what each has used up, which grows."""
    seen = []

    def advance(run, until):
        standing[run] = max(until, standing[run])
        seen.append(f"{run} {until:.2f}")

    by_turns("abc", turns, lambda run: standing[run], advance)
    return seen


def test_all_take_every_turn_and_another_one_begins_each():
    assert order_of(4, dict.fromkeys("abc", 0.0)) == [
        *("a 0.25", "b 0.25", "c 0.25"),
        *("b 0.50", "c 0.50", "a 0.50"),
        *("c 0.75", "a 0.75", "b 0.75"),
        *("a 1.00", "b 1.00", "c 1.00"),
    ]


def test_after_an_interruption_only_those_advance_that_are_behind_but_all_take_the_last_turn():
    assert order_of(2, {"a": 1.0, "b": 0.6, "c": 0.2}) == ["c 0.50", "b 1.00", "c 1.00", "a 1.00"]


@pytest.mark.parametrize(
    ("seconds", "turns"), [(None, 1), (0.0, 1), (WORTH_SECONDS, 1), (150.0, 2), (1e6, MOST)]
)
def test_short_runs_are_not_cut(seconds, turns):
    assert turns_of(seconds) == turns
