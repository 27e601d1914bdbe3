"""The verb that teaches a small model by larger ones: `distil`."""

from typing import Annotated

import typer

from bothways.errors import UsageError
from bothways.verbs.output import show, speaks, voice
from bothways.verbs.words import Dev, DryRun, Json, Out, Quiet, Resume, Seeds, Test, parts_of


def distil(
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="TEACHER... [SECTION.KEY=VALUE]...",
            help="Trained models, and settings such as distil.mix=0.9.",
        ),
    ],
    into: Annotated[
        str,
        typer.Option(metavar="STUDENT", help="A recipe, whose weights are drawn anew, or a pretrained RUN."),
    ],
    data: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Records of the task, or text; short for data.train=PATH."),
    ] = None,
    dev: Dev = None,
    test: Test = None,
    name: Annotated[
        str | None, typer.Option("--as", metavar="TASK", help="Which task, of teachers of several.")
    ] = None,
    seeds: Seeds = 1,
    resume: Resume = False,
    out: Out = None,
    dry_run: DryRun = False,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Teach a small model what larger ones know.

    Teachers fine-tuned to a task teach it, by the probabilities of their answers. Pretrained ones teach language: their
    predictions, and with distil.hidden and distil.attention their states and attention. What several say is averaged.

    \b
    bothways distil runs/classify-1 runs/classify-2 --into bert-mini --data train.csv
    bothways distil runs/classify-1 --into runs/bert-tiny-1 --data texts.csv --dev dev.csv distil.mix=1
    bothways distil runs/bert-base-1 --into bert-mini --data corpus/ distil.hidden=1 distil.attention=1
    """
    from bothways.distil import Asked, foresee
    from bothways.distil import distil as run

    teachers = [word for word in arguments if "=" not in word]
    if not teachers:
        raise UsageError("there is no teacher; name a run, a checkpoint or a folder from Hugging Face")
    if resume and out is None:
        raise UsageError("--resume needs the folder of the run; give it with --out")
    asked = Asked(
        teachers,
        into,
        data=parts_of(data, dev, test),
        words=[word for word in arguments if "=" in word],
        name=name,
    )
    if dry_run:
        foreseen = foresee(asked, voice(quiet, json))
        show(foreseen, foreseen.lines(), quiet=quiet, json=json)
        return
    result = run(
        asked, out, voice(quiet or not speaks(), json), seeds=seeds, resume=resume, quiet=quiet or json
    )
    if speaks():
        show(result, result.lines(), quiet=quiet, json=json)
