"""What a model is asked, from files of JSON Lines, compressed or not: each line is right, or named in an error."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bothways.errors import DataError
from bothways.text.readers import opened


def read_json_lines(file: Path, each: str, needs: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield where each line stands ("pairs.jsonl, line 17") and what it holds; blank lines are passed over.

    `each` says what a line is, and `needs` what it must hold, for messages. Raises `DataError` at a line that is no
    JSON object, where the file is absent or damaged, and where it holds none.
    """
    damage: list[Exception] = []
    count = 0
    try:
        with opened(file, damage) as stream:
            for number, line in enumerate(stream, 1):
                if line.strip() and not damage:
                    where = f"{file.name}, line {number}"
                    yield where, _object(line, where, each)
                    count += 1
    except FileNotFoundError:
        raise DataError(f"{file} does not exist; give a file of JSON lines") from None
    except OSError as error:
        damage.append(error)
    if damage:
        raise DataError(f"{file} is damaged after {count:,} {each}s: {damage[0]}; get the file again")
    if not count:
        raise DataError(f"{file} holds no {each}; give {needs} in each line")


def _object(line: bytes, where: str, each: str) -> dict[str, Any]:
    try:
        row = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: not a JSON object ({error}); give one {each} a line") from None
    if not isinstance(row, dict):
        raise DataError(f"{where}: not a JSON object; give one {each} a line")
    return row
