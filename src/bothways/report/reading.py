"""What kind of folder it is that a report is asked about, and the records in it.

A comparison has `results.jsonl` of recipes, an evaluation `results.jsonl` of tasks, claims `findings.jsonl`, and a run
`metrics.jsonl` beside its `recipe.yaml`. A folder may be several of these.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from bothways.compare import results as comparison
from bothways.compare.budget import Budget
from bothways.compare.contamination import Contamination
from bothways.compare.pairs import Pair
from bothways.compare.quality import Quality
from bothways.compare.record import RECORD, TASKS, Fill
from bothways.errors import DataError, UsageError
from bothways.finetuning import results as evaluation
from bothways.report.records import Records, Run, Told
from bothways.training.metrics import read_metrics

FINDINGS = "findings.jsonl"

_TOLD = TypeAdapter(Told)


@dataclass(frozen=True)
class Judged:
    """What this page knows of `comparison.json`; before a comparison has ended there is no such file."""

    budget: Budget | None = None
    compared: frozenset[tuple[str, int]] = frozenset()
    verdicts: tuple[Mapping[str, Any], ...] = ()
    pairs: tuple[Pair, ...] = ()
    qualities: tuple[Quality, ...] = ()
    contamination: tuple[Contamination, ...] = ()
    notes: tuple[str, ...] = ()
    environment: Mapping[str, Any] = field(default_factory=dict)
    fills: tuple[Fill, ...] = ()

    def speaks_of(self, model: str, seed: int) -> bool:
        """Whether a model is of this comparison: the files of results may hold others, of earlier ones."""
        return not self.compared or (model, seed) in self.compared


_JUDGED = TypeAdapter(Judged)


def read(folder: Path) -> Records:
    """Return the records of a folder.

    Raises `UsageError` for a folder without any, and `DataError` for files that hold something else.
    """
    if not folder.is_dir():
        raise UsageError(
            f"{folder} is no folder; give the folder of a comparison, an evaluation, claims or a run"
        )
    found = sum((reader(folder) for reader in (_comparison, _evaluation, _claims, _run)), Records())
    if found == Records():
        raise UsageError(
            f"{folder} holds no results.jsonl, findings.jsonl or metrics.jsonl with results in it; give the folder of "
            "a comparison, an evaluation, claims or a run"
        )
    return replace(found, folders=(str(folder),))


def _comparison(folder: Path) -> Records:
    if "recipe" not in next(_lines(folder / comparison.RESULTS), {}):
        return Records()
    judged = _judged(folder / RECORD)
    results = comparison.read_results(folder)
    known = [each for each in results if judged.speaks_of(each.recipe, each.seed)]
    tasks = evaluation.read_results(folder / TASKS)
    return Records(
        results=tuple(known),
        budgets=() if judged.budget is None else (judged.budget,),
        verdicts=tuple((_asked(each), str(each.get("sentence", ""))) for each in judged.verdicts),
        pairs=judged.pairs,
        qualities=judged.qualities,
        contamination=judged.contamination,
        notes=judged.notes,
        fills=judged.fills,
        environments=(judged.environment,) if judged.environment else (),
        tasks=tuple(each for each in tasks if judged.speaks_of(each.model, each.seed)),
        runs=tuple(run for result in known if (run := _run_of(result, folder)) is not None),
    )


def _judged(path: Path) -> Judged:
    try:
        return _JUDGED.validate_python(_object(path))
    except ValidationError as error:
        raise DataError(f"{path} cannot be read ({_why(error)}); run the same comparison again") from None


def _asked(verdict: Mapping[str, Any]) -> str:
    """Return the question of a verdict in words."""
    question = verdict.get("question", "")
    return str(question.get("about", "") if isinstance(question, Mapping) else question)


def _evaluation(folder: Path) -> Records:
    lines = _lines(folder / evaluation.RESULTS)
    if "task" not in next(lines, {}):
        return Records()
    cells = sorted(folder.glob("*/*/*/recipe.yaml"))
    return Records(
        tasks=tuple(evaluation.read_results(folder / evaluation.RESULTS)),
        cells=tuple(_cell(path.parent) for path in cells if _is_run(path.parent)),
    )


def _cell(folder: Path) -> Run:
    """Return the fine-tuning of a model to a task, whose folder is called after both: MODEL/TASK/seed-1."""
    model, task = folder.parent.parent.name, folder.parent.name
    return replace(_read_run(folder), name=f"{model}, {task}")


def _claims(folder: Path) -> Records:
    path = folder / FINDINGS
    try:
        return Records(claims=tuple(_TOLD.validate_python(line, strict=False) for line in _lines(path)))
    except ValidationError as error:
        raise DataError(
            f"{path} holds a line that is no finding ({_why(error)}); remove it to measure anew"
        ) from None


def _run(folder: Path) -> Records:
    if not _is_run(folder):
        return Records()
    return Records(runs=(replace(_read_run(folder), name=folder.resolve().name),))


def _run_of(result: comparison.Result, folder: Path) -> Run | None:
    """Return what is left of the run of a result: in the folder of its name and seed, or where its checkpoint lay."""
    named = folder / result.recipe.replace("/", "-") / f"seed-{result.seed}"
    for place in (named, folder / Path(result.checkpoint).parent.parent.name):
        if _is_run(place):
            return replace(_read_run(place), name=result.recipe, seed=result.seed)
    return None


def _is_run(folder: Path) -> bool:
    return (folder / "metrics.jsonl").exists() and (folder / "recipe.yaml").exists()


def _read_run(folder: Path) -> Run:
    settings = (folder / "recipe.yaml").read_text(encoding="utf-8")
    try:
        values = yaml.safe_load(settings)
    except yaml.YAMLError:
        values = None
    if not isinstance(values, dict):
        raise DataError(f"{folder / 'recipe.yaml'} is no recipe; remove the folder from the report") from None
    name, seed = str(values.get("name", folder.name)), int(values.get("seed", 1))
    environment = _object(folder / "environment.json")
    return Run(name, seed, read_metrics(folder / "metrics.jsonl"), settings, environment)


def _object(path: Path) -> dict[str, Any]:
    """Return the JSON object of a file, an empty one where there is no file."""
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise DataError(f"{path} holds no JSON object; remove it, and the report goes without")
    return found


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects of a file, none where there is no file."""
    if not path.exists():
        return
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            found = json.loads(line)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise DataError(f"line {number} of {path} is no JSON object; remove the line to read the others")
        yield found


def _why(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
