"""From a user's text to a tokenizer and token shards, in one folder that says what it was made from.

    FOLDER/tokenizer.json      learned from the training documents, or somebody else's
    FOLDER/learned.json        what the tokenizer was learned from
    FOLDER/train/ valid/       token shards (`shards.py`)
    FOLDER/manifest.json       what all of it was made from and what was met on the way; written last

Calling it again with the same text and settings opens the folder and returns; after an interruption it goes on with
the first shard that is missing. Held-out documents are never trained on, not even by the tokenizer.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from bothways import files
from bothways.errors import DataError, UsageError
from bothways.text import embedded, heldout
from bothways.text.corpus import (
    EMBEDDED,
    CorpusReport,
    DataSettings,
    Document,
    read_documents,
    readable_files,
)
from bothways.text.encode import sealed
from bothways.text.learn import TokenizerSettings, train_tokenizer
from bothways.text.shards import MANIFEST, Shards, ShardWriter, read_manifest
from bothways.text.tokenizer import load_tokenizer, vocabulary_of
from bothways.text.turns import turn_at
from bothways.vocabulary import Vocabulary

KIND = "bothways prepared text"
VERSION = 1
"""Raised where the same text and settings would give other tokens: older folders are then made anew."""
TOKENIZER = "tokenizer.json"
LEARNED = "learned.json"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Prepared:
    """Text that is ready to train on."""

    tokenizer: Tokenizer
    vocabulary: Vocabulary
    train: Shards
    valid: Shards
    folder: Path
    notes: list[str] = field(default_factory=list)
    """What was met while reading, as sentences; they were said when the text was read."""

    def lines(self) -> list[str]:
        """Say what there is, for a person."""
        return [
            f"vocabulary  {self.vocabulary.size:,} tokens",
            f"train       {self.train.num_tokens:,} tokens in {self.train.num_documents:,} documents",
            f"held out    {self.valid.num_tokens:,} tokens in {self.valid.num_documents:,} documents",
            f"written to  {self.folder}",
        ]


def prepare(data: DataSettings, tokenizer: TokenizerSettings, folder: Path, say: Say) -> Prepared:
    """Make, finish or open the prepared text in `folder`.

    `data.train` may itself be a folder that was prepared before; it is then used as it is. Where another process is at
    work in `folder`, waits until it has finished. Raises `DataError` where the text, the tokenizer or the shards cannot
    be used.
    """
    if data.train is None:
        raise DataError("no text: data.train is not set; give a file, a folder, or embedded")
    place = Path(data.train).expanduser()
    # A folder of which the manifest was lost or damaged is named, not read as if it were text.
    if is_prepared(place) or (place / LEARNED).is_file():
        return _opened(place)
    _refuse_inside(folder, [data.train, data.valid])
    made_from = _made_from(data, tokenizer)
    if not _is_finished(folder, made_from):
        with turn_at(folder, say):
            # Whoever held the folder before may have made the very same.
            if not _is_finished(folder, made_from):
                say(f"preparing {data.train} in {folder}")
                _build(data, tokenizer, made_from, folder, say)
    return _opened(folder)


def _is_finished(folder: Path, made_from: dict[str, Any]) -> bool:
    return is_prepared(folder) and _is_made_from(read_manifest(folder)["made_from"], made_from)


def _build(
    data: DataSettings, tokenizer: TokenizerSettings, made_from: dict[str, Any], folder: Path, say: Say
) -> None:
    # From here on the folder is unfinished, also where an earlier text was.
    (folder / MANIFEST).unlink(missing_ok=True)
    learned = _tokenizer(data, tokenizer, made_from, folder, say)
    report = CorpusReport()
    for part in _write_shards(data, learned, folder, report, say):
        _refuse_empty(folder, part, data)
    notes = [*report.lines(), *_overlap(data)]
    manifest = {
        "kind": KIND,
        "version": VERSION,
        "made_from": made_from,
        "report": report.as_json(),
        "notes": notes,
        "sha256": {
            name: files.sha256(folder / name)
            for name in (TOKENIZER, f"train/{MANIFEST}", f"valid/{MANIFEST}")
        },
    }
    files.write_json(folder / MANIFEST, sealed(manifest))
    for line in notes:
        say(line)


def is_prepared(folder: Path) -> bool:
    """Say whether `folder` holds text that `prepare` finished; other folders may hold a manifest of their own."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(manifest, dict) and manifest.get("kind") == KIND


def texts_of(data: DataSettings, *, held_out: bool) -> Iterator[str]:
    """Yield the documents of the training part, or of the held-out one, as text.

    Raises `DataError` where the text was prepared elsewhere, so that only its tokens are at hand.
    """
    if data.train is None or is_prepared(Path(data.train).expanduser()):
        raise DataError(
            f"{data.train} holds tokens alone, and the text itself is needed here; give what it was prepared from"
        )
    yield from (
        document.text for is_held_out, document in _documents(data, CorpusReport()) if is_held_out == held_out
    )


def _refuse_inside(folder: Path, texts: list[str | None]) -> None:
    """Refuse to write among the text: what is written would be read as text the next time."""
    for text in texts:
        if text not in (None, EMBEDDED) and folder.resolve().is_relative_to(
            Path(text).expanduser().resolve()
        ):
            raise UsageError(
                f"cannot write to {folder}: it is inside the text folder {text} and would be read as text; "
                "choose another folder with --out, or give the text a folder of its own"
            )


def _opened(folder: Path) -> Prepared:
    """Open a finished folder, every checksum compared."""
    manifest = read_manifest(folder)
    for name, expected in manifest["sha256"].items():
        path = folder / name
        actual = files.sha256(path) if path.is_file() else "nothing: it is missing"
        if actual != expected:
            raise DataError(
                f"{path} is damaged: its sha256 should be {expected} but is {actual}; "
                f"delete {folder} and prepare the text again"
            )
    tokenizer = load_tokenizer(folder / TOKENIZER)
    train, valid = (Shards.open(folder / part) for part in ("train", "valid"))
    return Prepared(tokenizer, vocabulary_of(tokenizer), train, valid, folder, manifest["notes"])


def _made_from(data: DataSettings, tokenizer: TokenizerSettings) -> dict[str, Any]:
    """Return all that the prepared text depends on, as JSON: settings, and each file's size and time."""
    settings = data.model_dump(mode="json", exclude={"shards", "workers"})
    sources = {name: _source(path) for name, path in (("train", data.train), ("valid", data.valid)) if path}
    borrowed = None if tokenizer.path is None else _borrowed(Path(tokenizer.path).expanduser())
    made_from = {"version": VERSION, "data": settings, "tokenizer": tokenizer.model_dump(mode="json")}
    as_read: dict[str, Any] = json.loads(json.dumps(made_from | {"sources": sources, "borrowed": borrowed}))
    return as_read


def _is_made_from(before: dict[str, Any], now: dict[str, Any]) -> bool:
    """Compare two records of `_made_from`; a borrowed tokenizer that is gone by now was copied, and may be."""
    if now["borrowed"] == []:
        now = now | {"borrowed": before.get("borrowed")}
    return _decisive(before) == _decisive(now)


def _decisive(made_from: dict[str, Any]) -> dict[str, Any]:
    """Leave out the published vocabulary where a number is asked for: it bounds "auto" alone."""
    tokenizer = dict(made_from["tokenizer"])
    if tokenizer["vocabulary"] != "auto":
        tokenizer.pop("published_vocabulary", None)
    return made_from | {"tokenizer": tokenizer}


def _source(path: str) -> Any:
    if path == EMBEDDED:
        return embedded.versions_key()
    return [_stamp(file) for file in readable_files(path)]


def _borrowed(path: Path) -> list[list[str | int]]:
    """Return the files that an existing tokenizer is read from; the rest of a model's folder does not matter."""
    names = ("tokenizer.json", "vocab.txt", "tokenizer_config.json")
    found = [path] if path.is_file() else [path / name for name in names]
    return [_stamp(file) for file in found if file.is_file()]


def _stamp(file: Path) -> list[str | int]:
    try:
        known = file.stat()
    except OSError:  # a link to nowhere, say; the readers report it
        return [str(file)]
    return [str(file), known.st_size, known.st_mtime_ns]


def _documents(data: DataSettings, report: CorpusReport) -> Iterator[tuple[bool, Document]]:
    """Yield every document with whether it is held out; none that is held out is also trained on."""
    assert data.train is not None
    seen: set[bytes] = set()
    if data.valid is not None:
        yield from ((True, document) for document in read_documents(data.valid, data, report, seen))
        yield from ((False, document) for document in read_documents(data.train, data, report, seen))
        return
    is_embedded = data.train == EMBEDDED
    one_in = min(data.held_out, embedded.HELD_OUT) if is_embedded else data.held_out
    yield from heldout.split(read_documents(data.train, data, report, seen), one_in, by_source=is_embedded)


def _tokenizer(
    data: DataSettings, settings: TokenizerSettings, made_from: dict[str, Any], folder: Path, say: Say
) -> Tokenizer:
    """Return the tokenizer, found finished in the folder, borrowed, or learned now."""
    path = folder / TOKENIZER
    try:
        if _is_made_from(json.loads((folder / LEARNED).read_text(encoding="utf-8")), made_from):
            return load_tokenizer(path)
    except (OSError, ValueError):
        pass
    if settings.path is not None:
        tokenizer = load_tokenizer(Path(settings.path).expanduser())
    else:
        say(f"learning a {settings.kind} vocabulary")
        texts = (document.text for held_out, document in _documents(data, CorpusReport()) if not held_out)
        tokenizer = train_tokenizer(texts, settings)
        say(_size_reason(tokenizer.get_vocab_size(), settings))
    files.write_text(path, tokenizer.to_str(pretty=True))
    files.write_json(folder / LEARNED, made_from)
    # Read back, so that the shards carry the same tokenizer's mark after an interruption.
    return load_tokenizer(path)


def _size_reason(size: int, settings: TokenizerSettings) -> str:
    if settings.vocabulary != "auto" or size >= settings.published_vocabulary:
        return f"vocabulary of {size:,} tokens"
    return (
        f"vocabulary of {size:,} tokens: as many as there are words seen 10 times, fewer than the published "
        f"{settings.published_vocabulary:,}"
    )


def _write_shards(
    data: DataSettings, tokenizer: Tokenizer, folder: Path, report: CorpusReport, say: Say
) -> list[str]:
    """Write both parts in one pass over the text; return their names."""
    names = ["train", "valid"]
    train, valid = (ShardWriter(folder / name, tokenizer, workers=data.workers, say=say) for name in names)
    with train, valid:
        for held_out, document in _documents(data, report):
            (valid if held_out else train).add(document)
        train.finish()
        valid.finish()
    return names


def _refuse_empty(folder: Path, part: str, data: DataSettings) -> None:
    if Shards.open(folder / part, verify=False).num_tokens:
        return
    where = data.valid if part == "valid" and data.valid else data.train
    raise DataError(
        f"no {'held-out' if part == 'valid' else 'training'} text is left of {where}: every document is empty, "
        "a duplicate, or held out; add text"
    )


def _overlap(data: DataSettings) -> list[str]:
    """Measure how much of the embedded corpus's held-out text stands in its training text too."""
    if data.train != EMBEDDED or data.valid is not None:
        return []
    parts: dict[bool, list[str]] = {True: [], False: []}
    for held_out, document in _documents(data, CorpusReport()):
        parts[held_out].append(document.text)
    return [
        f"{heldout.overlap(parts[False], parts[True]):.1%} of the held-out 8-grams occur in the training text"
    ]
