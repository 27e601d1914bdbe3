"""Words become the tokens that they are in running text, whatever the tokenizer; none is ever lost."""

import dataclasses
from functools import cache

import pytest
from small_tasks import make_model, make_reader
from tokenizers import Tokenizer, pre_tokenizers

from bothways.tasks.regress import RegressSettings
from bothways.tasks.words import word_tokens
from bothways.text.tokenizer import TokenizerSettings, train_tokenizer, vocabulary_of

KINDS = ("wordpiece", "unigram", "bpe", "word")
LINES = [
    "The quick fox doesn't jump over Zürich .",
    "我们 在 北京 的 中国 银行 工作",
    "人 中 国 我 的 在",
] * 20
SENTENCE = ["The", "quick", "fox", "doesn't", "jump", "over", "Zürich", "."]
NOTHING = "\u200d\ufeff"


@cache
def reader(kind):
    model = make_model("bert", RegressSettings())
    tokenizer = train_tokenizer(LINES, TokenizerSettings(kind=kind))
    vocabulary = vocabulary_of(tokenizer)
    return dataclasses.replace(make_reader(model), tokenizer=tokenizer, vocabulary=vocabulary)


@pytest.mark.parametrize("kind", KINDS)
def test_they_are_those_of_the_sentence_with_spaces_between_its_words(kind):
    tokens = [token for word in word_tokens(SENTENCE, reader(kind)) for token in word]
    assert tokens == reader(kind).encode(" ".join(SENTENCE)).ids


def test_a_tokenizer_that_gives_no_space_of_its_own_is_given_one():
    """RoBERTa's and GPT-2's released ones do not put a space before a text."""
    published = Tokenizer.from_str(reader("bpe").tokenizer.to_str())
    published.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bare = dataclasses.replace(reader("bpe"), tokenizer=published)
    assert word_tokens(SENTENCE, bare) == word_tokens(SENTENCE, reader("bpe"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_word_that_becomes_nothing_is_the_unknown_token(kind):
    words = ["The", NOTHING, "fox"]
    tokens = word_tokens(words, reader(kind))
    assert all(tokens)
    if not reader(kind).encode(NOTHING).ids:
        assert tokens[1] == [reader(kind).vocabulary.unk]


def test_that_case_does_occur():
    assert not reader("wordpiece").encode(NOTHING).ids


def test_chinese_characters_have_no_space_between_them():
    alone = reader("unigram").encode("京").ids
    assert alone[0] == reader("unigram").tokenizer.token_to_id("▁")
    assert word_tokens(["北", "京"], reader("unigram"))[1] == alone[1:]
    assert word_tokens(["fox", "京"], reader("unigram"))[1] == alone


def test_bert_has_none_anyway():
    assert word_tokens(["北", "京"], reader("wordpiece"))[1] == reader("wordpiece").encode("京").ids
