"""The embedded corpus: enough English, the same every time, and only of what Bothways itself needs."""

import hashlib
import os
import re
import subprocess
import sys
from importlib import metadata

import pytest

from bothways.text import embedded, installed
from bothways.text.corpus import CorpusReport, DataSettings, read_documents
from bothways.text.heldout import split


@pytest.fixture(scope="session")
def documents():
    return list(embedded.documents())


@pytest.fixture(scope="session")
def text(documents):
    return "\n".join(document.text for document in documents)


def test_there_are_several_megabytes_and_one_document_a_module(documents, text):
    assert 4_000_000 < len(text) < 30_000_000
    names = [document.source for document in documents]
    assert len(set(names)) == len(names)
    assert {"argparse", "torch.nn.functional", "pydoc_data.topics:assignment"} <= set(names)


def test_it_reads_like_prose(text):
    lines = text.split("\n")
    words = text.split()
    assert 4.5 < sum(map(len, words)) / len(words) < 6.5
    assert sum(line.endswith((".", "!", "?", ":")) for line in lines) > 0.97 * len(lines)
    assert sum(line[0].isupper() for line in lines) > 0.9 * len(lines)
    assert sum(word in ("the", "of", "a", "is", "to") for word in words) > 0.15 * len(words)
    letters = sum(map(len, re.findall(r"[A-Za-z ]+", text)))
    assert letters > 0.94 * len(text)
    assert not re.search(r">>>|^\s*(?:def|class|import) \w+\(|:math:|:func:|https?:", text, re.MULTILINE)


def test_paragraphs_hardly_repeat_each_other(text):
    lines = text.split("\n")
    assert len(set(lines)) > 0.98 * len(lines)


def test_its_held_out_modules_are_some_tens_of_thousands_of_tokens(documents):
    held = [
        document.text for is_held, document in split(documents, embedded.HELD_OUT, by_source=True) if is_held
    ]
    # A token is at least a word or a mark.
    assert sum(len(re.findall(r"\w+|[^\w\s]", text)) for text in held) >= 20_000
    assert len(held) >= 20


def test_it_is_read_like_any_corpus(documents):
    report = CorpusReport()
    read = list(read_documents("embedded", DataSettings(train="embedded"), report))
    assert len(read) == report.documents
    assert len(documents) - 5 <= len(read) <= len(documents)
    assert report.files > len(documents)
    assert report.near_duplicates > 0


def test_the_fingerprint_is_the_same_in_another_process_with_other_hash_seeds(documents):
    # Whole, this would take twice as long: two modules, the topics and all of the near-duplicate logic are enough.
    program = (
        "import argparse, optparse\n"
        "from bothways.text import embedded, installed\n"
        "modules = [installed.Source(m.__name__, m.__file__) for m in (argparse, optparse)]\n"
        "embedded.sources = lambda: modules\n"
        "print(len(list(embedded.documents())), embedded.fingerprint())\n"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1
    assert int(found.pop().split()[0]) > 50


def test_the_fingerprint_is_of_every_name_and_text(documents):
    total = hashlib.sha256()
    for document in documents:
        total.update(f"{document.source}\0{document.text}\0".encode())
    assert embedded.fingerprint() == total.hexdigest()


def test_only_what_bothways_trains_with_counts(documents):
    names = {distribution.name.lower() for distribution in installed.dependencies()}
    assert {"torch", "numpy", "tokenizers", "pydantic", "typer"} <= names
    extras = {
        "transformers",
        "scipy",
        "pytest",
        "hypothesis",
        "ruff",
        "mypy",
        "import-linter",
        "bothways",
        "pip",
    }
    assert not extras & names
    modules = {document.source.partition(".")[0] for document in documents}
    assert not {"transformers", "scipy", "_pytest", "hypothesis", "mypy", "bothways", "pip"} & modules


def test_a_requirement_counts_unless_it_is_for_an_extra_or_another_platform(monkeypatch):
    required = {
        "one": ['four; sys_platform == "win32"', "Two[fast] >= 3; python_version >= '3.8'", "absent"],
        "two": ["one", "three; extra == 'dev'"],
    }

    class Distribution:
        def __init__(self, name):
            if name == "absent":
                raise metadata.PackageNotFoundError(name)
            self.name = name

    monkeypatch.setattr(installed, "CORE", ("one",))
    monkeypatch.setattr(installed.metadata, "requires", lambda name: required.get(name.lower()))
    monkeypatch.setattr(installed.metadata, "distribution", Distribution)
    assert [found.name.lower() for found in installed.dependencies()] == ["one", "two"]


def test_tests_and_bundled_packages_are_no_modules_of_ours():
    modules = [source.module for source in installed.sources()]
    assert modules == sorted(modules)
    assert "argparse" in modules
    folders = {folder for module in modules for folder in module.split(".")[:-1]}
    assert not folders & {"test", "tests", "_vendor", "site-packages", "idle_test"}


def test_the_key_changes_with_versions_and_with_the_code(monkeypatch):
    key = embedded.versions_key()
    assert any(line.startswith("python 3.") for line in key)
    assert any(re.fullmatch(r"torch \d.*", line) for line in key)
    assert key == embedded.versions_key()
    monkeypatch.setattr(embedded, "versions", lambda: ["python 3.99"])
    assert key != embedded.versions_key()
