"""The verb that measures what is said of BERT and XLNet: `claims`."""

from pathlib import Path
from typing import Annotated

import typer

from bothways.errors import UsageError
from bothways.verbs.output import show, voice
from bothways.verbs.words import Json, Out, Quiet


def claims(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Claims to measure; all without any.", show_default=False),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="One seed and fewer steps: previews, no verdicts.")
    ] = False,
    seeds: Annotated[int, typer.Option(metavar="K", help="Models of each kind.")] = 5,
    first: Annotated[
        int, typer.Option(metavar="SEED", help="The first seed: another one repeats all with fresh models.")
    ] = 1,
    out: Out = None,
    model: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Ask a trained model of yours instead.")
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="Say which claims there are.")] = False,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Measure what is said of BERT and XLNet.

    On a small language whose every probability is known, with models trained for it in minutes. Given the same --out,
    an interrupted command goes on.

    \b
    bothways claims --list
    bothways claims independence discrepancy
    bothways claims independence --model runs/bert-tiny-1
    """
    from bothways.claims.command import ask, listing
    from bothways.claims.command import claims as run

    if listed:
        known = listing()
        width = max(map(len, known))
        show(known, [f"{name:<{width}}  {sentence}" for name, sentence in known.items()], json=json)
        return
    say = voice(quiet, json)
    if model is None:
        result = run(names or [], quick=quick, seeds=seeds, first=first, out=out, say=say)
    elif quick:
        raise UsageError("--quick is about models that are trained; leave it out with --model")
    else:
        result = ask(names or [], model, out=out, say=say)
    from bothways.report import write

    page = write(result.folder)
    show(result, [*result.lines(), f"report: {page}"], quiet=quiet, json=json)
