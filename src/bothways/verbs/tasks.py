"""Verbs that teach a model tasks, use it and judge it: `finetune`, `predict`, `evaluate`."""

from pathlib import Path
from typing import Annotated

import typer

from bothways.errors import UsageError
from bothways.verbs.output import show, speaks, voice
from bothways.verbs.words import Dev, DryRun, Json, Out, Quiet, Resume, Run, Seeds, Test, Words, parts_of


def finetune(
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN",
            help="A run folder (its best checkpoint), a checkpoint, or a model folder; may stand in --tasks.",
        ),
    ] = None,
    words: Words = None,
    task: Annotated[
        str | None,
        typer.Option(metavar="KIND", help="classify, regress, tag, answer, choose or embed; else guessed."),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Labelled records to learn from; short for data.train=PATH."),
    ] = None,
    dev: Dev = None,
    test: Test = None,
    tasks: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A recipe of several tasks, or a run's recipe.yaml.")
    ] = None,
    seeds: Seeds = 1,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first bad row.")] = False,
    resume: Resume = False,
    out: Out = None,
    dry_run: DryRun = False,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Train a pretrained model to a task, or to several.

    Tables have their columns guessed and shown; name them with data.columns.text and so on. The learning rate is 3e-4
    up to a width of 512, 1e-4 for wider models; set it with training.optimizer.learning_rate.

    \b
    bothways finetune runs/bert-small-1 --task classify --data train.csv --dev dev.csv
    bothways finetune runs/bert-small-1 --data train.conll --task tag training.epochs=5
    bothways finetune runs/bert-small-1 --tasks tasks.yaml --out runs/several
    """
    from bothways.finetuning.command import finetune as train
    from bothways.finetuning.forecast import foresee
    from bothways.finetuning.recipes import asked_for
    from bothways.finetuning.seeds import finetune_seeds

    words = words or []
    if run is not None and "=" in run and not Path(run).exists():  # a setting, where --tasks names the model
        words = [run, *words]
        run = None
    recipe = asked_for(
        None if run is None else Path(run),
        kind=task,
        data=parts_of(data, dev, test),
        file=tasks,
        words=words,
        strict=strict,
    )
    if dry_run:
        foreseen = foresee(recipe, voice(quiet, json))
        show(foreseen, foreseen.lines(), quiet=quiet, json=json)
        return
    if seeds != 1 and resume:
        raise UsageError("--seeds goes on by itself where it was interrupted; leave out --resume")
    if resume and out is None:
        raise UsageError("--resume needs the folder of the run; give it with --out")
    result = (
        train(recipe, out, resume=resume, quiet=quiet or json)
        if seeds == 1
        else finetune_seeds(recipe, seeds, out, voice(quiet or not speaks(), json), quiet=quiet or json)
    )
    if speaks():
        show(result, result.lines(), quiet=quiet, json=json)


def predict(
    run: Run,
    file: Annotated[str, typer.Argument(metavar="FILE", help="Records; they need no labels.")],
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=VALUE",
            help="What is read, such as columns.text=review; else as in training.",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--as", metavar="TASK", help="Which task, of a model of several.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to write JSON lines; else they are printed.")
    ] = None,
    device: Annotated[
        str,
        typer.Option(metavar="NAME", help="Where to compute: auto (a GPU where there is one), cpu or cuda."),
    ] = "auto",
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Ask a fine-tuned model about records.

    \b
    bothways predict runs/classify-1 new.csv --out predictions.jsonl
    bothways predict runs/several new.csv --as sentiment
    """
    from bothways.finetuning.predicting import predict_file

    result = predict_file(run, file, words or [], name=name, out=out, device=device, say=voice(quiet, json))
    show(result, result.lines(), quiet=quiet, json=json)


def evaluate(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL... [SECTION.KEY=VALUE]...",
            help="Runs, checkpoints or model folders, and settings of all fine-tuning runs.",
        ),
    ],
    suite: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="glue, text, squad, choice, ner, pos, blimp, chinese, or a YAML file."
        ),
    ],
    data: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the suite's data lies.")],
    rows: Annotated[
        str | None, typer.Option(metavar="NAME,NAME", help="Only these rows of the suite.")
    ] = None,
    seeds: Annotated[int, typer.Option(metavar="K", help="Runs of each row, with the seeds 1 to K.")] = 1,
    full: Annotated[
        bool, typer.Option("--full", help="Use all records, not 8,000 a task and 100 pairs a paradigm.")
    ] = False,
    keep_models: Annotated[
        bool, typer.Option("--keep-models", help="Keep the fine-tuned models, not only their results.")
    ] = False,
    out: Out = None,
    dry_run: DryRun = False,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Judge models on a suite of tasks.

    Fine-tunes each model to each task with each seed; run it again with --out to go on after an interruption.

    \b
    bothways evaluate runs/bert-small-1 --suite glue --data tasks/
    bothways evaluate runs/bert-small-1 runs/xlnet-small-1 --suite glue --data tasks/ --seeds 3 --out glue/
    bothways evaluate runs/bert-small-1 --suite my.yaml --data . training.epochs=5 rows.mine.task.length=256
    """
    from bothways.suites.command import evaluate as run
    from bothways.suites.forecast import foresee
    from bothways.suites.plan import planned

    plan = planned(
        [word for word in models if "=" not in word],
        [word for word in models if "=" in word],
        suite=suite,
        data=data,
        rows=[name.strip() for name in rows.split(",")] if rows else [],
        seeds=seeds,
        full=full,
        out=out,
        say=voice(quiet, json),
    )
    result = (
        foresee(plan, voice(quiet, json))
        if dry_run
        else run(plan, voice(quiet, json), keep_models=keep_models, quiet=quiet or json)
    )
    show(result, result.lines(), quiet=quiet, json=json)
