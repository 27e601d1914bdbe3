"""Verbs that make something: `prepare`, `pretrain`, `demo`, `compare`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from bothways.errors import UsageError
from bothways.verbs.output import show, speaks, voice
from bothways.verbs.words import (
    Data,
    DryRun,
    Json,
    Out,
    Quiet,
    Reference,
    Resume,
    Words,
    folder_of,
    with_data,
)


def pretrain(
    recipe: Reference,
    words: Words = None,
    data: Data = None,
    out: Out = None,
    start_from: Annotated[
        Path | None, typer.Option("--from", metavar="FOLDER", help="Start from the weights of this model.")
    ] = None,
    resume: Resume = False,
    dry_run: DryRun = False,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Pretrain a model on your text.

    \b
    bothways pretrain bert-tiny --data corpus/
    bothways pretrain xlnet-small --data corpus/ training.steps=20000 --out runs/mine
    bothways pretrain runs/mine/recipe.yaml --resume
    """
    from bothways.recipe import resolve

    words = with_data(words, data)
    resolved = resolve(recipe, words)
    if dry_run:
        _foresee(resolved, start_from, words, quiet=quiet, json=json)
        return
    from bothways.pretrain import as_json
    from bothways.pretrain import pretrain as run

    if resume and out is None:
        out = folder_of(recipe)
        if out is None:
            raise UsageError(f"--resume needs a run; give its folder instead of {recipe}, or --out FOLDER")
    result = run(resolved, out, resume=resume, start_from=start_from, words=words, quiet=quiet or json)
    if speaks():
        show(as_json(result), result.lines(), quiet=quiet, json=json)


def prepare(
    path: Annotated[str, typer.Argument(metavar="PATH", help="The text: a file or a folder.")],
    words: Words = None,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where to write.")] = Path("shards"),
    recipe: Annotated[
        str, typer.Option(metavar="RECIPE", help="Whose tokenizer to train, and how to read the text.")
    ] = "bert",
    dry_run: DryRun = False,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Make tokenizer and token shards alone.

    What is done already is skipped.

    \b
    bothways prepare corpus/ --out shards/
    bothways prepare corpus/ --recipe xlnet tokenizer.vocabulary=8000
    """
    from bothways.recipe import resolve

    resolved = resolve(recipe, with_data(words, path))
    if dry_run:
        show(*_intended(path, resolved.tokenizer, out), quiet=quiet, json=json)
        return
    from bothways.text.prepare import prepare as run

    result = run(resolved.data, resolved.tokenizer, out, voice(quiet, json))
    facts = {
        "folder": str(result.folder),
        "vocabulary": result.vocabulary.size,
        "train_tokens": result.train.num_tokens,
        "held_out_tokens": result.valid.num_tokens,
        "notes": result.notes,
    }
    show(facts, result.lines(), quiet=quiet, json=json)


def demo(
    words: Words = None,
    out: Out = None,
    dry_run: DryRun = False,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Train and compare a small BERT and XLNet.

    They learn from English that every machine already has: the documentation of Python and its packages.

    \b
    bothways demo
    bothways demo training.minutes=10
    """
    if dry_run:
        from bothways.demo import RECIPES
        from bothways.dry_run import dry_run as estimate
        from bothways.recipe import resolve

        foreseen = {name: estimate(resolve(recipe, words or [])) for name, recipe in RECIPES.items()}
        lines = [line for each in foreseen.values() for line in each.lines()]
        show(foreseen, lines, quiet=quiet, json=json)
        return
    from bothways.demo import demo as run

    result = run(out, words or [], quiet=quiet or json)
    show(result, result.lines(), quiet=quiet, json=json)


def compare(
    recipes: Annotated[
        list[str],
        typer.Argument(
            metavar="RECIPE... [SECTION.KEY=VALUE]...", help="Recipes, and settings that change all of them."
        ),
    ],
    data: Data = None,
    tokens: Annotated[int | None, typer.Option(metavar="N", help="Tokens that each run reads.")] = None,
    flops: Annotated[
        float | None,
        typer.Option(metavar="N", help="Or useful floating-point operations of each run, such as 1e15."),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(metavar="M", help="Or minutes that each run takes.")
    ] = None,
    task: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TASK",
            help="Judge by a task too: NAME=FILE of labelled records, or SUITE[:ROW,ROW]=FOLDER; may be repeated.",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(metavar="K", help="Runs of each recipe.")] = 1,
    own_tokenizers: Annotated[
        bool, typer.Option("--own-tokenizers", help="Each recipe learns its own; else all use the first's.")
    ] = False,
    out: Out = None,
    dry_run: DryRun = False,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Train several recipes alike and compare them.

    Same text, tokenizer, budget, seeds and questions; one sentence for each says what the evidence supports. Run it
    again to go on after an interruption; torchrun shares the runs out among several GPUs.

    \b
    bothways compare bert-tiny xlnet-tiny --data corpus/ --tokens 2000000
    bothways compare bert-mini xlnet-mini --data corpus/ --minutes 20 --seeds 3 --out comparison/
    bothways compare bert-mini xlnet-mini --data corpus/ --flops 1e15 --seeds 3 --task sentiment=train.csv
    bothways compare bert-mini gpt-mini --data corpus/ --tokens 50000000 --task glue:sst2=tasks/ --task blimp=tasks/
    """
    from bothways.compare.command import compare as run
    from bothways.compare.contenders import split_words
    from bothways.compare.forecast import foresee
    from bothways.compare.plan import planned

    references, words = split_words(recipes)
    plan = planned(
        references,
        with_data(words, data),
        tokens=tokens,
        flops=flops,
        minutes=minutes,
        seeds=seeds,
        tasks=task or [],
        out=out,
        own_tokenizers=own_tokenizers,
    )
    if dry_run:
        foreseen = foresee(plan)
        show(foreseen, foreseen.lines(), quiet=quiet, json=json)
        return
    result = run(plan, voice(quiet, json), quiet=quiet or json)
    if result is not None:
        from bothways.report import write

        page = write(result.folder)
        show(
            {**result.as_json(), "report": str(page)},
            [*result.lines(), f"report: {page}"],
            quiet=quiet,
            json=json,
        )


def _foresee(recipe: Any, start_from: Path | None, words: Sequence[str], *, quiet: bool, json: bool) -> None:
    """Say what `pretrain` would do."""
    from bothways.dry_run import dry_run as estimate

    notes: list[str] = []
    if start_from is not None:
        from bothways.handover import continued, taken_over
        from bothways.training.run_folder import resolve_run

        asked, recipe = recipe, continued(recipe, resolve_run(start_from), words)
        notes = taken_over(asked, recipe)
    foreseen = estimate(recipe)
    show(foreseen, [*notes, *foreseen.lines()], quiet=quiet, json=json)


def _intended(path: str, tokenizer: Any, out: Path) -> tuple[dict[str, Any], list[str]]:
    """Say what `prepare` would do, as values and as lines; raise `DataError` where there is no text."""
    from bothways.text.corpus import EMBEDDED, readable_files

    files = [] if path == EMBEDDED else readable_files(path)
    size = sum(file.stat().st_size for file in files if file.exists())
    plan = {"text": path, "files": len(files), "bytes": size, "tokenizer": tokenizer, "out": str(out)}
    learn = f"learn a {tokenizer.kind} tokenizer ({tokenizer.vocabulary} entries)"
    return plan, [
        f"would read  {path}: {len(files):,} files, {size / 2**20:,.1f} MiB",
        f"would       {f'use the tokenizer of {tokenizer.path}' if tokenizer.path else learn}",
        f"would write {out}",
        "nothing was written; leave out --dry-run to do it",
    ]
