"""The example of names is exact, and made so that filling blanks independently gives no name."""

import math
from fractions import Fraction

import pytest

from bothways.explain.names import NAMES, apart


def test_the_shares_of_all_names_are_one_whole():
    assert sum(NAMES.values()) == 1


def test_the_best_word_of_each_blank_makes_no_name():
    names = apart(NAMES)
    assert names.best_alone == ("New", "Angeles")
    assert names.best_alone not in NAMES
    assert names.best_together == ("Los", "Angeles")


def test_products_of_marginals_sum_to_one_and_the_impossible_ones_are_counted():
    names = apart(NAMES)
    pairs = [(first, second) for first in names.first for second in names.second]
    assert sum(map(names.product, pairs)) == 1
    assert names.impossible == sum(names.product(pair) for pair in pairs if pair not in NAMES)


def test_what_independence_costs_is_the_mutual_information():
    names = apart(NAMES)
    information = sum(float(share) * math.log(share / names.product(pair)) for pair, share in NAMES.items())
    assert names.independent_nats - names.joint_nats == pytest.approx(information)


def test_two_words_that_do_not_depend_on_each_other_come_apart_for_nothing():
    even = apart({(a, b): Fraction(1, 4) for a in "xy" for b in "zw"})
    assert even.impossible == 0
    assert even.independent_nats == pytest.approx(even.joint_nats)


def test_a_place_that_is_not_known_costs_ln_2_where_no_word_fits_both():
    names = apart(NAMES)
    assert sum(names.placeless.values()) == 1
    assert names.placeless_nats - names.placed_nats == pytest.approx(math.log(2))
