"""The command line: its verbs, and the one place where errors become exit codes."""

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from bothways import __version__
from bothways.errors import BothwaysError, Interrupted, UsageError
from bothways.verbs import VERBS


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
