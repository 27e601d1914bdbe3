"""Rows of a share of their length: whole slots, said with a few digits, and advice that can be followed."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothways.errors import UsageError
from bothways.formats.packed import PackedSettings
from bothways.formats.pairs import PairsSettings
from bothways.formats.shorter import shortened


@pytest.mark.parametrize("share", [0.246154, 0.2462, 32 / 130])
def test_a_share_is_taken_for_the_slots_that_its_digits_mean(share):
    assert shortened(PackedSettings(length=130), share).length == 32


def test_a_share_between_two_slots_is_refused():
    for share in (0.25, 0.2463):
        with pytest.raises(UsageError, match=r"no whole number of slots; give .* such as 0\.24615385, or"):
            shortened(PackedSettings(length=130), share)


@given(
    settings=st.sampled_from([PackedSettings, PairsSettings]),
    length=st.integers(8, 10_000),
    share=st.floats(1e-6, 1),
)
def test_the_share_that_is_advised_is_admitted(settings, length, share):
    whole = settings(length=length)
    try:
        assert shortened(whole, share).length == round(share * length)
    except UsageError as error:
        advised = re.search(r"such as (\S+),", str(error))
        # Without advice it is the format that refuses, since the rows would be too short.
        assert shortened(whole, float(advised[1])).length <= length if advised else share * length < 6
