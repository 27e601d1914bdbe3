"""A passage's tokens keep their characters, whatever the tokenizer."""

import dataclasses
from functools import cache

import numpy as np
import pytest
from small_tasks import make_model, make_reader

from bothways.records.types import Answer
from bothways.tasks.passages import best_span, cut_out, lay_out_passage, read_passage, tokens_of
from bothways.tasks.regress import RegressSettings
from bothways.text.tokenizer import TokenizerSettings, train_tokenizer, vocabulary_of

PASSAGE = "The  quick fox (of Zürich) paid…\n3½ francs in 1895–1943 ,\u00a0 and 我们在北京 too ."
ANSWERS = ["The", "quick fox", "(of Zürich)", "Zürich", "francs in 1895", "我们在北京", "too ."]
KINDS = ("wordpiece", "unigram", "bpe", "word")


@cache
def reader(kind):
    tokenizer = train_tokenizer([PASSAGE] * 20, TokenizerSettings(kind=kind))
    model = make_reader(make_model("bert", RegressSettings()))
    return dataclasses.replace(model, tokenizer=tokenizer, vocabulary=vocabulary_of(tokenizer))


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_is_cut_out_again_or_with_the_rest_of_its_first_and_last_token(kind, answer):
    passage = read_passage(PASSAGE, reader(kind))
    start = PASSAGE.index(answer)
    first, last = tokens_of(Answer(answer, start), passage)
    text, begin = cut_out(PASSAGE, passage, first, last)
    assert PASSAGE[begin : begin + len(text)] == text == text.strip()
    assert begin <= start
    assert begin + len(text) >= start + len(answer)
    inside = [passage.stops[first] > start, passage.starts[last] < start + len(answer)]
    assert all(inside)
    if kind == "wordpiece":
        assert (text, begin) == (answer, start)


def test_answers_do_not_begin_or_end_at_white_space():
    """Byte-level pieces may stand for nothing else; here those have the best scores."""
    passage = read_passage(PASSAGE, reader("bpe"))
    blanks = [number for number, is_text in enumerate(passage.is_text) if not is_text]
    assert blanks
    ((row, stretch),) = lay_out_passage([5], passage, dataclasses.replace(reader("bpe"), length=400), None)
    logits = np.zeros((len(row), 2))
    logits[np.array(blanks) + stretch.first_slot] = 9.0
    assert best_span(PASSAGE, logits, stretch, longest=5).score == 0.0


def test_a_passage_that_becomes_nothing_is_one_unknown_token():
    nothing = "\u200d\ufeff"
    assert not reader("wordpiece").encode(nothing).ids
    passage = read_passage(nothing, reader("wordpiece"))
    assert passage.tokens.tolist() == [reader("wordpiece").vocabulary.unk]
    assert passage.stops.tolist() == [2]
