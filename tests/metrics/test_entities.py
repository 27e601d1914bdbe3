import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.v1 import precision_recall_fscore_support
from seqeval.scheme import IOB2, Entities

from bothways.errors import DataError
from bothways.metrics import Entity, entities_in, entity_counts, entity_f1

TAG = st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG-UNIT", "I-ORG-UNIT"])
SENTENCES = st.lists(st.lists(st.tuples(TAG, TAG), min_size=1, max_size=8), min_size=1, max_size=4)


@pytest.mark.parametrize(
    ("tags", "entities"),
    [
        ("B-PER I-PER O B-LOC", [Entity("PER", 0, 2), Entity("LOC", 3, 4)]),
        ("B-PER B-PER", [Entity("PER", 0, 1), Entity("PER", 1, 2)]),
        ("I-PER O I-PER", []),  # continues nothing
        ("B-PER I-LOC I-PER", [Entity("PER", 0, 1)]),  # broken off, and not taken up again
        ("B-PER O I-PER", [Entity("PER", 0, 1)]),
    ],
)
def test_entities_begin_with_b_and_go_on_with_i_of_the_same_type(tags, entities):
    assert entities_in(tags.split()) == entities


@pytest.mark.parametrize("tag", ["E-PER", "PER", "B", "B-", "NOUN", "o", ""])
def test_a_tag_of_another_scheme_is_refused(tag):
    with pytest.raises(DataError, match="is no IOB2 tag"):
        entities_in(["O", tag])


@given(SENTENCES)
def test_entities_are_seqevals_in_strict_iob2(sentences):
    for sentence in sentences:
        tags = [gold for gold, _ in sentence]
        theirs = [(item.tag, item.start, item.end) for item in Entities([tags], IOB2).entities[0]]
        assert [(item.type, item.start, item.end) for item in entities_in(tags)] == theirs


@given(SENTENCES)
def test_scores_are_seqevals_in_strict_iob2(sentences):
    truth = [[gold for gold, _ in sentence] for sentence in sentences]
    predicted = [[guess for _, guess in sentence] for sentence in sentences]
    counts = entity_counts(truth, predicted)
    right, found, wanted = counts.sum(axis=0)
    if not found + wanted:
        return  # seqeval cannot score no entities
    theirs = precision_recall_fscore_support(
        truth, predicted, average="micro", mode="strict", scheme=IOB2, zero_division=0
    )
    ours = (right / max(found, 1), right / max(wanted, 1), entity_f1(counts), wanted)
    assert ours == pytest.approx(theirs)


def test_counts_are_of_sentences_and_take_resamples():
    truth = ["B-PER I-PER O".split(), "B-LOC O".split(), ["O"]]
    predicted = ["B-PER I-PER B-LOC".split(), "B-PER O".split(), ["O"]]
    counts = entity_counts(truth, predicted)
    np.testing.assert_array_equal(counts, [[1, 2, 1], [0, 1, 1], [0, 0, 0]])
    assert entity_f1(counts) == pytest.approx(2 / 5)
    np.testing.assert_allclose(entity_f1(counts[np.array([[0, 0], [2, 2]])]), [2 / 3, 0])


def test_no_entities_anywhere_score_nothing():
    assert entity_f1(entity_counts([["O"]], [["O"]])) == 0


def test_a_sentence_of_another_length_is_a_mistake():
    with pytest.raises(ValueError, match="sentence 1 has 2 words but 1 predicted tags"):
        entity_counts([["O"], ["O", "O"]], [["O"], ["O"]])
