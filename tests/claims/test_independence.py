import numpy as np
import pytest
from claims_cases import Oracle

from bothways.claims.independence import Hidden, hidden_names, joint, true_nats
from bothways.claims.language import Language

NAMES = hidden_names(Language().questions(12))


def test_a_perfect_model_keeps_names_together_one_by_one_and_not_at_once():
    found, truth = joint(Oracle(), NAMES), true_nats(NAMES)
    assert found.nats == pytest.approx(truth)
    assert found.impossible["one by one"] == pytest.approx(0, abs=1e-9)
    assert found.likeliest_impossible["one by one"] == 0
    assert truth["at once"] > truth["one by one"] + 0.5
    assert found.impossible["at once"] > 0.4


def test_what_is_no_name_is_what_the_product_of_marginals_leaves_to_other_words():
    hidden = Hidden(NAMES[0].words, NAMES[0].places)
    oracle = Oracle()
    marginals = oracle.predict([hidden.at_once()])[0]
    language = Language()
    names = language.joint(hidden.words, hidden.places)
    product = sum(
        np.exp(sum(marginals[row, oracle.numbers[word]] for row, word in enumerate(name))) for name in names
    )
    assert joint(oracle, [hidden]).impossible["at once"] == pytest.approx(1 - product)


def test_another_name_takes_the_place_of_the_first():
    hidden = Hidden(("in", "New", "York", "."), (1, 2))
    assert hidden.with_name(("Los", "Angeles")).words == ("in", "Los", "Angeles", ".")
    assert [blank.hidden for blank in hidden.one_by_one()] == [(1, 2), (2,)]
