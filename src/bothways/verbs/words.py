"""The words that verbs share: their arguments and options, and what becomes of them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

Reference = Annotated[
    str, typer.Argument(metavar="RECIPE", help="A built-in name, a YAML file, or a run folder.")
]
Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SECTION.KEY=VALUE", help="Settings to change; see bothways recipes NAME.", show_default=False
    ),
]
Run = Annotated[
    Path,
    typer.Argument(
        metavar="RUN", help="A run folder (its best checkpoint), a checkpoint, or a model folder."
    ),
]
Data = Annotated[
    str | None, typer.Option(metavar="PATH", help="The text: a file or a folder; short for data.train=PATH.")
]
Dev = Annotated[
    str | None,
    typer.Option(metavar="PATH", help="Records that choose the best checkpoint; else a tenth of --data."),
]
Test = Annotated[
    str | None,
    typer.Option(
        metavar="PATH", help="Records that are judged at the end; else, without --dev, another tenth."
    ),
]
Seeds = Annotated[int, typer.Option(metavar="K", help="Runs with the seeds 1 to K.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the newest whole checkpoint.")]
Out = Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where to write.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check everything and say what would be done.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print errors only.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


def with_data(words: Iterable[str] | None, data: str | None) -> list[str]:
    """Return the settings of a command, `--data X` among them as `data.train=X`."""
    # In quotes, since a path may look like a number or hold characters that YAML reserves.
    quoted = [] if data is None else [f"""data.train='{data.replace("'", "''")}'"""]
    return [*(words or []), *quoted]


def parts_of(train: str | None, dev: str | None, test: str | None) -> dict[str, str]:
    """Return the files of labelled records that were given, by part."""
    given = {"train": train, "dev": dev, "test": test}
    return {part: path for part, path in given.items() if path is not None}


def folder_of(reference: str) -> Path | None:
    """Return where a run that is resumed without `--out` goes on: in the folder of its recipe."""
    path = Path(reference)
    if path.is_dir():
        return path
    return path.parent if path.is_file() else None
