"""The command line: one literal map from verb to function, and one place where errors become exit codes.

Every verb is a few lines: turn words into values, call one function of the module that does the work, show what it
returns. Those modules are imported inside the verbs, so that `--help` and `--version` need not wait for PyTorch.
"""

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from bothways import __version__
from bothways.errors import BothwaysError, Interrupted, UsageError
from bothways.words import Data, DryRun, Json, Out, Quiet, Reference, Run, Words, folder_of, with_data


def pretrain(
    recipe: Reference,
    words: Words = None,
    data: Data = None,
    out: Out = None,
    start_from: Annotated[
        Path | None, typer.Option("--from", metavar="FOLDER", help="Start from the weights of this model.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the newest whole checkpoint.")] = False,
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
    # Under torchrun every process comes here, and one of them speaks.
    if os.environ.get("RANK", "0") == "0":
        _show(as_json(result), result.lines(), quiet=quiet, json=json)


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
        _show(*_intended(path, resolved.tokenizer, out), quiet=quiet, json=json)
        return
    from bothways.text.prepare import prepare as run

    result = run(resolved.data, resolved.tokenizer, out, _voice(quiet, json))
    facts = {
        "folder": str(result.folder),
        "vocabulary": result.vocabulary.size,
        "train_tokens": result.train.num_tokens,
        "held_out_tokens": result.valid.num_tokens,
        "notes": result.notes,
    }
    _show(facts, result.lines(), quiet=quiet, json=json)


def fill(
    run: Run,
    sentence: Annotated[
        str, typer.Argument(metavar="SENTENCE", help="Text with blanks; each [?] stands for one token.")
    ],
    json: Json = False,
) -> None:
    """Fill the blanks of a sentence.

    Each blank is filled alone, then all of them jointly, with probabilities.

    \b
    bothways fill runs/bert-tiny-1 "The [?] [?] is written in Python ."
    """
    from bothways.trained import fill as ask

    filled = ask(run, sentence, _voice(False, json))
    _show(filled, filled.lines(), json=json)


def score(
    run: Run,
    file: Annotated[str, typer.Argument(metavar="FILE", help="Held-out text: a file or a folder.")],
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=VALUE", help="How much to score, such as tokens=500.", show_default=False
        ),
    ] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Measure a model on held-out text.

    Prints what it pays, in nats, for text that it has not seen; lower is better.

    \b
    bothways score runs/bert-tiny-1 text.txt
    bothways score runs/bert-tiny-1 text.txt tokens=500 spans=100
    """
    from bothways.trained import score as measure

    result = measure(run, file, words or [], _voice(quiet, json))
    _show(result, result.lines(), quiet=quiet, json=json)


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
        _show(known, [f"{each:<{width}}  {meaning}" for each, meaning in known.items()], json=json)
        return
    from bothways.recipe import annotated, resolve

    recipe = resolve(name)
    _show(recipe, annotated(recipe), json=json)


def doctor(json: Json = False) -> None:
    """Look at this machine.

    Python, PyTorch, device, precision, threads, memory, disk; with advice where something is amiss.
    """
    from bothways.doctor import examine, report

    findings = examine(Path())
    _show({finding.name: finding for finding in findings}, report(findings), json=json)
    if amiss := [finding.name for finding in findings if finding.advice]:
        raise UsageError(f"this machine is not quite ready: see {', '.join(amiss)}")


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
        _show(foreseen, lines, quiet=quiet, json=json)
        return
    from bothways.demo import demo as run

    result = run(out, words or [], quiet=quiet or json)
    _show(result, result.lines(), quiet=quiet, json=json)


def compare(
    recipes: Annotated[
        list[str],
        typer.Argument(
            metavar="RECIPE... [SECTION.KEY=VALUE]...", help="Recipes, and settings that change all of them."
        ),
    ],
    data: Data = None,
    tokens: Annotated[int | None, typer.Option(metavar="N", help="Tokens that each run reads.")] = None,
    minutes: Annotated[
        float | None, typer.Option(metavar="M", help="Or minutes that each run takes.")
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

    Same text, tokenizer, budget, seeds and questions; run it again to go on after an interruption.

    \b
    bothways compare bert-tiny xlnet-tiny --data corpus/ --tokens 2000000
    bothways compare bert-mini xlnet-mini --data corpus/ --minutes 20 --seeds 3 --out comparison/
    """
    from bothways.compare.command import compare as run
    from bothways.compare.command import foresee, planned
    from bothways.compare.contenders import split_words

    references, words = split_words(recipes)
    plan = planned(
        references,
        with_data(words, data),
        tokens=tokens,
        minutes=minutes,
        seeds=seeds,
        out=out,
        own_tokenizers=own_tokenizers,
    )
    result = foresee(plan) if dry_run else run(plan, _voice(quiet, json), quiet=quiet or json)
    _show(result, result.lines(), quiet=quiet, json=json)


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
    report = run(recipe, settings, quick=quick, rows=rows, out=out, say=_voice(quiet, json))
    _show(report.as_json(), report.lines(), quiet=quiet, json=json)


VERBS: dict[str, Callable[..., None]] = {
    "pretrain": pretrain,
    "prepare": prepare,
    "fill": fill,
    "score": score,
    "recipes": recipes,
    "doctor": doctor,
    "demo": demo,
    "compare": compare,
    "bench": bench,
}


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"bothways {__version__}")
        raise typer.Exit


def start(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Pretrain BERT, XLNet and their relatives on your own text.

    \b
    bothways demo                                  train one of each in a few minutes
    bothways pretrain bert-tiny --data corpus/     train one on your text
    bothways recipes                               what can be trained

    Exit codes: 0 done, 2 wrong usage, 3 unusable text, 4 unusable checkpoint, 5 training diverged,
    75 interrupted and saved.
    """


app = typer.Typer(
    callback=start,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for _verb, _function in VERBS.items():
    app.command(_verb)(_function)

# Typer carries a copy of click; its base of all mistakes in words is reached through the one that it exports.
_WrongWords: type[Any] = typer.BadParameter.__mro__[2]

_CONTROL_C = 130
"""What typer returns when Ctrl-C ends a verb that does not handle it; `pretrain` saves and raises `Interrupted`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; a user's mistake is one line on standard error."""
    words = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    _wait_briefly()
    try:
        code = int(app(words, prog_name="bothways", standalone_mode=False) or 0)
    except BothwaysError as error:
        return _fail(str(error), error.exit_code)
    except _WrongWords as error:
        return _fail(f"{error.format_message()} See bothways --help.", UsageError.exit_code)
    except BrokenPipeError:
        # The reader (`| head`) has left; Python must not try to flush into the closed pipe once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    if code == _CONTROL_C:
        return _fail(
            "interrupted; run the same command again to go on (a run that had begun: with --resume)",
            Interrupted.exit_code,
        )
    return code


def _wait_briefly() -> None:
    """Let idle threads of PyTorch sleep after some microseconds instead of milliseconds (docs/lab-notes.md, threads).

    They wait in a loop that burns a processor; when another program has it, training becomes ten times slower. The
    library of threads (GNU OpenMP) reads this when PyTorch is first imported.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")


def _fail(message: str, code: int) -> int:
    typer.echo(f"error: {' '.join(message.split())}", err=True)
    return code


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
    _show(foreseen, [*notes, *foreseen.lines()], quiet=quiet, json=json)


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


def _voice(quiet: bool, json: bool) -> Callable[[str], None]:
    """Where a verb's progress goes: nowhere, or to standard error so that standard output stays clean."""
    return (lambda _line: None) if quiet or json else (lambda line: typer.echo(line, err=True))


def _show(result: Any, lines: Iterable[str], *, quiet: bool = False, json: bool = False) -> None:
    """Print what a verb returned: as one JSON object, or as lines."""
    if json:
        from pydantic_core import to_json

        typer.echo(to_json(result, fallback=str).decode())
        return
    for line in () if quiet else lines:
        typer.echo(line)
