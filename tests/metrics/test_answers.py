"""The rules of SQuAD's official scripts, on answers whose scores were counted by hand."""

import numpy as np
import pytest

from bothways.metrics import answer_scores, exact_match, normalise, token_f1


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("The Cat", "cat"),
        ("  a  cat,\tan owl\nand the dog. ", "cat owl and dog"),
        ("the-end", "theend"),  # punctuation goes before articles are looked for
        ("U.S.A.", "usa"),
        ("a.", ""),  # as an article, once its full stop has gone
        ("theory another then", "theory another then"),
        ("l’été – “fin”", "l’été – “fin”"),  # punctuation beyond ASCII stays
        ("café THE ÉCOLE", "café école"),
        ("$1,000.50", "100050"),
        ("don't", "dont"),
        ("", ""),
    ],
)
def test_case_punctuation_articles_and_spacing_do_not_count(text, kept):
    assert normalise(text) == kept


@pytest.mark.parametrize(
    ("prediction", "answers", "exact", "shared"),
    [
        ("the Denver Broncos!", ["Denver Broncos"], 1, 1),
        ("Denver", ["Denver Broncos"], 0, 2 / 3),
        ("Denver", ["Denver Broncos", "denver"], 1, 1),  # the best of the gold answers
        ("Denver Denver", ["Denver Broncos"], 0, 1 / 2),  # a word counts as often as both have it
        ("Broncos Denver", ["Denver Broncos"], 0, 1),  # F1 knows no order
        ("Carolina", ["Denver Broncos"], 0, 0),
        ("", ["Denver"], 0, 0),
        ("", [], 1, 1),  # rightly no answer
        ("the", [], 1, 1),  # which normalises to none
        ("Denver", [], 0, 0),
    ],
)
def test_exact_match_and_f1_of_a_question(prediction, answers, exact, shared):
    assert exact_match(prediction, answers) == exact
    assert token_f1(prediction, answers) == pytest.approx(shared)


def test_a_gold_answer_that_normalises_to_nothing_is_left_out_as_in_version_2():
    """Version 1.1 would call "the" right here, and give it an F1 of 0 all the same."""
    assert exact_match("the", ["A", "letter"]) == 0
    assert exact_match("the", ["A"]) == token_f1("the", ["A"]) == 1


def test_every_question_has_its_own_scores():
    scores = answer_scores(["Denver", "", "blue sky"], [["Denver"], [], ["sky"]])
    np.testing.assert_allclose(scores.exact, [1, 1, 0])
    np.testing.assert_allclose(scores.f1, [1, 1, 2 / 3])


def test_a_missing_prediction_is_a_mistake():
    with pytest.raises(ValueError, match="longer"):
        answer_scores(["Denver"], [["Denver"], ["sky"]])
