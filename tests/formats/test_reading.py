import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_corpus import SmallCorpus, corpora

from bothways.errors import DataError
from bothways.formats.reading import Reading, count_reading

END = 5


def whole(reading):
    return reading.read(np.array([0]), reading.num_tokens)[0][0].tolist()


@given(corpus=corpora, seed=st.integers(0, 99), epoch=st.integers(0, 3))
def test_a_reading_is_every_document_once_with_its_separator(corpus, seed, epoch):
    reading = Reading(corpus, END, seed, epoch)
    text = whole(reading)
    assert len(text) == reading.num_tokens == count_reading(corpus)
    pieces = np.split(text, np.flatnonzero(np.array(text) == END) + 1)[:-1]
    assert sorted(piece[:-1].tolist() for piece in pieces) == [
        corpus.document(i).tolist() for i in range(corpus.num_documents)
    ]


@given(corpus=corpora, offsets=st.lists(st.integers(-99, 999), min_size=1), length=st.integers(1, 99))
def test_any_place_of_the_ring_can_be_read_alone(corpus, offsets, length):
    reading = Reading(corpus, END, 7, 0)
    text, ranks = np.array(whole(reading)), reading.ranks(np.arange(reading.num_tokens))
    wanted = (np.array(offsets)[:, None] + np.arange(length)) % reading.num_tokens
    tokens, found = reading.read(np.array(offsets), length)
    assert np.array_equal(tokens, text[wanted])
    assert np.array_equal(found, ranks[wanted])


@given(corpus=corpora, start=st.integers(-50, 500), length=st.integers(2, 60))
def test_sentence_starts_are_those_of_the_corpus(corpus, start, length):
    reading = Reading(corpus, END, 3, 1)
    tokens = reading.read(np.array([start]), length)[0][0]
    firsts = {corpus.document(i)[0] for i in range(corpus.num_documents)}
    expected = [i for i in range(1, length) if tokens[i] in corpus.sentence_starts() - firsts]
    assert reading.inner_sentence_starts(start, length).tolist() == expected


@given(corpus=corpora, offset=st.integers(-50, 500))
def test_the_sentence_around_a_token_begins_and_ends_as_in_the_corpus(corpus, offset):
    reading = Reading(corpus, END, 3, 1)
    start, stop = reading.sentence_around(offset)
    assert start <= offset < stop
    tokens = reading.read(np.array([start]), stop - start + 1)[0][0]
    begins = corpus.sentence_starts()
    assert [token in begins for token in tokens] == [True, *[False] * (stop - start - 1), True]


def test_documents_without_text_are_left_out():
    corpus = SmallCorpus([[2], [], [3], []])
    reading = Reading(corpus, END, 0, 0)
    assert reading.num_documents == 2
    assert sorted(whole(reading)) == [5, 5, 10, 11, 12, 13, 14]


def test_a_corpus_without_text_is_refused_in_one_line():
    with pytest.raises(DataError, match=r"^the token shards hold no text; point data\.train at .*$"):
        count_reading(SmallCorpus([[], []]))
