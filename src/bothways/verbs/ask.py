"""Verbs that question a trained model: `fill`, `score`, `explain`."""

from pathlib import Path
from typing import Annotated

import typer

from bothways.verbs.output import show, voice
from bothways.verbs.words import Json, Quiet, Run


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

    filled = ask(run, sentence, voice(False, json))
    show(filled, filled.lines(), json=json)


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

    result = measure(run, file, words or [], voice(quiet, json))
    show(result, result.lines(), quiet=quiet, json=json)


def explain(
    sentence: Annotated[str, typer.Argument(metavar="SENTENCE", help="2 to 12 words, in quotes.")],
    order: Annotated[
        str | None,
        typer.Option(
            metavar="PLACES",
            help="In which order words are predicted, such as 2,4,3,1; those left out come last.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="RUN", help="A trained model that is asked too; may be repeated.", show_default=False
        ),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The page to write.")] = Path("explain.html"),
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Show how each objective sees a sentence.

    Writes an interactive page: who sees whom in any order of prediction, and what trained models say.

    \b
    bothways explain "New York is a city" --order 2,4,3,1
    bothways explain "New York is a city" --model runs/bert-tiny-1 --model runs/xlnet-tiny-1
    """
    from bothways.explain.command import explain as write

    explained = write(sentence, order, model or [], out, voice(quiet, json))
    show(explained.as_json(), explained.lines(), quiet=quiet, json=json)
