"""Sentences: cut where a reader would, and nothing lost."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothways.text.sentences import split_sentences

MARKED = st.text(st.sampled_from("aB1 .!?…\n\"'”()。！？中\t\u2028\u00a0é"), max_size=60)


def solid(text: str) -> str:
    return "".join(text.split())


@given(st.one_of(st.text(max_size=80), MARKED))
def test_joining_the_sentences_keeps_every_visible_character(text):
    assert solid("".join(split_sentences(text))) == solid(text)


@given(MARKED)
def test_sentences_are_stripped_single_lines_and_not_empty(text):
    for sentence in split_sentences(text):
        assert sentence == sentence.strip() != ""
        assert len(sentence.splitlines()) == 1


@given(MARKED)
def test_splitting_a_line_twice_changes_nothing_where_lines_end(text):
    lines = [line for line in text.splitlines() if line.strip()]
    assert [piece for line in lines for piece in split_sentences(line)] == split_sentences(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It rains. We stay.", ["It rains.", "We stay."]),
        ("Really?! Yes! “No.” She left.", ["Really?!", "Yes!", "“No.”", "She left."]),
        ("Dr. Smith met Mr. J. R. Jones.", ["Dr. Smith met Mr. J. R. Jones."]),
        (
            "See fig. 3 and no. 4. He said no. Then he left.",
            ["See fig. 3 and no. 4.", "He said no.", "Then he left."],
        ),
        (
            "It cost 3.5 million, e.g. Apples in the U.S. market.",
            ["It cost 3.5 million, e.g. Apples in the U.S. market."],
        ),
        ("1. First point. 2. Second", ["1. First point.", "2. Second"]),
        ("It ended in 1999. 2000 came.", ["It ended in 1999.", "2000 came."]),
        ("今天下雨。我们在家！真的吗？", ["今天下雨。", "我们在家！", "真的吗？"]),
        ("a heading\nand a line", ["a heading", "and a line"]),
        ("wait... what. no capital", ["wait... what. no capital"]),
        (" \n\t ", []),
    ],
)
def test_cuts_are_where_a_reader_would_make_them(text, expected):
    assert split_sentences(text) == expected


@pytest.mark.parametrize("line", ["." * 1_000_000, '?!"' * 300_000, "a. " * 300_000, ".)" * 300_000 + "x"])
def test_a_megabyte_of_marks_is_split_without_delay(line):
    start = time.process_time()
    assert "".join(split_sentences(line)).replace(" ", "") == line.replace(" ", "")
    assert time.process_time() - start < 5
