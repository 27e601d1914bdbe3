"""From dirty bytes to clean text in bounded memory: what is odd is repaired and counted, never fatal."""

import codecs
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from bothways.text.report import CorpusReport

CHUNK_BYTES = 2**20
"""How much of a file is read at a time."""

LINE_CHARACTERS = 1_000_000
"""A longer line is cut at a space, so that no sentence given to a tokenizer is longer than this."""

_SURROGATES = re.compile("[\ud800-\udfff]")


def clean(text: str, report: CorpusReport) -> str:
    """Remove NULs, make every line end a newline, replace what cannot be encoded as UTF-8; count each."""
    if "\0" in text:
        report.nul_characters += text.count("\0")
        text = text.replace("\0", "")
    if "\r" in text:
        report.carriage_returns += text.count("\r")
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.isascii():
        text, replaced = _SURROGATES.subn("\ufffd", text)
        report.invalid_bytes += replaced
    return text


def normalise(text: str, report: CorpusReport) -> str:
    """Return one document as it is tokenized: NFC, no line longer than `LINE_CHARACTERS`, no outer space."""
    text = unicodedata.normalize("NFC", text).strip()
    if len(text) <= LINE_CHARACTERS:
        return text
    return "\n".join(piece for line in text.split("\n") for piece in _cut_line(line, report))


def text_chunks(stream: BinaryIO, report: CorpusReport) -> Iterator[str]:
    """Decode a UTF-8 stream piece by piece, cleaned, without a byte order mark."""
    # An undecodable byte becomes a lone surrogate here, so that `clean` can count each one.
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    # The newline decoder keeps a carriage return at a chunk's end until the next chunk shows what follows.
    newlines = io.IncrementalNewlineDecoder(decoder, translate=False)
    is_start = True
    while True:
        data = stream.read(CHUNK_BYTES)
        text = newlines.decode(data, final=not data)
        if is_start and text:
            text, is_start = without_mark(text, report), False
        if text:
            yield clean(text, report)
        if not data:
            return


def without_mark(text: str, report: CorpusReport) -> str:
    """Remove a byte order mark from the start of a file's text."""
    if text.startswith("\ufeff"):
        report.byte_order_marks += 1
    return text.removeprefix("\ufeff")


def text_lines(chunks: Iterable[str], report: CorpusReport) -> Iterator[str]:
    """Yield lines without their ends; one longer than `LINE_CHARACTERS` comes in pieces."""
    pending = ""
    for chunk in chunks:
        *lines, pending = (pending + chunk).split("\n")
        for line in lines:
            yield from _cut_line(line, report)
        if len(pending) > LINE_CHARACTERS:
            *pieces, pending = _cut_line(pending, report)
            yield from pieces
    if pending:
        yield pending


def text_paragraphs(chunks: Iterable[str], report: CorpusReport) -> Iterator[str]:
    """Yield runs of lines between blank lines."""
    paragraph: list[str] = []
    size = 0
    for line in text_lines(chunks, report):
        if line.strip():
            paragraph.append(line)
            size += len(line)
        if paragraph and (not line.strip() or size > LINE_CHARACTERS):
            yield "\n".join(paragraph)
            paragraph, size = [], 0
    if paragraph:
        yield "\n".join(paragraph)


def text_documents(chunks: Iterable[str], characters: int, report: CorpusReport) -> Iterator[str]:
    """Yield the text in documents of about `characters`, cut at a paragraph's end, else a line's end."""
    pending = ""
    for chunk in chunks:
        pending += chunk
        start = 0
        while len(pending) - start > characters:
            end = _document_end(pending, start, characters)
            if end is None:
                break
            yield pending[start:end]
            if pending[end - 1] == "\n":
                report.long_documents_cut += 1
            else:
                report.long_lines_cut += 1
            start = end
        pending = pending[start:]
    if pending:
        yield pending


def _document_end(text: str, start: int, characters: int) -> int | None:
    """Where the document that begins at `start` may end; None: its line goes on beyond `text`."""
    for mark in ("\n\n", "\n"):
        end = text.rfind(mark, start + characters // 2, start + characters)
        if end >= 0:
            return end + len(mark)
    end = text.find("\n", start + characters)
    if end >= 0:
        return end + 1
    limit = max(characters, LINE_CHARACTERS)
    return _space_before(text, start, limit) if len(text) - start > limit else None


def _cut_line(line: str, report: CorpusReport) -> list[str]:
    """Cut a line at the last space of every `LINE_CHARACTERS`; where there is none, after them."""
    pieces = []
    start = 0
    while len(line) - start > LINE_CHARACTERS:
        end = _space_before(line, start, LINE_CHARACTERS)
        pieces.append(line[start:end])
        report.long_lines_cut += 1
        start = end
    pieces.append(line[start:])
    return pieces


def _space_before(text: str, start: int, characters: int) -> int:
    space = text.rfind(" ", start + 1, start + characters)
    return space + 1 if space >= 0 else start + characters
