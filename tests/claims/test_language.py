import math
from collections import Counter

import numpy as np
import pytest

from bothways.claims.language import WORDS, Language
from bothways.claims.words import FRAMES, NAMES

SENTENCES = list(Language(1).every_sentence())


def agrees(words, pattern):
    return all(shown in (None, word) for word, shown in zip(words, pattern, strict=True))


def blanked(words, rng, share):
    return [None if rng.random() < share else word for word in words]


def test_the_probabilities_of_all_sentences_sum_to_one_and_each_has_eight_words():
    assert math.fsum(chance for _, chance in SENTENCES) == pytest.approx(1)
    assert all(len(sentence.words) == WORDS for sentence, _ in SENTENCES)


def test_the_mass_of_some_visible_words_is_the_sum_over_all_sentences_that_have_them():
    language, rng = Language(1), np.random.default_rng(0)
    for number in rng.integers(len(SENTENCES), size=60):
        pattern = blanked(SENTENCES[number][0].words, rng, rng.random())
        counted = math.fsum(chance for each, chance in SENTENCES if agrees(each.words, pattern))
        assert language.mass(pattern) == pytest.approx(counted)


def test_joint_probabilities_are_shares_of_all_sentences_that_have_the_visible_words():
    language, rng = Language(1), np.random.default_rng(1)
    for number in rng.integers(len(SENTENCES), size=20):
        words = SENTENCES[number][0].words
        positions = tuple(rng.choice(WORDS, size=2, replace=False).tolist())
        pattern = [None if place in positions else word for place, word in enumerate(words)]
        counted = Counter()
        for each, chance in SENTENCES:
            if agrees(each.words, pattern):
                counted[tuple(each.words[place] for place in positions)] += chance
        whole = counted.total()
        expected = {filling: chance / whole for filling, chance in counted.items()}
        assert language.joint(words, positions) == pytest.approx(expected)


def test_a_shared_topic_ties_sentences_together_as_counting_all_documents_shows():
    language, rng = Language(2, shared_topic=True, frames=("weather", "dish")), np.random.default_rng(2)
    sentences = list(language.every_sentence())
    documents = [
        (first.words + second.words, chance * other / NAMES[first.topic])
        for first, chance in sentences
        for second, other in sentences
        if first.topic == second.topic
    ]
    assert math.fsum(chance for _, chance in documents) == pytest.approx(1)
    for number in rng.integers(len(documents), size=15):
        pattern = blanked(documents[number][0], rng, 0.6)
        counted = math.fsum(chance for words, chance in documents if agrees(words, pattern))
        assert language.mass(pattern) == pytest.approx(counted)


def test_a_dish_is_certain_where_the_topic_was_named_before_and_open_where_it_was_not():
    shared = Language(2, shared_topic=True)
    words = "it is often sunny in New York . people here eat bagels with their tea .".split()
    assert shared.conditional(words, 11) == {"bagels": 1.0}
    assert len(Language(2).conditional(words, 11)) == len(NAMES)


def test_drawn_documents_come_as_often_as_the_probabilities_say():
    language, count = Language(1), 4000
    drawn = Counter(document.words for document in language.documents(np.random.default_rng(3), count))
    for pattern in (["it", *[None] * 7], [None] * 5 + ["New", "York", "."], ["in", "winter", *[None] * 6]):
        expected = language.mass(pattern)
        observed = sum(times for words, times in drawn.items() if agrees(words, pattern)) / count
        assert observed == pytest.approx(expected, abs=5 * math.sqrt(expected * (1 - expected) / count))


@pytest.mark.parametrize(
    ("frame", "hidden", "asked", "nats"),
    [
        ("scene", (3,), (3,), 0.0),
        ("scene", (3, 4), (3,), math.log(4)),
        ("scene", (1, 3), (3,), math.log(4)),
        ("scene", (1, 3, 4), (3,), math.log(16)),
        ("week", (1,), (1,), 0.0),
        ("week", (1, 2, 3, 4, 5), (1,), math.log(7)),
        ("week", (1, 2, 3, 4, 5), (1, 2, 3, 4, 5), math.log(7)),
        ("sense", (3, 4, 5, 6), (4,), math.log(4)),
    ],
)
def test_entropies_are_those_that_the_grammar_has_by_design(frame, hidden, asked, nats):
    assert Language(1).entropy(frame, hidden, asked) == pytest.approx(nats, abs=1e-12)


def test_a_joint_entropy_is_the_sum_of_the_chain():
    language = Language(1, frames=("weather",))
    together = language.entropy("weather", (5, 6), (5, 6))
    chain = language.entropy("weather", (5, 6), (5,)) + language.entropy("weather", (6,), (6,))
    assert together == pytest.approx(chain)


def test_the_likeliest_words_of_a_hidden_name_make_no_name():
    words = "the dogs near New York bark loudly .".split()
    language = Language(1)
    blank = [*words[:3], None, None, *words[5:]]
    first, second = (language.conditional(blank, place) for place in (3, 4))
    likeliest = max(first, key=first.get), max(second, key=second.get)
    assert likeliest == ("New", "Angeles")
    assert likeliest not in language.joint(words, (3, 4))


def test_words_that_no_document_has_together_are_refused():
    with pytest.raises(ValueError, match="no document"):
        Language(1).conditional("it is often sunny in New Angeles .".split(), 3)
    with pytest.raises(ValueError, match="9 words"):
        Language(1).mass(["it"] * 9)


def test_groups_are_found_where_their_words_stand():
    document = next(each for each in Language(3).questions(50) if each.sentences[1].frame == "scene")
    (places,) = [places for places in document.find("scene") if places[0] // WORDS == 1]
    assert places == (9, 11, 12)
    assert document.text.splitlines()[1] == " ".join(document.sentences[1].words)


def test_every_frame_and_every_word_of_the_vocabulary_occurs():
    assert {sentence.frame for sentence, _ in SENTENCES} == set(FRAMES)
    assert set(Language(1).vocabulary) == {word for sentence, _ in SENTENCES for word in sentence.words}
