"""Cleaning: repaired and counted, whatever the chunks, and no text lost."""

import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothways.text import cleaning
from bothways.text.report import CorpusReport


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(cleaning, "LINE_CHARACTERS", 10)
    monkeypatch.setattr(cleaning, "CHUNK_BYTES", 7)


def decoded(content: bytes) -> tuple[str, CorpusReport]:
    report = CorpusReport()
    return "".join(cleaning.text_chunks(io.BytesIO(content), report)), report


def test_every_kind_of_dirt_is_repaired_and_counted(small):
    text, report = decoded(b"\xef\xbb\xbfone\r\ntwo\rthree\0 caf\xe9 \xc3\xa9\xff\xfe end\r\n")
    assert text == "one\ntwo\nthree caf� é�� end\n"
    assert report.byte_order_marks == 1
    assert report.carriage_returns == 3
    assert report.nul_characters == 1
    assert report.invalid_bytes == 3


@given(st.binary(max_size=60), st.integers(1, 9))
def test_the_size_of_chunks_does_not_matter(content, size):
    whole, counted = decoded(content)
    original = cleaning.CHUNK_BYTES
    try:
        cleaning.CHUNK_BYTES = size
        assert decoded(content) == (whole, counted)
    finally:
        cleaning.CHUNK_BYTES = original


@given(st.text())
def test_clean_utf8_passes_unchanged_but_for_line_ends_and_nul(text):
    text = text.removeprefix("\ufeff")
    expected = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    if not text.startswith("\ufeff"):
        assert decoded(text.encode())[0] == expected


CHUNKS = st.lists(st.text(st.sampled_from("ab \n"), max_size=25), max_size=8)


@given(CHUNKS, st.integers(3, 12))
def test_documents_of_a_long_file_joined_are_the_file(chunks, characters):
    documents = list(cleaning.text_documents(chunks, characters, CorpusReport()))
    assert "".join(documents) == "".join(chunks)
    assert all(documents)


def test_long_files_are_cut_at_paragraph_ends_if_there_are_any():
    report = CorpusReport()
    text = "one two\nthree\n\nfour five\nsix\n"
    assert list(cleaning.text_documents([text], 20, report)) == ["one two\nthree\n\n", "four five\nsix\n"]
    assert report.long_documents_cut == 1


@given(CHUNKS)
def test_lines_joined_are_the_text_and_none_is_too_long(chunks):
    original = cleaning.LINE_CHARACTERS
    try:
        cleaning.LINE_CHARACTERS = 10
        report = CorpusReport()
        lines = list(cleaning.text_lines(chunks, report))
        normal = cleaning.normalise("".join(chunks), CorpusReport())
    finally:
        cleaning.LINE_CHARACTERS = original
    text = "".join(chunks)
    assert "".join(lines) == text.replace("\n", "")
    assert all(len(line) <= 10 for line in lines)
    assert "".join(normal.split()) == "".join(text.split())
    assert all(len(line) <= 10 for line in normal.split("\n"))
    is_long = any(len(line) > 10 for line in text.split("\n"))
    assert (report.long_lines_cut > 0) == is_long


def test_a_long_line_is_cut_at_a_space_where_there_is_one(small):
    report = CorpusReport()
    assert cleaning.normalise("aaa bbb ccc ddd", report) == "aaa bbb \nccc ddd"
    assert cleaning.normalise("x" * 25, report) == "x" * 10 + "\n" + "x" * 10 + "\n" + "x" * 5
    assert report.long_lines_cut == 3


def test_paragraphs_end_at_blank_lines():
    chunks = ["one\ntwo\n", "\n \n\nthree\n", "four"]
    assert list(cleaning.text_paragraphs(chunks, CorpusReport())) == ["one\ntwo", "three\nfour"]


@given(st.text(max_size=50))
def test_normalised_text_is_nfc_and_stripped(text):
    normal = cleaning.normalise(text, CorpusReport())
    assert unicodedata.is_normalized("NFC", normal)
    assert normal == normal.strip()
