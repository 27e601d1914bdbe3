"""From documents to token shards: in parallel, atomic, and continued where an earlier run stopped.

The stream of documents is cut into shards by size. Each finished shard has a note beside it with a digest of
its text; a later run compares digests and only tokenizes what changed. Tokenizing is given to worker
processes in small tasks; this process reads, compares and writes.
"""

import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from bothways import files
from bothways.text.corpus import Document
from bothways.text.indexed import Encoded, token_type, write_pair
from bothways.text.sentences import split_sentences
from bothways.text.tokenizer import is_byte_level, vocabulary_of
from bothways.text.workers import Workers, default_count

SHARD_CHARACTERS = 16_000_000
_TASK_CHARACTERS = 500_000
"""Text for one worker at a time."""
_SMALL_CHARACTERS = 2_000_000
"""Less text than this is tokenized in this process: starting workers would take longer."""
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class ShardNote:
    """What is known of one finished shard."""

    name: str
    text: str
    """Digest of the documents and the tokenizer that it was made from."""
    documents: int
    sentences: int
    tokens: int
    sha256: dict[str, str]
    """SHA-256 of `name`.bin and `name`.idx, by extension."""


def write_shards(
    documents: Iterable[Document],
    tokenizer: Tokenizer,
    folder: Path,
    *,
    workers: int | None = None,
    say: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Tokenize documents into `folder` and return its manifest; `say` hears of every shard written.

    Sentences are the sequences, documents without a token are left out, special tokens are not written, and
    text that looks like one (`[MASK]`) is tokenized as text. `workers`: processes; None: one per processor.
    """
    with ShardWriter(folder, tokenizer, workers=workers, say=say) as writer:
        for document in documents:
            writer.add(document)
        return writer.finish()


class ShardWriter:
    """Writes one folder of shards from documents that are added one by one."""

    def __init__(
        self,
        folder: Path,
        tokenizer: Tokenizer,
        *,
        workers: int | None = None,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self._folder = folder
        self._tokenizer = tokenizer.to_str()
        self._vocabulary_size = vocabulary_of(tokenizer).size
        self._num_workers = default_count() if workers is None else workers
        self._workers: Workers | None = None
        self._say = say
        self._texts: list[str] = []
        self._num_characters = 0
        self._pending: deque[tuple[str, str, list[Future[Encoded]]]] = deque()
        self._notes: dict[str, ShardNote] = {}

    def __enter__(self) -> "ShardWriter":
        with files.explained(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *failure: Any) -> None:
        if self._workers is not None:
            self._workers.__exit__(*failure)

    def add(self, document: Document) -> None:
        """Add one document; now and then this writes a shard."""
        self._texts.append(document.text)
        self._num_characters += len(document.text)
        if self._num_characters >= SHARD_CHARACTERS:
            self._begin_shard()

    def finish(self) -> dict[str, Any]:
        """Write what is left, and the manifest last; remove the shards of an earlier, longer text."""
        if self._texts:
            self._begin_shard()
        while self._pending:
            self._end_shard()
        notes = [self._notes[name] for name in sorted(self._notes)]
        manifest = {
            "kind": "bothways token shards",
            "version": 1,
            "tokenizer_sha256": hashlib.sha256(self._tokenizer.encode()).hexdigest(),
            "vocabulary_size": self._vocabulary_size,
            **{
                name: sum(getattr(note, name) for note in notes)
                for name in ("documents", "sentences", "tokens")
            },
            "shards": [asdict(note) for note in notes],
        }
        files.write_json(self._folder / MANIFEST, sealed(manifest))
        for path in self._folder.glob("shard-*"):
            if path.stem not in self._notes:
                path.unlink()
        return manifest

    def _begin_shard(self) -> None:
        name = f"shard-{len(self._notes) + len(self._pending):05d}"
        texts, self._texts = self._texts, []
        size, self._num_characters = self._num_characters, 0
        identity = self._identity(texts)
        if len(self._pending) > 1:
            self._end_shard()
        note = self._finished(name, identity)
        if note is not None:
            self._notes[name] = note
            return
        self._pending.append((name, identity, list(self._encoded(texts, size))))

    def _encoded(self, texts: list[str], size: int) -> "Iterator[Future[Encoded]]":
        if self._workers is None and self._num_workers > 1 and size >= _SMALL_CHARACTERS:
            self._workers = Workers(self._num_workers).__enter__()
        for task in _tasks(texts):
            call = encode, self._tokenizer, self._vocabulary_size, task
            yield self._workers.submit(*call) if self._workers else _done_here(*call)

    def _end_shard(self) -> None:
        name, identity, futures = self._pending.popleft()
        parts = [future.result() for future in futures]
        encoded = Encoded(
            np.concatenate([part.tokens for part in parts]),
            np.concatenate([part.sentence_lengths for part in parts]),
            np.concatenate([part.document_sentences for part in parts]),
        )
        stem = self._folder / name
        partial = self._folder / f".{name}.part"
        with files.explained(self._folder):
            write_pair(partial, encoded)
            hashes = {}
            for extension in (".bin", ".idx"):
                written = partial.with_suffix(extension)
                hashes[extension] = files.sha256(written)
                files.sync_file(written)
                written.replace(stem.with_suffix(extension))
        counts = len(encoded.document_sentences), len(encoded.sentence_lengths), len(encoded.tokens)
        note = ShardNote(name, identity, *counts, hashes)
        files.write_json(stem.with_suffix(".json"), asdict(note))
        self._notes[name] = note
        if self._say is not None:
            self._say(f"{stem}: {note.documents:,} documents, {note.tokens:,} tokens")

    def _identity(self, texts: list[str]) -> str:
        total = hashlib.blake2b(self._tokenizer.encode(), digest_size=16)
        for text in texts:
            content = text.encode("utf-8")
            total.update(len(content).to_bytes(8, "big") + content)
        return total.hexdigest()

    def _finished(self, name: str, identity: str) -> ShardNote | None:
        """Return the note of a shard that an earlier run finished from the same text."""
        stem = self._folder / name
        try:
            note = ShardNote(**json.loads(stem.with_suffix(".json").read_text(encoding="utf-8")))
            is_whole = all(files.sha256(stem.with_suffix(e)) == note.sha256[e] for e in (".bin", ".idx"))
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return note if is_whole and note.text == identity else None


def encode(tokenizer_text: str, vocabulary_size: int, texts: list[str]) -> Encoded:
    """Split texts into sentences and tokenize them (runs in a worker)."""
    tokenizer, prefix = _loaded(tokenizer_text)
    sentences = [split_sentences(text) for text in texts]
    flat = [prefix + sentence for sentence in chain.from_iterable(sentences)]
    rows = [row.ids for row in tokenizer.encode_batch_fast(flat, add_special_tokens=False)]
    lengths = np.fromiter(map(len, rows), np.int32, len(rows))
    tokens = np.fromiter(chain.from_iterable(rows), token_type(vocabulary_size), int(lengths.sum()))
    # A sentence may have no token at all, such as a lone accent that the normaliser removes.
    owner = np.repeat(np.arange(len(texts)), [len(found) for found in sentences])[lengths > 0]
    counts = np.bincount(owner, minlength=len(texts))
    return Encoded(tokens, lengths[lengths > 0], counts[counts > 0].astype(np.int64))


@lru_cache(maxsize=2)
def _loaded(tokenizer_text: str) -> tuple[Tokenizer, str]:
    """Return a tokenizer for plain text, and what to put before a sentence."""
    tokenizer = Tokenizer.from_str(tokenizer_text)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    # "[MASK]" in a text is five words, not the token.
    tokenizer.encode_special_tokens = True
    # A byte-level tokenizer knows a word's beginning by the space before it.
    prefix = " " if is_byte_level(tokenizer) else ""
    return tokenizer, prefix


def _done_here(function: Callable[..., Encoded], *arguments: Any) -> "Future[Encoded]":
    future: Future[Encoded] = Future()
    future.set_result(function(*arguments))
    return future


def _tasks(texts: list[str]) -> Iterator[list[str]]:
    task: list[str] = []
    size = 0
    for text in texts:
        task.append(text)
        size += len(text)
        if size >= _TASK_CHARACTERS:
            yield task
            task, size = [], 0
    if task:
        yield task


def sealed(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return a manifest with a digest of itself, under `seal`."""
    content = {key: value for key, value in manifest.items() if key != "seal"}
    return {**content, "seal": hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()}
