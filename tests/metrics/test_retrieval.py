"""Ranks of right texts among all others, and shared words."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothways.metrics import SharedWords, found_first, mean_reciprocal_rank, ranks
from bothways.metrics.retrieval import AT_ONCE


def of(matrix):
    return lambda part: np.array(matrix)[part]


def test_a_rank_counts_the_candidates_that_are_nearer():
    near = [[0.9, 0.1, 0.2], [0.8, 0.5, 0.1], [0.3, 0.4, 0.1]]
    found = ranks(of(near), ["a", "b", "c"], ["x", "y", "z"])
    assert found.tolist() == [1, 2, 3]
    assert mean_reciprocal_rank(found) == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
    assert found_first(found) == pytest.approx(1 / 3)
    assert mean_reciprocal_rank(found[[[0, 0], [1, 1]]]).tolist() == [1, 1 / 2]


def test_a_model_that_tells_nothing_apart_finds_nothing():
    found = ranks(of(np.ones((5, 5))), list("abcde"), list("vwxyz"))
    assert found.tolist() == [3] * 5
    assert found_first(found) == 0


def test_what_is_as_right_as_the_right_one_does_not_count_against_it():
    near = [[0.1, 0.9, 0.2], [0.9, 0.1, 0.2], [0.1, 0.2, 0.3]]
    assert ranks(of(near), ["a", "b", "c"], ["x", "x", "z"]).tolist() == [2, 2, 1]
    assert ranks(of(near), ["a", "a", "c"], ["x", "y", "z"]).tolist() == [2, 2, 1]


@given(st.integers(0, 2**32 - 1))
def test_ranks_are_as_counted_one_by_one_in_more_than_one_piece_too(seed):
    count = AT_ONCE + 3
    near = np.random.default_rng(seed).integers(0, 5, (count, count)).astype(float)
    texts = [str(number) for number in range(count)]
    found = ranks(of(near), texts, texts)
    for i in (0, 1, AT_ONCE - 1, AT_ONCE, count - 1):
        others = np.delete(near[i], i)
        assert found[i] == 1 + (others > near[i, i]).sum() + (others == near[i, i]).sum() / 2


def test_the_share_of_words_is_the_same_alone_and_among_all():
    first = ["The cat sat.", "a dog", "", "天气很好"]
    second = ["the CAT sat down", "two cats", "", "天气不好"]
    words = SharedWords(first, second)
    assert words.of_pairs().tolist() == [3 / 4, 0, 0, 3 / 5]
    assert np.diagonal(words.with_all(slice(None))).tolist() == words.of_pairs().tolist()
    assert words.with_all(slice(1, 3)).shape == (2, 4)
