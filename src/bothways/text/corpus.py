"""A user's text as a stream of clean documents, whatever files it comes in."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from pydantic import Field

from bothways.config import Settings
from bothways.errors import DataError
from bothways.text import cleaning
from bothways.text.duplicates import digest
from bothways.text.readers import files_under, kind_of, texts_of_file
from bothways.text.report import CorpusReport

__all__ = ["EMBEDDED", "CorpusReport", "DataSettings", "Document", "read_documents", "readable_files"]

EMBEDDED = "embedded"
"""The corpus that every machine has: see `text/embedded.py`."""

DOCUMENT_CHARACTERS = {"auto": 100_000, "file": 10_000_000}
"""A longer plain-text file is cut into documents of about this size, by `data.documents`."""


class DataSettings(Settings):
    """Where the text is and how it becomes documents."""

    train: str | None = None
    """Text to train on: a file, a folder, a folder that `bothways prepare` wrote, or "embedded"."""
    valid: str | None = None
    """Held-out text: a file or folder; absent, a share of `train` is held out."""
    documents: Literal["auto", "file", "line", "paragraph"] = "auto"
    """What one document is in a .txt file: the file, cut every 100,000 characters at a paragraph's end (auto),
    the file (cut only every 10 million), each line, or each paragraph (blank lines between)."""
    held_out: int = Field(default=100, ge=2)
    """Without `valid`, one document in this many, by hash of its content, is held out and never trained on."""
    text_field: str = "text"
    """The field of JSON rows and the column of Parquet files that holds the text."""
    shards: str | None = None
    """Folder for the tokenizer and token shards; absent: beside the run."""
    workers: int | None = Field(default=None, ge=1)
    """Processes that tokenize; absent: one for each processor this process may use."""


@dataclass(frozen=True)
class Document:
    """One text that belongs together; examples never mix two unless their format says so."""

    text: str
    source: str
    """The file (or, in the embedded corpus, the module) that it came from."""


def read_documents(
    path: str, settings: DataSettings, report: CorpusReport, seen: set[bytes] | None = None
) -> Iterator[Document]:
    """Yield the documents of a file, a folder or the embedded corpus, clean and without exact duplicates.

    Memory is bounded by the longest row and 16 bytes' digest (about 100 bytes in Python) a document.
    `seen` holds digests of texts to be dropped as duplicates; those that are yielded are added to it.
    Raises `DataError` if `path` does not exist or holds no file of a known kind.
    """
    seen = set() if seen is None else seen
    for raw in _raw_documents(path, settings, report):
        text = cleaning.normalise(raw.text, report)
        if not text:
            report.empty_documents += 1
            continue
        identity = digest(text)
        if identity in seen:
            report.duplicates += 1
            continue
        seen.add(identity)
        report.documents += 1
        report.characters += len(text)
        yield Document(text, raw.source)


def readable_files(path: str, report: CorpusReport | None = None) -> list[Path]:
    """Return the files of a known kind at `path`, sorted; others are named in the report.

    A file that is named itself, of unknown kind, is read as plain text. Raises `DataError` if there is none.
    """
    place = Path(path).expanduser()
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise DataError(
            f"no text at {path}: there is no such file or folder; give data.train an existing one"
        )
    found = list(files_under(place))
    known = [file for file in found if kind_of(file) is not None]
    if report is not None:
        report.unknown_files += [str(file) for file in found if kind_of(file) is None]
    if not known:
        what = f"none of its {len(found):,} files is" if found else "it is empty, there must be files of kind"
        raise DataError(f"no text in {path}: {what} .txt .jsonl .json or .parquet (also .gz .zst); add one")
    return known


def _raw_documents(path: str, settings: DataSettings, report: CorpusReport) -> Iterator[Document]:
    if path == EMBEDDED:
        # Imported here because the embedded corpus is made of Documents.
        from bothways.text import embedded

        yield from embedded.documents(report)
        return
    read_plain = _plain_reader(settings, report)
    for file in readable_files(path, report):
        for text in texts_of_file(file, settings.text_field, read_plain, report):
            yield Document(text, str(file))


def _plain_reader(settings: DataSettings, report: CorpusReport) -> Callable[[Iterator[str]], Iterator[str]]:
    if settings.documents == "line":
        return partial(cleaning.text_lines, report=report)
    if settings.documents == "paragraph":
        return partial(cleaning.text_paragraphs, report=report)
    characters = DOCUMENT_CHARACTERS[settings.documents]
    return partial(cleaning.text_documents, characters=characters, report=report)
