import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothways.metrics import holm

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=10)


def test_by_hand():
    """0.005 × 4, 0.01 × 3, 0.03 × 2, and 0.04 × 1 lifted to the one before."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_one_comparison_stays_and_none_gives_none():
    assert holm([0.2]) == [0.2]
    assert holm([]) == []


@given(P_VALUES)
def test_order_is_kept_and_nothing_becomes_smaller_or_more_than_one(values):
    adjusted = holm(values)
    assert all(value <= new <= 1 for value, new in zip(values, adjusted, strict=True))
    ordered = [new for _, new in sorted(zip(values, adjusted, strict=True))]
    assert ordered == sorted(ordered)


@given(P_VALUES)
def test_it_is_never_stricter_than_bonferroni_and_as_strict_for_the_smallest(values):
    bonferroni = [min(1, len(values) * value) for value in values]
    adjusted = holm(values)
    assert all(new <= old for new, old in zip(adjusted, bonferroni, strict=True))
    assert min(adjusted) == pytest.approx(min(bonferroni))
