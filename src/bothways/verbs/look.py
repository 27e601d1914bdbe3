"""Verbs that look round: `recipes`, `doctor`, `bench`."""

from pathlib import Path
from typing import Annotated

import typer

from bothways.errors import UsageError
from bothways.verbs.output import show, voice
from bothways.verbs.words import Json, Out, Quiet, Words


def recipes(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Show all settings of this one.", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    """List the recipes, or explain one.

    With NAME, every setting of it and what it means.

    \b
    bothways recipes
    bothways recipes xlnet-base
    """
    from bothways.recipe_files import names, summary

    if name is None:
        known = {each: summary(each) for each in names()}
        width = max(map(len, known))
        show(known, [f"{each:<{width}}  {meaning}" for each, meaning in known.items()], json=json)
        return
    from bothways.recipe import annotated, resolve

    recipe = resolve(name)
    show(recipe, annotated(recipe), json=json)


def doctor(json: Json = False) -> None:
    """Look at this machine.

    Python, PyTorch, device, precision, threads, memory, disk; with advice where something is amiss.
    """
    from bothways.doctor import examine, report

    findings = examine(Path())
    show({finding.name: finding for finding in findings}, report(findings), json=json)
    if amiss := [finding.name for finding in findings if finding.advice]:
        raise UsageError(f"this machine is not quite ready: see {', '.join(amiss)}")


def bench(
    recipe: Annotated[
        str | None,
        typer.Argument(
            metavar="[RECIPE]", help="A recipe of yours; without it, the whole table.", show_default=False
        ),
    ] = None,
    words: Words = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer rows and turns.")] = False,
    rows: Annotated[
        str | None,
        typer.Option(metavar="PATTERN", help="Only rows whose name this regular expression finds."),
    ] = None,
    out: Out = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Measure speed and memory beside transformers.

    Both do the same work in one process, by turns. Without RECIPE the page goes into benchmarks/.

    \b
    bothways bench --quick
    bothways bench --rows "xlnet small L=512"
    bothways bench xlnet-tiny --out speed/
    """
    from bothways.bench.command import bench as run

    settings = list(words or [])
    if recipe is not None and "=" in recipe:  # there is no recipe, and the first setting stands in its place
        settings, recipe = [recipe, *settings], None
    report = run(recipe, settings, quick=quick, rows=rows, out=out, say=voice(quiet, json))
    show(report.as_json(), report.lines(), quiet=quiet, json=json)
