"""What a verb says: its progress on standard error, its result on standard output, as lines or as one JSON object."""

import os
from collections.abc import Callable, Iterable
from typing import Any

import typer


def voice(quiet: bool, json: bool) -> Callable[[str], None]:
    """Where a verb's progress goes: nowhere, or to standard error so that standard output stays clean."""
    return (lambda _line: None) if quiet or json else (lambda line: typer.echo(line, err=True))


def speaks() -> bool:
    """Whether this process says what came of a verb: under `torchrun` all of them run it, and one speaks."""
    return os.environ.get("RANK", "0") == "0"


def show(result: Any, lines: Iterable[str], *, quiet: bool = False, json: bool = False) -> None:
    """Print what a verb returned: as one JSON object, or as lines."""
    if json:
        from pydantic_core import to_json

        typer.echo(to_json(result, fallback=str).decode())
        return
    for line in () if quiet else lines:
        typer.echo(line)
