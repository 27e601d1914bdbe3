"""English prose that every machine already has: the documentation of Python and of our dependencies.

It serves the demonstration and the tests: several megabytes, no download, the same on every installation of
the same versions. A document is a module or a topic of the Python language reference. Paragraphs with more
than half of their word 8-grams seen before are dropped, since documentation repeats itself.
"""

import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from bothways.text.corpus import CorpusReport, Document
from bothways.text.docstrings import prose_of_files
from bothways.text.duplicates import NearDuplicates
from bothways.text.installed import sources, versions
from bothways.text.prose import paragraphs
from bothways.text.workers import Workers, default_count

HELD_OUT = 50
"""At least one module in this many is held out, so that there are tens of thousands of held-out tokens."""

_LEAST_WORDS = 30
"""A shorter document is dropped."""

_FILES_PER_TASK = 64
_MOST_WORKERS = 8


def documents(report: CorpusReport | None = None) -> Iterator[Document]:
    """Yield one document a module, sorted by name, then one a topic of `pydoc`; counts go to `report`.

    The first call in a process takes some seconds, later ones none.
    """
    found, num_files, num_repeated = _built()
    if report is not None:
        report.files += num_files
        report.near_duplicates += num_repeated
    yield from found


def fingerprint() -> str:
    """Return the SHA-256 over every document's name and text."""
    total = hashlib.sha256()
    for document in documents():
        total.update(f"{document.source}\0{document.text}\0".encode())
    return total.hexdigest()


def versions_key() -> list[str]:
    """Return what the corpus is made from: versions, and a digest of the code that extracts it (instant)."""
    code = hashlib.sha256()
    for name in ("embedded", "docstrings", "duplicates", "installed", "prose", "sentences"):
        code.update(Path(__file__).with_name(f"{name}.py").read_bytes())
    return [*versions(), f"extraction {code.hexdigest()}"]


@cache
def _built() -> tuple[tuple[Document, ...], int, int]:
    """Return the documents, the number of files they are from and of paragraphs dropped as repeated."""
    known = NearDuplicates()
    found = []
    num_files = num_repeated = 0
    for source, written in _written():
        num_files += 1
        fresh = [paragraph for paragraph in written if known.is_new(paragraph)]
        num_repeated += len(written) - len(fresh)
        text = "\n".join(fresh)
        if len(text.split()) >= _LEAST_WORDS:
            found.append(Document(text, source))
    return tuple(found), num_files, num_repeated


def _written() -> Iterator[tuple[str, list[str]]]:
    """Yield each module's or topic's name with its paragraphs of prose."""
    modules = sources()
    paths = [str(module.path) for module in modules]
    tasks = [paths[start : start + _FILES_PER_TASK] for start in range(0, len(paths), _FILES_PER_TASK)]
    with Workers(min(default_count(), _MOST_WORKERS)) as workers:
        extracted = (written for part in workers.ordered(prose_of_files, tasks) for written in part)
        yield from zip((module.module for module in modules), extracted, strict=True)
    # A module of data, without documentation strings: the language reference as `help()` shows it.
    from pydoc_data.topics import topics

    for name in sorted(topics):
        yield f"pydoc_data.topics:{name}", paragraphs(topics[name])
