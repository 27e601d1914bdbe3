"""Test examples that stand in the training text are found, whole or in most of their runs of words."""

import random

import pytest
from small_text import WORDS

from bothways.text.contamination import stand_in

LONG = "the quick river stone walks under a green house while seven cold windows wait"
CORPUS = ["Alpha beta gamma. Delta?", f"before {LONG} after", "a garden is warm"]


def test_a_planted_example_is_found_whatever_its_case_and_punctuation():
    assert stand_in(CORPUS, [LONG, LONG.upper().replace(" ", ", "), f"No! {LONG[4:]}"]) == [True, True, True]


def test_a_short_example_counts_where_it_stands_whole():
    examples = ["beta, gamma", "gamma beta", "A garden is warm.", "garden is cold", "after a garden"]
    assert stand_in(CORPUS, examples) == [True, False, True, False, False]


def test_half_of_an_example_is_not_enough():
    words = LONG.split()
    half = " ".join(words[:10])  # three runs of eight words
    others = " ".join(WORDS[:3])  # three more runs, which stand nowhere
    assert stand_in([half], [f"{half} {others}"]) == [False]
    assert stand_in([half], [f"{half} {WORDS[0]}"]) == [True]


def test_what_has_no_words_stands_nowhere():
    assert stand_in(CORPUS, ["", "?!"]) == [False, False]


@pytest.mark.parametrize("length", [1, 7, 8, 12])
def test_it_agrees_with_looking_for_every_run_everywhere(length):
    corpus = [" ".join(WORDS), " ".join(reversed(WORDS))]
    draw = random.Random(length)
    text = corpus[0].split() + corpus[1].split()
    begins = [draw.randrange(len(text) - length) for _ in range(100)]
    examples = [
        " ".join([*text[begin : begin + length], *draw.sample(WORDS, number % 4)])
        for number, begin in enumerate(begins)
    ]

    def runs(text, size):
        words = text.split()
        return [" ".join(words[start : start + size]) for start in range(max(1, len(words) - size + 1))]

    padded = [f" {text} " for text in corpus]
    expected = [
        2 * sum(any(f" {run} " in text for text in padded) for run in runs(example, 8))
        > len(runs(example, 8))
        for example in examples
    ]
    assert stand_in(corpus, examples) == expected
