"""One reader per kind of file, each a stream of texts in bounded memory.

A reader never stops a run: rows that do not parse are counted, and a file that ends in the middle (a cut-off
download) gives what it holds and is named in the report.
"""

import gzip
import io
import json
import os
import re
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

import pyarrow
import pyarrow.parquet
import zstandard

from bothways.text.cleaning import clean, text_chunks, without_mark
from bothways.text.report import CorpusReport

ROW_BYTES = 2**28
"""A longer JSON row is skipped: 256 MB."""

_BETWEEN_ROWS = re.compile(r"[ \t\n\r,\[\]]+")
_COMPRESSIONS = (".gz", ".zst")
_PACKED_BYTES = 2**14
"""How much of a .zst file is unpacked at a time: all that it unpacks to is held."""

Texts = Iterator[str]
Reader = Callable[[BinaryIO, str, CorpusReport], Texts]


def kind_of(path: Path) -> str | None:
    """Return "txt", "jsonl", "json" or "parquet", looking through .gz and .zst; None for any other name."""
    extension = extension_of(path)
    return extension if extension == "txt" or extension in ROW_READERS else None


def extension_of(path: Path) -> str:
    """Return what a name ends with, in lower case, without the dot and looking through .gz and .zst; "" if nothing."""
    name = path.name.lower()
    for compression in _COMPRESSIONS:
        name = name.removesuffix(compression)
    return name.rpartition(".")[2] if "." in name else ""


def files_under(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder and its subfolders in sorted order; hidden ones are skipped."""
    visited: set[str] = set()
    for root, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(root)
        folders[:] = [] if real in visited else sorted(name for name in folders if not name.startswith("."))
        names = [] if real in visited else sorted(name for name in names if not name.startswith("."))
        visited.add(real)
        yield from (Path(root, name) for name in names)


def texts_of_file(
    path: Path, text_field: str, read_plain: Callable[[Iterator[str]], Texts], report: CorpusReport
) -> Texts:
    """Yield the texts of one file of a known kind; `read_plain` cuts the decoded text of a .txt file."""
    report.files += 1
    kind = kind_of(path)
    damage: list[Exception] = []
    try:
        if path.stat().st_size == 0:
            report.empty_files += 1
            return
        with opened(path, damage) as stream:
            if kind is None or kind == "txt":
                yield from read_plain(text_chunks(stream, report))
            else:
                yield from ROW_READERS[kind](stream, text_field, report)
    except (OSError, pyarrow.ArrowException) as error:
        damage.append(error)
    for problem in damage[:1]:
        reason = next(iter(str(problem).splitlines()), type(problem).__name__)
        report.unreadable_files.append(f"{path}: {reason}")


class _Unpacked(Protocol):
    """What unpacks a file."""

    def read1(self, size: int, /) -> bytes: ...

    def close(self) -> None: ...


class _ZstdFrames:
    """The content of a .zst file, frame after frame; unlike the library's own reader it notices a frame cut off."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        # Long-distance windows (zstd --long=31) are allowed.
        self._context = zstandard.ZstdDecompressor(max_window_size=2**31)
        self._frame, self._is_within = self._context.decompressobj(), False
        self._unpacked = io.BytesIO()

    def read1(self, size: int, /) -> bytes:
        """Return up to `size` bytes, none at the end; raise `EOFError` where that is within a frame."""
        while not (data := self._unpacked.read(size)):
            packed = self._frame.unused_data or self._file.read(_PACKED_BYTES)
            if not packed:
                if self._is_within:
                    raise EOFError("the file ends within a frame")
                return b""
            if self._frame.eof:
                self._frame = self._context.decompressobj()
            self._unpacked = io.BytesIO(self._frame.decompress(packed))
            self._is_within = not self._frame.eof
        return data

    def close(self) -> None:
        self._file.close()


class _UntilDamage(io.RawIOBase):
    """A decompressed stream that ends where the file is damaged, instead of losing what was read before."""

    def __init__(self, stream: _Unpacked, damage: list[Exception]) -> None:
        self._stream = stream
        self._damage = damage

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._stream.read1(len(buffer))
        except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
            self._damage.append(error)
            return 0
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._stream.close()
        super().close()


def opened(path: Path, damage: list[Exception]) -> BinaryIO:
    """Open a file, unpacked if it is .gz or .zst; where it is damaged, the stream ends and `damage` says why."""
    name = path.name.lower()
    if name.endswith(".gz"):
        return io.BufferedReader(_UntilDamage(gzip.open(path, "rb"), damage), 2**17)
    if name.endswith(".zst"):
        return io.BufferedReader(_UntilDamage(_ZstdFrames(path.open("rb")), damage), 2**17)
    return path.open("rb")


def _rows_of_lines(stream: BinaryIO, text_field: str, report: CorpusReport) -> Texts:
    """Read JSON Lines: one JSON object a line."""
    is_first = True
    while line := stream.readline(ROW_BYTES):
        is_whole = line.endswith(b"\n") or len(line) < ROW_BYTES
        if not is_whole:
            _skip_line(stream)
            report.bad_rows += 1
            continue
        text = clean(line.decode("utf-8", "surrogateescape"), report)
        if is_first:
            text, is_first = without_mark(text, report), False
        if not text.strip():
            continue
        try:
            row = json.loads(text, strict=False)
        except (ValueError, RecursionError):
            report.bad_rows += 1
            continue
        yield from _text_in(row, text_field, report)


def _skip_line(stream: BinaryIO) -> None:
    while (rest := stream.readline(2**20)) and not rest.endswith(b"\n"):
        pass


def _rows_of_json(stream: BinaryIO, text_field: str, report: CorpusReport) -> Texts:
    """Read a JSON list of objects, or objects one after another, however they are laid out."""
    for row in _json_values(text_chunks(stream, report), report):
        yield from _text_in(row, text_field, report)


def _json_values(chunks: Iterator[str], report: CorpusReport) -> Iterator[Any]:
    decoder = json.JSONDecoder(strict=False)
    pending, start, wanted, is_all = "", 0, 0, False  # the next row begins at `start`
    while True:
        # A row that goes on beyond what was read is tried again when there is twice as much.
        if len(pending) - start <= wanted and not is_all:
            chunk = next(chunks, "")
            pending, start, is_all = pending[start:] + chunk, 0, not chunk
            continue
        between = _BETWEEN_ROWS.match(pending, start)
        start, wanted = between.end() if between else start, 0
        if start == len(pending):
            if is_all:
                return
            continue
        try:
            value, start = decoder.raw_decode(pending, start)
        except (ValueError, RecursionError) as error:
            size = len(pending) - start
            if not is_all and size < ROW_BYTES and _is_cut_off(error, len(pending)):
                wanted = 2 * size
                continue
            report.bad_rows += 1
            start = pending.find("\n", start) + 1 or len(pending)
            continue
        yield value


def _is_cut_off(error: Exception, size: int) -> bool:
    """Whether the parser failed at the end of what was read, not at a mistake within it."""
    if not isinstance(error, json.JSONDecodeError):
        return False
    longest_literal = 12
    return error.pos > size - longest_literal or error.msg.startswith("Unterminated string")


def _text_in(row: Any, text_field: str, report: CorpusReport) -> Texts:
    text = row.get(text_field) if isinstance(row, dict) else None
    if isinstance(text, str):
        yield clean(text, report)
    else:
        report.rows_without_text += 1


def _rows_of_parquet(stream: BinaryIO, text_field: str, report: CorpusReport) -> Texts:
    """Read one column of a Parquet file, some rows at a time."""
    with _seekable(stream) as source:
        table = pyarrow.parquet.ParquetFile(source, pre_buffer=False)
        if text_field not in table.schema_arrow.names:
            report.rows_without_text += table.metadata.num_rows
            return
        for batch in table.iter_batches(batch_size=256, columns=[text_field], use_threads=False):
            for value in batch.column(0).to_pylist():
                text = value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value
                yield from _text_in({text_field: text}, text_field, report)


def _seekable(stream: BinaryIO) -> BinaryIO:
    """Return the stream itself, or its decompressed content in a temporary file: Parquet is read from its end."""
    if isinstance(stream, io.BufferedReader) and isinstance(stream.raw, io.FileIO):
        return stream
    unpacked = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115, the caller closes it
    shutil.copyfileobj(stream, unpacked)
    unpacked.seek(0)
    return unpacked


ROW_READERS: dict[str, Reader] = {
    "jsonl": _rows_of_lines,
    "json": _rows_of_json,
    "parquet": _rows_of_parquet,
}
