"""The languages of the claims about tasks keep the rules that their docstrings state."""

import re
from collections import Counter

import numpy as np
import pytest

from bothways.claims import acceptability, lexicon_tasks, stories, two_senses
from bothways.claims.language import Language
from bothways.claims.lexicon_tasks import LEXICON_TASKS, Lexicon
from bothways.claims.practice import encoded, tokenizer_of


def draw(seed=0):
    return np.random.default_rng(seed)


def topics_and_stages(text):
    """Read both off the words, which name them."""
    words = text.split()
    topics = {int(word[4]) for word in words if word.startswith("noun")}
    return topics, [int(word[4]) for word in words if word.startswith("verb")]


def test_a_story_keeps_its_topic_and_goes_through_all_stages():
    for seed in range(20):
        told = stories.story(draw(seed))
        topics, stages = topics_and_stages(" ".join(told))
        assert len(topics) == 1
        assert stages == list(range(stories.STAGES))
        assert all(re.fullmatch(r"noun\w+ verb\w+ noun\w+ filler\w", sentence) for sentence in told)


def test_a_label_says_what_topics_and_stages_say():
    records = stories.labelled_pairs(300, draw())
    assert Counter(record.label for record in records) == dict.fromkeys(stories.LABELS, 100)
    for record in records:
        (one, before), (two, after) = topics_and_stages(record.text), topics_and_stages(record.pair)
        expected = "elsewhere" if one != two else "next" if before < after else "previous"
        assert record.label == expected
        steps = np.diff(sorted([*before, *after]))
        assert expected == "elsewhere" or steps.tolist() == [1, 1, 1], "they follow directly"


def test_the_clause_says_the_sense_and_the_words_without_order_say_nothing():
    seen = two_senses.sightings(4000, draw())
    bags = Counter()
    for each in seen:
        comma = each.words.index(two_senses.BETWEEN)
        assert each.words[each.place] == two_senses.SHARED[each.pair]
        clause = each.words[:comma] if each.place < comma else each.words[comma + 1 :]
        topics = {int(word[5]) for word in clause if word.startswith("topic")}
        assert topics == {2 * each.pair + each.sense}
        counted = Counter(word[:6] for word in each.words if word.startswith("topic"))
        assert set(counted.values()) == {two_senses.CLAUSE}
        bags[each.pair, each.sense, each.place < comma] += 1
    assert len(bags) == 2 * 2 * two_senses.PAIRS
    assert min(bags.values()) > 0.8 * 4000 / len(bags), (
        "sense and order of the clauses are drawn each for itself"
    )


@pytest.mark.parametrize("name", list(LEXICON_TASKS))
def test_a_record_is_labelled_by_the_lexicon(name):
    chance = draw()
    lexicon = Lexicon.drawn(chance)
    good = {word for word, is_good in zip(lexicon_tasks.WORDS, lexicon.is_good, strict=True) if is_good}
    assert len(good) == lexicon_tasks.NUM_WORDS // 2
    record, labels = LEXICON_TASKS[name]
    rules = {
        "mood": lambda first, _: "good" if 2 * sum(word in good for word in first) > len(first) else "bad",
        "opening": lambda first, _: "good" if first[0] in good else "bad",
        "contest": lambda first, second: (
            "first"
            if sum(word in good for word in first) > sum(word in good for word in second)
            else "second"
        ),
    }
    drawn = [record(lexicon, chance) for _ in range(200)]
    for each in drawn:
        assert each.label == rules[name](each.text.split(), (each.pair or "").split())
    assert {each.label for each in drawn} == set(labels)


def test_documents_of_sentences_are_what_formats_read():
    told = [stories.story(draw(seed)) for seed in range(3)]
    tokenizer = tokenizer_of(stories.WORDS)
    source = encoded(tokenizer, told)
    assert source.num_documents == 3
    assert source.document_lengths.tolist() == [4 * stories.STAGES] * 3
    assert source.sentence_lengths(1).tolist() == [4] * stories.STAGES
    assert tokenizer.decode(source.document(2).tolist()) == " ".join(told[2])


def test_possible_sentences_are_of_the_language_and_impossible_ones_differ_from_one_in_a_word():
    learned, judged = acceptability.records()
    assert (len(learned), len(judged)) == (acceptability.LABELLED, acceptability.JUDGED)
    assert not {record.text for record in learned} & {record.text for record in judged}
    of_language = {each.words for each, _ in Language(1).every_sentence()}
    for records in (learned, judged):
        assert Counter(record.label for record in records) == dict.fromkeys(
            acceptability.LABELS, len(records) / 2
        )
        for record in records:
            assert (tuple(record.text.split()) in of_language) == (record.label == "possible")
    for record in [record for record in judged if record.label == "impossible"][:50]:
        words = record.text.split()
        assert any(
            sum(ours != theirs for ours, theirs in zip(words, possible, strict=True)) == 1
            for possible in of_language
        )
