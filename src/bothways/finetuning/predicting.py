"""`bothways predict`: what a fine-tuned model says of records that may have no labels."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bothways import files
from bothways.config import Settings, build
from bothways.errors import CheckpointError, UsageError
from bothways.finetuning.build import reader_of, tasks_of
from bothways.interop.folder import Model, read_model
from bothways.recipe_files import Values, merge_layers, parse_words, read_yaml
from bothways.records.columns import ColumnSettings
from bothways.records.read import read
from bothways.records.types import unlabelled
from bothways.runtime import choose_device
from bothways.tasks import Task
from bothways.tasks.answering import predict
from bothways.training.run_folder import resolve_run

Say = Callable[[str], None]


class DataWords(Settings):
    """`data.…`, as it is said to `finetune`."""

    columns: ColumnSettings = ColumnSettings()
    """Which columns of a table hold what."""


class PredictWords(Settings):
    """What may be said of the records to be asked about."""

    columns: ColumnSettings = ColumnSettings()
    """Which columns of a table hold what; guessed where nothing is said."""
    data: DataWords = DataWords()
    """The same in the words of `finetune`."""

    def said(self) -> Values:
        """Return the columns that are named, in whichever words."""
        return merge_layers(
            [each.model_dump(exclude_unset=True) for each in (self.data.columns, self.columns)]
        )


@dataclass(frozen=True)
class Predictions:
    """What a model said of each record."""

    predictions: list[dict[str, Any]]
    """One object a record: `where` it stands, and what the task says of it."""
    out: Path | None
    """Where they were written."""

    def lines(self) -> list[str]:
        """Return them as JSON lines, or where they are."""
        if self.out is not None:
            return [f"{len(self.predictions):,} predictions: {self.out}"]
        return [json.dumps(each, ensure_ascii=False) for each in self.predictions]


def predict_file(
    run: Path,
    path: str,
    words: Sequence[str] = (),
    *,
    name: str | None = None,
    out: Path | None = None,
    device: str = "auto",
    say: Say = lambda _line: None,
) -> Predictions:
    """Answer every record of a file with a fine-tuned model, and write JSON lines to `out` where it is given.

    `name` is the task's, of a model of several. What is read are the columns that the run was trained with, unless
    `words` such as `columns.text=review` say otherwise. `device` is `auto`, `cpu` or `cuda`; raises `UsageError` for
    one that there is not.
    """
    place = choose_device(device)
    said = build(PredictWords, parse_words(words), "predict").said()
    folder = resolve_run(run, say)
    model, missing = read_model(folder)
    task = task_named(model, name, folder, missing)
    columns = ColumnSettings(**merge_layers([columns_of(folder, name), said]))
    kind: Any = task.settings.kind
    labelled = read(path, kind, columns, labelled=False)
    for line in labelled.reading.lines():
        say(line)
    encoder = model.encoder.to(place)
    asked = [unlabelled(record) for record in labelled.records]
    answers = predict(task.to(place), encoder, asked, reader_of(model, task))
    predictions = [
        {"where": record.where, **each} for record, each in zip(labelled.records, answers, strict=True)
    ]
    if out is not None:
        files.write_text(out, "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in predictions))
    return Predictions(predictions, out)


def columns_of(checkpoint: Path, name: str | None) -> Values:
    """Return which columns a task of a run was told to read; nothing where the checkpoint lies in no run."""
    written = checkpoint.resolve().parent.parent / "recipe.yaml"
    if checkpoint.resolve().parent.name != "checkpoints" or not written.is_file():
        return {}
    tasks: Values = read_yaml(written).get("tasks", {})
    task = tasks.get(str(name)) if name in tasks or len(tasks) != 1 else next(iter(tasks.values()))
    columns: Values = (task or {}).get("data", {}).get("columns", {})
    return columns


def task_named(model: Model, name: str | None, folder: Path, missing: Sequence[str]) -> Task[Any]:
    """Return the task that is asked for; raise `UsageError` where it must be named, or is not there."""
    objective: Any = model.objective
    if not isinstance(objective, Task) and not hasattr(objective, "tasks"):
        raise CheckpointError(
            f"{folder} was pretrained and does no task yet; train it first: bothways finetune, "
            "or ask it with bothways fill and bothways score"
        )
    lacking = [each for each in missing if each.startswith("objective.")]
    if lacking:
        raise CheckpointError(f"{folder} lacks {lacking[0]} of its head; give a whole copy")
    tasks = tasks_of(objective)
    if name in tasks or (name is None and len(tasks) == 1):
        return tasks[name] if name in tasks else next(iter(tasks.values()))
    known = ", ".join(str(each) for each in tasks if each is not None)
    raise UsageError(
        f"{folder} does {f'several tasks: {known}' if known else 'one task'}; "
        + ("name one with --as" if known else "leave out --as")
    )
