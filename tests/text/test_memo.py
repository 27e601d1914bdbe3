"""Words that are looked up give the tokens that the tokenizer gives, sentence by sentence."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

from bothways.text import encode, memo
from bothways.text.corpus import Document
from bothways.text.memo import Scheme, WordMemo, cuts_at_spaces
from bothways.text.shards import write_shards
from bothways.text.tokenizer import TokenizerSettings, is_byte_level, train_tokenizer, vocabulary_of

TEXTS = [
    f"The naïve café number {n}, isn't it? It's a “long” day; ｆｕｌｌ width, 今天 {n * n}."
    for n in range(50)
]
KINDS = [(kind, lowercase) for kind in ("wordpiece", "unigram", "bpe", "word") for lowercase in (False, True)]
TOKENIZERS = {
    (kind, lowercase): train_tokenizer(TEXTS, TokenizerSettings(kind=kind, lowercase=lowercase))
    for kind, lowercase in KINDS
}
ODD = "ab'sZé\u0301\u0308 ..,!-▁Ġ#今Σς\t\u00a0\u00ad\u200d\u2009\x1c\x85ﬁ¨\ufc5e\u1100\u1161[MASK]<sep>09½"
SENTENCES = st.lists(
    st.one_of(st.text(st.sampled_from(ODD), max_size=24), st.text(max_size=12), st.sampled_from(TEXTS)),
    max_size=6,
).map(lambda found: [text.strip() for text in found if text.strip()])


def scheme_of(tokenizer: Tokenizer) -> Scheme:
    prefix = " " if is_byte_level(tokenizer) else ""
    return Scheme(tokenizer.to_str(), vocabulary_of(tokenizer).size, prefix, cuts_at_spaces(tokenizer))


def expected(tokenizer: Tokenizer, sentences: list[str]) -> list[list[int]]:
    plain = Tokenizer.from_str(tokenizer.to_str())
    plain.encode_special_tokens = True
    prefix = " " if is_byte_level(tokenizer) else ""
    return [plain.encode(prefix + sentence, add_special_tokens=False).ids for sentence in sentences]


def found(words: WordMemo, sentences: list[str]) -> list[list[int]]:
    tokens, lengths = words.encode(sentences)
    assert (tokens.dtype, lengths.dtype) == (np.uint16, np.int32)
    return [part.tolist() for part in np.split(tokens, np.cumsum(lengths))[:-1]]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_looked_up_tokens_are_the_tokenizers(kind):
    tokenizer = TOKENIZERS[kind]
    assert cuts_at_spaces(tokenizer)
    words = WordMemo(scheme_of(tokenizer))

    @given(SENTENCES)
    def holds(sentences):
        assert found(words, sentences) == expected(tokenizer, sentences)
        assert found(words, sentences) == expected(tokenizer, sentences)

    holds()


def test_long_words_are_tokenized_in_another_way_to_the_same_end():
    tokenizer = TOKENIZERS["wordpiece", True]
    words = WordMemo(scheme_of(tokenizer))
    sentences = ["今天" * 30, "number" * 10, "\u0301" * 40]
    assert found(words, sentences) == expected(tokenizer, sentences)


def altered(change) -> Tokenizer:
    tokenizer = Tokenizer.from_str(TOKENIZERS["bpe", False].to_str())
    change(tokenizer)
    return tokenizer


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.add_tokens(["a day"]),
        lambda t: t.add_tokens([AddedToken("day", lstrip=True)]),
        lambda t: setattr(t, "model", models.BPE(dropout=0.1)),
        lambda t: setattr(t, "normalizer", normalizers.NFKC()),
        lambda t: setattr(t, "normalizer", normalizers.Replace(" ", "_")),
        lambda t: setattr(t, "normalizer", normalizers.Sequence([normalizers.NFC(), normalizers.Nmt()])),
        lambda t: setattr(t, "pre_tokenizer", pre_tokenizers.ByteLevel(use_regex=False)),
        lambda t: setattr(t, "pre_tokenizer", pre_tokenizers.Metaspace(split=False)),
        lambda t: setattr(t, "pre_tokenizer", None),
    ],
)
def test_a_tokenizer_that_may_look_beyond_a_space_is_given_whole_sentences(change):
    assert not cuts_at_spaces(altered(change))


def test_whole_sentences_are_exact_whatever_the_tokenizer():
    tokenizer = altered(lambda t: t.add_tokens(["long day"]))
    sentences = ["It's a long day today", "a long  day"]
    assert found(WordMemo(scheme_of(tokenizer)), sentences) == expected(tokenizer, sentences)


def test_berts_and_robertas_tokenizers_cut_at_spaces():
    assert cuts_at_spaces(altered(lambda t: setattr(t, "normalizer", normalizers.NFC())))
    assert cuts_at_spaces(
        altered(lambda t: setattr(t, "pre_tokenizer", pre_tokenizers.ByteLevel(add_prefix_space=False)))
    )


@pytest.mark.parametrize("limit", ["_MOST_WORDS", "_MOST_CHARACTERS"])
def test_too_many_words_are_forgotten(monkeypatch, limit):
    monkeypatch.setattr(memo, limit, 100)
    tokenizer = TOKENIZERS["unigram", False]
    words = WordMemo(scheme_of(tokenizer))
    for start in range(0, 4000, 20):
        sentences = [f"number{n} is new" for n in range(start, start + 20)]
        assert found(words, sentences) == expected(tokenizer, sentences)
        assert len(words._numbers) <= 200
        assert len(words._starts) == len(words._numbers) + 1


def test_no_sentences_have_no_tokens():
    assert found(WordMemo(scheme_of(TOKENIZERS["bpe", True])), []) == []


def test_memory_does_not_grow_with_the_text(tmp_path, monkeypatch):
    monkeypatch.setattr(encode, "SHARD_CHARACTERS", 40_000)
    monkeypatch.setattr(encode, "_TASK_CHARACTERS", 5_000)
    monkeypatch.setattr(memo, "_MOST_WORDS", 1_000)

    def peak(num_documents: int) -> int:
        # Every document has words of its own, so that a memory of all words would show.
        texts = (" ".join(f"w{n}x{word}." for word in range(100)) for n in range(num_documents))
        documents = (Document(text, "here") for text in texts)
        tracemalloc.start()
        write_shards(documents, TOKENIZERS["wordpiece", False], tmp_path / str(num_documents), workers=1)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(20)
    assert peak(2_000) < 1.3 * peak(400)
