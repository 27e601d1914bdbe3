"""The verb that teaches a small model by larger ones: `distil`."""

from typing import Annotated

import typer

from bothways.errors import UsageError
from bothways.verbs.output import show, voice
from bothways.verbs.words import DryRun, Json, Out, Quiet


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
    dev: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Records that choose the best checkpoint; else a tenth."),
    ] = None,
    test: Annotated[
        str | None, typer.Option(metavar="PATH", help="Records that are judged at the end.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--as", metavar="TASK", help="Which task, of teachers of several.")
    ] = None,
    seeds: Annotated[int, typer.Option(metavar="K", help="Runs of a task with the seeds 1 to K.")] = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the newest whole checkpoint.")] = False,
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
    files = {"train": data, "dev": dev, "test": test}
    asked = Asked(
        teachers,
        into,
        data={part: path for part, path in files.items() if path is not None},
        words=[word for word in arguments if "=" in word],
        name=name,
    )
    if dry_run:
        foreseen = foresee(asked, voice(quiet, json))
        show(foreseen, foreseen.lines(), quiet=quiet, json=json)
        return
    result = run(asked, out, voice(quiet, json), seeds=seeds, resume=resume, quiet=quiet or json)
    show(result, result.lines(), quiet=quiet, json=json)
