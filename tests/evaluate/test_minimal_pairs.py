import numpy as np
import pytest
from pydantic_core import from_json, to_json
from small_models import bert, electra
from toy_language import LENGTH, ORDINARY, ToyObjective, every_sequence, toy_subject, toy_tokenizer

from bothways.errors import DataError
from bothways.evaluate.minimal_pairs import MinimalPairSettings, compare, minimal_pairs
from bothways.evaluate.pair_files import MinimalPair

TOKENIZER = toy_tokenizer()
ALL = MinimalPairSettings(limit=None)


def written(tokens):
    return TOKENIZER.decode(list(tokens))


def pair(good, bad, paradigm="p", field="morphology", phenomenon="agreement", number=0):
    return MinimalPair(f"{paradigm}.jsonl, line {number}", good, bad, paradigm, field, phenomenon)


def known_pairs(count=30):
    """Pairs that the toy language tells apart: the good sentence has the higher joint probability."""
    probable = ToyObjective().table
    texts = [text for text in every_sequence() if text[0] == 5]
    drawn = np.random.default_rng(0).permutation(len(texts))
    ordered = [
        sorted((texts[a], texts[b]), key=lambda text: -probable[tuple(np.array(text) - 5)])
        for a, b in drawn[: 2 * count].reshape(-1, 2)
    ]
    return [
        pair(written(good), written(bad), f"p{index % 3}", number=index)
        for index, (good, bad) in enumerate(ordered)
    ]


def turned(pairs):
    return [pair(each.bad, each.good, each.paradigm, number=index) for index, each in enumerate(pairs)]


def scores_of(found, way):
    return next(scores for scores in found.scores if scores.way == way)


@pytest.mark.parametrize("layout", ["cls_first", "cls_last"])
def test_a_model_that_knows_the_language_prefers_what_is_likelier(layout):
    subject = toy_subject(layout)
    found = minimal_pairs(subject, TOKENIZER, known_pairs(), ALL)
    reverse = minimal_pairs(subject, TOKENIZER, turned(known_pairs()), ALL)
    for way in ("orders", "left_to_right"):
        assert scores_of(found, way).overall.value == 1
        assert scores_of(reverse, way).overall.value == 0
    exact = [
        sum(subject.objective.marginal(text, [place], place) for place in range(LENGTH))
        for each in known_pairs()
        for text in (TOKENIZER.encode(each.good).ids, TOKENIZER.encode(each.bad).ids)
    ]
    alone = minimal_pairs(subject, TOKENIZER, known_pairs(), MinimalPairSettings(within_word=False))
    expected = (np.array(exact[::2]) < np.array(exact[1::2])).astype(float).tolist()
    assert scores_of(alone, "pseudo").right == expected
    assert 0 < np.mean(expected) < 1


def test_overall_is_the_mean_over_paradigms_and_groups_are_means_of_theirs():
    good, bad = known_pairs(1)[0].good, known_pairs(1)[0].bad
    right, wrong = (good, bad), (bad, good)
    pairs = [
        pair(*right, "a", "syntax", "islands", 0),
        pair(*right, "b", "syntax", "ellipsis", 1),
        pair(*wrong, "b", "syntax", "ellipsis", 2),
        pair(*wrong, "c", "semantics", "islands", 3),
        pair(*wrong, "c", "semantics", "islands", 4),
        pair(*right, "c", "semantics", "islands", 5),
        pair(*wrong, "c", "semantics", "islands", 6),
    ]
    scores = scores_of(minimal_pairs(toy_subject(), TOKENIZER, pairs, ALL), "orders")
    assert {name: share.value for name, share in scores.paradigms.items()} == {"a": 1, "b": 0.5, "c": 0.25}
    assert scores.overall.value == pytest.approx(1.75 / 3)
    assert {name: share.value for name, share in scores.fields.items()} == {"semantics": 0.25, "syntax": 0.75}
    assert {name: share.value for name, share in scores.phenomena.items()} == {
        "ellipsis": 0.5,
        "islands": 0.625,
    }
    assert [scores.phenomena[name].count for name in ("ellipsis", "islands")] == [2, 5]
    assert scores.right == [1, 1, 0, 0, 0, 1, 0]


def test_the_same_tokens_are_a_tie_whatever_rounding_makes_of_them():
    same, other = np.array([5, 6]), np.array([6, 5])
    nats = np.array([1.0, 1.0 + 1e-9, 1.0, 1.0 + 1e-9, 2.0, 2.0])
    assert compare(nats, [same, same, same, other, same, other]).tolist() == [0.5, 1, 0.5]
    found = minimal_pairs(bert(), TOKENIZER, [pair("red blue", "red  blue")], ALL)
    assert [scores.right for scores in found.scores] == [[0.5]]


def test_the_first_pairs_of_each_paradigm_are_scored_and_cost_the_same_without_the_others():
    pairs = known_pairs()
    limited = minimal_pairs(toy_subject(), TOKENIZER, pairs, MinimalPairSettings(limit=4))
    assert limited.pairs == [each.where for each in pairs[:12]]
    whole = minimal_pairs(toy_subject(), TOKENIZER, pairs, ALL)
    for few, every in zip(limited.scores, whole.scores, strict=True):
        assert few.right == every.right[:12]
    assert any("the first 4 of each paradigm" in line for line in limited.lines())
    assert any("all of each paradigm" in line for line in whole.lines())


def test_the_same_question_has_the_same_answer():
    assert minimal_pairs(bert(), TOKENIZER, known_pairs(), ALL) == minimal_pairs(
        bert(), TOKENIZER, known_pairs(), ALL
    )


def test_the_unigram_stands_beside_the_model():
    nats = np.full(8, np.inf)
    nats[list(ORDINARY)] = [0.1, 0.2, 0.3]
    pairs = [
        pair("red red blue", "blue blue red"),
        pair("blues red", "reds red"),
        pair("red blues", "blues red"),
    ]
    found = minimal_pairs(toy_subject(), TOKENIZER, pairs, ALL, nats)
    assert [scores.way for scores in found.scores] == ["unigram", "pseudo", "orders", "left_to_right"]
    assert found.scores[0].right == [1, 0, 0.5]
    assert 0.1 + 0.2 + 0.3 != 0.2 + 0.3 + 0.1  # the tie survives rounding


def test_the_table_has_all_groups_and_says_who_answered_and_how():
    found = minimal_pairs(electra(), TOKENIZER, known_pairs(6), ALL)
    text = "\n".join(found.lines())
    for name in ("all paradigms", "morphology", "agreement", "p0", "p1", "p2", "pseudo-likelihood"):
        assert name in text
    assert "6 pairs, all of each paradigm" in text
    assert "the rest of its word hidden with it" in text
    assert text.endswith("scored by its generator")
    assert "random orders" not in text


def test_pairs_without_groups_have_a_table_too():
    found = minimal_pairs(bert(), TOKENIZER, [pair("red blue", "red red", field=None, phenomenon=None)], ALL)
    assert found.scores[0].fields == found.scores[0].phenomena == {}
    assert "all paradigms" in "\n".join(found.lines())


def test_unknown_words_are_counted():
    pairs = [pair("red green", "red blue"), pair("red", "blue")]
    found = minimal_pairs(bert(), TOKENIZER, pairs, ALL)
    assert found.unknown == 1
    assert "1 pairs hold unknown tokens, which are not scored" in found.lines()


def test_a_result_can_be_written_as_json():
    found = minimal_pairs(toy_subject(), TOKENIZER, known_pairs(6), ALL)
    plain = from_json(to_json(found))
    assert plain["scores"][1]["overall"]["value"] == 1
    assert plain["pairs"] == found.pairs
    assert plain["settings"]["limit"] is None


def test_a_sentence_that_does_not_fit_is_named():
    with pytest.raises(
        DataError, match=r"p.jsonl, line 0: a sentence has 13 tokens, but this model reads 12"
    ):
        minimal_pairs(bert(), TOKENIZER, [pair("red " * 13, "blue")], ALL)
    with pytest.raises(DataError, match=r"p.jsonl, line 0: the tokenizer leaves nothing"):
        minimal_pairs(bert(), TOKENIZER, [pair("red", "\u00a0")], ALL)


def test_without_pairs_there_is_no_result():
    with pytest.raises(DataError, match="there is none"):
        minimal_pairs(bert(), TOKENIZER, [], ALL)
