"""Verbs that write a page: `report`."""

from pathlib import Path
from typing import Annotated

import typer

from bothways.verbs.output import show
from bothways.verbs.words import Json, Quiet


def report(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN", help="Folders of comparisons, evaluations, claims or runs."),
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where to write; else report.html in the first folder."),
    ] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Show all that was measured on one page.

    The page is one HTML file that opens from disk: answers, curves, scores, cost, and every setting.

    \b
    bothways report comparison/
    bothways report comparison/ glue/ --out report.html
    """
    from bothways.report.command import written

    result = written(runs, out)
    show(result, result.lines(), quiet=quiet, json=json)
