"""Shards: what was tokenized comes back, damage is found, finished work is not done twice."""

import struct
from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothways.errors import DataError
from bothways.text import encode
from bothways.text.corpus import Document
from bothways.text.indexed import Encoded, read_index, read_tokens, token_type, write_pair
from bothways.text.sentences import split_sentences
from bothways.text.shards import Shards, write_shards
from bothways.text.tokenizer import TokenizerSettings, train_tokenizer

TEXTS = [
    f"Document {number} begins. It is " + "long " * (number % 7) + ".\nAnd it ends." for number in range(40)
]
DOCUMENTS = [Document(text, "here") for text in TEXTS]


@pytest.fixture(scope="module", params=["wordpiece", "unigram", "bpe"])
def tokenizer(request):
    return train_tokenizer(TEXTS, TokenizerSettings(kind=request.param))


@pytest.fixture
def many_shards(monkeypatch):
    monkeypatch.setattr(encode, "SHARD_CHARACTERS", 300)
    monkeypatch.setattr(encode, "_TASK_CHARACTERS", 100)


def written(tokenizer, folder, documents=DOCUMENTS, **settings):
    write_shards(documents, tokenizer, folder, **settings)
    return Shards.open(folder)


def test_documents_and_sentences_come_back(tokenizer, tmp_path, many_shards):
    shards = written(tokenizer, tmp_path, workers=1)
    prefix = " " if tokenizer.token_to_id("Ġ") is not None else ""
    assert len(list(tmp_path.glob("*.bin"))) > 3
    assert shards.num_documents == len(TEXTS)
    for i, text in enumerate(TEXTS):
        expected = [tokenizer.encode(prefix + sentence).ids for sentence in split_sentences(text)]
        assert shards.document(i).tolist() == list(chain.from_iterable(expected))
        assert shards.document(i).dtype == np.uint16
        assert shards.sentence_lengths(i).tolist() == [len(ids) for ids in expected]
        assert shards.sentence_lengths(i).dtype == np.int64
        assert shards.document_lengths[i] == sum(map(len, expected))
    assert shards.document_lengths.dtype == np.int64
    assert shards.num_tokens == shards.document_lengths.sum()
    assert shards.num_sentences == sum(len(split_sentences(text)) for text in TEXTS)
    with pytest.raises(IndexError):
        shards.document(len(TEXTS))


def test_worker_processes_write_the_same_shards(tokenizer, tmp_path, many_shards, monkeypatch):
    monkeypatch.setattr(encode, "_SMALL_CHARACTERS", 0)
    alone = written(tokenizer, tmp_path / "alone", workers=1)
    together = written(tokenizer, tmp_path / "together", workers=2)
    assert alone.fingerprint == together.fingerprint


def test_text_that_looks_like_a_special_token_is_text(tokenizer, tmp_path):
    documents = [Document("A [MASK] and [SEP] or <mask> and <sep> here.", "here")]
    shards = written(tokenizer, tmp_path, documents)
    special = {tokenizer.token_to_id(name) for name in ("[MASK]", "[SEP]", "<mask>", "<sep>")} - {None}
    assert special.isdisjoint(shards.document(0).tolist())


def test_documents_without_a_token_are_left_out(tmp_path):
    tokenizer = train_tokenizer(TEXTS, TokenizerSettings(kind="wordpiece", lowercase=True))
    documents = [Document(text, "here") for text in ("\u0301", "One. \u0301\nTwo.", "\u200d")]
    shards = written(tokenizer, tmp_path, documents)
    assert shards.num_documents == 1
    assert len(shards.sentence_lengths(0)) == 2
    assert shards.sentence_lengths(0).min() > 0


def test_no_documents_are_an_empty_sequence(tokenizer, tmp_path):
    shards = written(tokenizer, tmp_path, [])
    assert (shards.num_documents, shards.num_sentences, shards.num_tokens) == (0, 0, 0)
    assert shards.document_lengths.tolist() == []


def test_finished_shards_are_not_tokenized_again(tokenizer, tmp_path, many_shards, monkeypatch):
    first = written(tokenizer, tmp_path, workers=1)
    heard: list[str] = []
    again = written(tokenizer, tmp_path, workers=1, say=heard.append)
    assert heard == []
    assert again.fingerprint == first.fingerprint
    (tmp_path / "shard-00001.bin").unlink()
    (tmp_path / "shard-00002.json").write_text("{")
    repaired = written(tokenizer, tmp_path, workers=1, say=heard.append)
    assert len(heard) == 2
    assert repaired.fingerprint == first.fingerprint


def test_an_interrupted_run_goes_on_where_it_stopped(tokenizer, tmp_path, many_shards):
    class StopError(Exception):
        pass

    def interrupted():
        yield from DOCUMENTS[:20]
        raise StopError

    with pytest.raises(StopError):
        write_shards(interrupted(), tokenizer, tmp_path, workers=1)
    with pytest.raises(DataError, match="no token shards"):
        Shards.open(tmp_path)
    finished = len(list(tmp_path.glob("*.bin")))
    heard: list[str] = []
    shards = written(tokenizer, tmp_path, workers=1, say=heard.append)
    assert finished > 0
    assert len(heard) == len(list(tmp_path.glob("*.bin"))) - finished
    assert shards.num_documents == len(TEXTS)


def test_a_shorter_text_leaves_no_stale_shards(tokenizer, tmp_path, many_shards):
    written(tokenizer, tmp_path, workers=1)
    shards = written(tokenizer, tmp_path, DOCUMENTS[:5], workers=1)
    assert shards.num_documents == 5
    stems = {path.stem for path in tmp_path.glob("shard-*")}
    assert stems == {note["name"] for note in shards.manifest["shards"]}


@pytest.mark.parametrize("name", ["shard-00001.bin", "shard-00001.idx", "manifest.json"])
def test_a_flipped_byte_is_found_and_named(tokenizer, tmp_path, many_shards, name):
    shards = written(tokenizer, tmp_path, workers=1)
    content = bytearray((tmp_path / name).read_bytes())
    place = content.index(b'"tokens": ') + 10 if name == "manifest.json" else len(content) // 2
    content[place] ^= 1
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=r"should be [0-9a-f]{64} but is [0-9a-f]{64}") as error:
        Shards.open(tmp_path)
    assert name in str(error.value)
    assert "\n" not in str(error.value)
    if name.endswith("bin"):
        assert Shards.open(tmp_path, verify=False).num_tokens == shards.num_tokens


@pytest.mark.parametrize("name", ["shard-00000.bin", "manifest.json"])
def test_a_missing_file_is_named(tokenizer, tmp_path, name):
    written(tokenizer, tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(DataError, match=name):
        Shards.open(tmp_path)


SENTENCES = st.lists(st.lists(st.integers(0, 60_000), min_size=1, max_size=5), min_size=1, max_size=4)


@given(st.lists(SENTENCES, max_size=6), st.sampled_from([60_001, 100_000]))
def test_the_indexed_layout_keeps_every_token(tmp_path_factory, documents, vocabulary_size):
    stem = tmp_path_factory.mktemp("pair") / "x"
    sentences = [sentence for document in documents for sentence in document]
    flat = [token for sentence in sentences for token in sentence]
    encoded = Encoded(
        np.array(flat, dtype=token_type(vocabulary_size)),
        np.array([len(sentence) for sentence in sentences], dtype=np.int32),
        np.array([len(document) for document in documents], dtype=np.int64),
    )
    write_pair(stem, encoded)
    index = read_index(stem.with_suffix(".idx"))
    tokens = read_tokens(stem.with_suffix(".bin"), index.dtype)
    starts = index.pointers // np.dtype(index.dtype).itemsize
    found = [tokens[s : s + n].tolist() for s, n in zip(starts, index.lengths, strict=True)]
    ends = zip(index.documents[:-1], index.documents[1:], strict=True)
    assert [found[first:last] for first, last in ends] == documents


def test_the_index_is_megatrons_byte_for_byte(tmp_path):
    write_pair(
        tmp_path / "x",
        Encoded(np.array([7, 8, 9], np.uint16), np.array([2, 1], np.int32), np.array([1, 1], np.int64)),
    )
    expected = b"MMIDIDX\0\0" + struct.pack("<QBQQ", 1, 8, 2, 3)
    expected += struct.pack("<2i", 2, 1) + struct.pack("<2q", 0, 4) + struct.pack("<3q", 0, 1, 2)
    assert (tmp_path / "x.idx").read_bytes() == expected
    assert (tmp_path / "x.bin").read_bytes() == struct.pack("<3H", 7, 8, 9)


@pytest.mark.parametrize("damage", [lambda c: c[:20], lambda c: b"X" + c[1:], lambda c: c[:-3]])
def test_an_index_of_another_kind_is_refused(tmp_path, damage):
    test_the_index_is_megatrons_byte_for_byte(tmp_path)
    path = tmp_path / "x.idx"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=r"x\.idx"):
        read_index(path)
