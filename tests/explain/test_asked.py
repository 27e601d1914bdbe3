"""What a page shows of a model is what the model says."""

import functools
import itertools

import numpy as np
import pytest
from asked_models import BACKBONE, WORDS, subject, tokenizer

from bothways.errors import UsageError
from bothways.evaluate.fill import fill_blanks
from bothways.explain.asked import ask_model

TEXT = "new york is a city"
BOTH_SIDES = [name for name in BACKBONE if name != "causal"]


@functools.cache
def said(name):
    return ask_model(name, subject(name), tokenizer(), TEXT)


def with_blanks(*places):
    return " ".join("[?]" if place in places else word for place, word in enumerate(TEXT.split()))


@pytest.mark.parametrize("name", BOTH_SIDES)
def test_each_blank_is_filled_as_the_verb_fill_fills_it(name):
    for place, blank in enumerate(said(name).blanks):
        (filled,) = fill_blanks(subject(name), tokenizer(), with_blanks(place), top=len(WORDS)).independent
        assert [guess.text for guess in blank.best] == [candidate.text for candidate in filled[:5]]
        shares = {candidate.text: candidate.probability for candidate in filled}
        assert blank.truth.probability == pytest.approx(shares[blank.truth.text], rel=1e-5)
        assert blank.truth.text == TEXT.split()[place]


@pytest.mark.parametrize("name", ["masked", "permutation"])
def test_pairs_have_their_exact_joint_and_independent_probabilities(name):
    for pair in said(name).pairs:
        text = with_blanks(pair.place, pair.place + 1)
        filled = fill_blanks(subject(name), tokenizer(), text, beam=len(WORDS) ** 2, top=len(WORDS))
        first, second = ({one.text: one.probability for one in blank} for blank in filled.independent)
        joint = {filling.texts: filling.probability for filling in filled.joint}
        assert (pair.first[0], pair.second[0]) == tuple(TEXT.split()[pair.place : pair.place + 2])
        for (i, one), (j, other) in itertools.product(enumerate(pair.first), enumerate(pair.second)):
            assert pair.independent[i][j] == pytest.approx(first[one] * second[other], rel=1e-4)
            assert pair.joint[i][j] == pytest.approx(joint[one, other], rel=1e-4)


def test_from_left_to_right_each_token_is_asked_after_those_before_it():
    causal = said("causal")
    assert [blank.place for blank in causal.blanks] == [0, 1, 2, 3, 4]
    assert [blank.truth.text for blank in causal.blanks] == TEXT.split()
    assert causal.pairs == ()
    for place, streams in enumerate(causal.looks.shares):
        assert np.array(streams)[..., place + 1 :].sum() == 0  # [CLS] and `place` tokens are before


@pytest.mark.parametrize("name", ["masked", "permutation", "mpnet", "causal"])
def test_attention_is_shared_out_among_the_tokens_of_the_row(name):
    looks = said(name).looks
    shares = np.array(looks.shares)
    assert shares.shape == (5, len(looks.streams), 2, 2, len(looks.keys[0]))
    assert (abs(shares.sum(-1) - 1000) <= 4).all()  # of rounded thousandths


def test_a_query_never_looks_at_its_own_token_and_the_content_does():
    looks = said("permutation").looks
    assert looks.streams == ("query", "content")
    for place, (query, content) in enumerate(np.array(looks.shares)):
        assert (query[..., place] == 0).all()
        assert (content[..., place] > 0).any()


def test_what_a_masked_model_looks_at_is_what_it_is_shown():
    assert said("masked").looks.keys[1] == ("[CLS]", "new", "[MASK]", "is", "a", "city", "[SEP]")


def test_where_a_generator_answers_no_attention_of_another_encoder_is_shown():
    assert said("replaced").looks is None
    assert said("replaced").answered_by


@pytest.mark.parametrize("text", ["new", " ".join(["new"] * 30)])
def test_a_sentence_of_too_few_or_too_many_tokens_is_refused(text):
    with pytest.raises(UsageError, match="tokens, and it takes 2 to 24"):
        ask_model("mine", subject("permutation"), tokenizer(), text)
