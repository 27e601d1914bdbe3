"""Results in files of JSON Lines, one object a result: what tables and reports are made from."""

from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from bothways import files
from bothways.errors import DataError

T = TypeVar("T")


def read_lines(path: Path, kind: TypeAdapter[T], *, each: str, again: str) -> list[T]:
    """Return what the lines of a file hold, nothing where there is no file.

    `each` says what a line is and `again` what to do anew, for messages. Raises `DataError` for a line that is none.
    """
    if not path.exists():
        return []
    try:
        return [kind.validate_json(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except ValidationError as error:
        why = error.errors(include_url=False)[0]["msg"]
        raise DataError(
            f"{path} holds a line that is no {each} ({why}); remove the file to {again} anew"
        ) from None


def write_lines(path: Path, kind: TypeAdapter[T], results: Iterable[T]) -> None:
    """Write a line for each result, atomically."""
    files.write_text(path, "".join(kind.dump_json(result).decode() + "\n" for result in results))
