"""From documents to token shards: in parallel, atomic, and continued where an earlier run stopped.

The stream of documents is cut into shards by size. Each finished shard has a note beside it with a digest of
its text; a later run compares digests and only tokenizes what changed. Tokenizing is given to worker
processes in small tasks; this process reads, compares and writes. Memory holds three shards at most, however long
the text: one that is being filled and two that wait for their tokens.
"""

import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from bothways import files
from bothways.text.corpus import Document
from bothways.text.indexed import Encoded, write_pair
from bothways.text.memo import Scheme, cuts_at_spaces, encode, forget
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


@dataclass
class _OpenShard:
    """A shard that documents are added to, or that waits for its tokens."""

    name: str
    digest: "hashlib.blake2b"
    """Of the tokenizer and the documents so far."""
    may_be_finished: bool
    """Whether an earlier run left this shard; then nothing is tokenized before all of its text is known."""
    num_characters: int = 0
    task: list[str] = field(default_factory=list)
    """The latest texts, until they are enough for a task."""
    task_characters: int = 0
    tasks: list[list[str]] = field(default_factory=list)
    """Those that no worker has been given yet."""
    parts: list[Future[Encoded]] = field(default_factory=list)

    def add(self, text: str) -> None:
        content = text.encode("utf-8")
        self.digest.update(len(content).to_bytes(8, "big") + content)
        self.num_characters += len(text)
        self.task.append(text)
        self.task_characters += len(text)
        if self.task_characters >= _TASK_CHARACTERS:
            self.end_task()

    def end_task(self) -> None:
        if self.task:
            self.tasks.append(self.task)
        self.task, self.task_characters = [], 0


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
        vocabulary_size = vocabulary_of(tokenizer).size
        prefix = " " if is_byte_level(tokenizer) else ""
        self._scheme = Scheme(tokenizer.to_str(), vocabulary_size, prefix, cuts_at_spaces(tokenizer))
        self._num_workers = default_count() if workers is None else workers
        self._workers: Workers | None = None
        self._say = say
        self._open: _OpenShard | None = None
        self._waiting: deque[_OpenShard] = deque()
        self._notes: dict[str, ShardNote] = {}

    def __enter__(self) -> "ShardWriter":
        with files.explained(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *failure: Any) -> None:
        if self._workers is not None:
            self._workers.__exit__(*failure)
        forget()

    def add(self, document: Document) -> None:
        """Add one document; now and then this writes a shard."""
        shard = self._open = self._open or self._new_shard()
        shard.add(document.text)
        if shard.num_characters >= SHARD_CHARACTERS:
            self._fill()
        elif not shard.may_be_finished and (self._workers or self._is_large(shard)):
            self._hand_out(shard)

    def finish(self) -> dict[str, Any]:
        """Write what is left, and the manifest last; remove the shards of an earlier, longer text."""
        self._fill()
        while self._waiting:
            self._write(self._waiting.popleft())
        notes = [self._notes[name] for name in sorted(self._notes)]
        manifest = {
            "kind": "bothways token shards",
            "version": 1,
            "tokenizer_sha256": hashlib.sha256(self._scheme.tokenizer.encode()).hexdigest(),
            "vocabulary_size": self._scheme.vocabulary_size,
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

    def _new_shard(self) -> _OpenShard:
        name = f"shard-{len(self._notes) + len(self._waiting):05d}"
        digest = hashlib.blake2b(self._scheme.tokenizer.encode(), digest_size=16)
        return _OpenShard(name, digest, may_be_finished=(self._folder / f"{name}.json").exists())

    def _fill(self) -> None:
        """End the shard that is open: all of its text is known."""
        if self._open is None:
            return
        shard, self._open = self._open, None
        shard.end_task()
        if len(self._waiting) > 1:
            self._write(self._waiting.popleft())
        note = self._finished(shard) if shard.may_be_finished else None
        if note is not None:
            self._notes[shard.name] = note
            return
        self._hand_out(shard)
        self._waiting.append(shard)

    def _hand_out(self, shard: _OpenShard) -> None:
        """Have the shard's tasks done, by workers where there is enough text."""
        if self._workers is None and self._is_large(shard):
            self._workers = Workers(self._num_workers).__enter__()
        shard.parts += map(self._encoded, shard.tasks)
        shard.tasks = []

    def _is_large(self, shard: _OpenShard) -> bool:
        return self._num_workers > 1 and shard.num_characters >= _SMALL_CHARACTERS

    def _encoded(self, task: list[str]) -> Future[Encoded]:
        if self._workers is not None:
            return self._workers.submit(encode, self._scheme, task)
        done: Future[Encoded] = Future()
        done.set_result(encode(self._scheme, task))
        return done

    def _write(self, shard: _OpenShard) -> None:
        parts = [part.result() for part in shard.parts]
        encoded = Encoded(
            np.concatenate([part.tokens for part in parts]),
            np.concatenate([part.sentence_lengths for part in parts]),
            np.concatenate([part.document_sentences for part in parts]),
        )
        stem = self._folder / shard.name
        partial = self._folder / f".{shard.name}.part"
        with files.explained(self._folder):
            write_pair(partial, encoded)
            hashes = {}
            for extension in (".bin", ".idx"):
                written = partial.with_suffix(extension)
                hashes[extension] = files.sha256(written)
                files.sync_file(written)
                written.replace(stem.with_suffix(extension))
        counts = len(encoded.document_sentences), len(encoded.sentence_lengths), len(encoded.tokens)
        note = ShardNote(shard.name, shard.digest.hexdigest(), *counts, hashes)
        files.write_json(stem.with_suffix(".json"), asdict(note))
        self._notes[shard.name] = note
        if self._say is not None:
            self._say(f"{stem}: {note.documents:,} documents, {note.tokens:,} tokens")

    def _finished(self, shard: _OpenShard) -> ShardNote | None:
        """Return the note of a shard that an earlier run finished from the same text."""
        stem = self._folder / shard.name
        try:
            note = ShardNote(**json.loads(stem.with_suffix(".json").read_text(encoding="utf-8")))
            is_whole = all(files.sha256(stem.with_suffix(e)) == note.sha256[e] for e in (".bin", ".idx"))
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return note if is_whole and note.text == shard.digest.hexdigest() else None


def sealed(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return a manifest with a digest of itself, under `seal`."""
    content = {key: value for key, value in manifest.items() if key != "seal"}
    return {**content, "seal": hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()}
