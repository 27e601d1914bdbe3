"""Sentences and orders that a page takes, and those that it refuses in one line."""

import pytest

from bothways.errors import UsageError
from bothways.explain.sentence import read_sentence


def test_the_words_that_an_order_leaves_out_come_last_as_they_are_read():
    assert read_sentence("New York is a city", "2,4,3,1").order == (1, 3, 2, 0, 4)
    assert read_sentence("one two three four five", "5").order == (4, 0, 1, 2, 3)


@pytest.mark.parametrize("order", ["2, 4, 3, 1", "2 4 3 1", "2→4→3→1", "2->4->3->1"])
def test_an_order_may_be_written_with_commas_spaces_or_arrows(order):
    assert read_sentence("New York is big", order).order == (1, 3, 2, 0)


def test_without_an_order_the_published_example_is_shown_where_it_fits():
    assert read_sentence("New York is a city").order == (1, 3, 2, 0, 4)
    assert read_sentence("New York").order == (1, 0)


def test_only_the_last_of_the_order_are_predicted():
    sentence = read_sentence("New York is a city", "2,4,3,1")
    assert sentence.ranks() == [4, 1, 3, 2, 5]
    assert sentence.ranks(predicted=3) == [2, 0, 1, 0, 3]


@pytest.mark.parametrize(
    ("text", "order", "why"),
    [
        ("", None, "is empty"),
        ("  \n ", None, "is empty"),
        ("York", None, "one word"),
        ("a b c d e f g h i j k l m", None, "13 words"),
        ("New York is a city", "2,4,2", "names place 2 twice"),
        ("New York is a city", "0,1", "names place 0"),
        ("New York is a city", "1,6", "names place 6"),
        ("New York is a city", "1;2", "no list of places"),
        ("New York is a city", "", "no list of places"),
        ("New York is a city", "٢,1", "no list of places"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_one_line(text, order, why):
    with pytest.raises(UsageError, match=why) as refused:
        read_sentence(text, order)
    assert str(refused.value).startswith("explain: ")
    assert "\n" not in str(refused.value)
