"""One cell of a suite's plan: a row for a model with a seed, in a folder of its own that says what decided its numbers.

OUT/bert-small/rte/seed-1/cell.json       settings, checksums of records and model
                          results.jsonl   the cell's results: it is finished when they are there
                          recipe.yaml, environment.json, metrics.jsonl, checkpoints/   of the run, if one is trained
"""

import dataclasses
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bothways import files
from bothways.errors import UsageError
from bothways.finetuning.results import RESULTS, TaskResult, read_results, write_results
from bothways.recipe_files import flat
from bothways.suites import fingerprints
from bothways.suites.contestants import Contestant
from bothways.suites.cost import Cost

DECIDES = "cell.json"


class Work(Protocol):
    """What is done in a cell: `FineTuning`, `ZeroShot` or `Probing`."""

    @property
    def model(self) -> Contestant: ...

    @property
    def files(self) -> dict[str, str]: ...

    def settings(self) -> dict[str, Any]: ...

    def check(self) -> None: ...

    def read(self) -> Any: ...

    def metrics(self, read: Any = None) -> Sequence[str]: ...

    def judge(self, place: Path, *, quiet: bool) -> list[TaskResult]: ...

    def cost(self) -> Cost: ...


@dataclass(frozen=True)
class Cell:
    """A row for a model with a seed."""

    row: str
    seed: int
    work: Work
    place: Path

    @property
    def title(self) -> str:
        return f"{self.row}, {self.work.model.name}, seed {self.seed}"

    def decides(self) -> dict[str, Any]:
        """Return everything that decides its numbers; where files lie does not."""
        return {
            "settings": self.work.settings(),
            "records": {part: fingerprints.of_data(Path(path)) for part, path in self.work.files.items()},
            "model": fingerprints.of_model(self.work.model.folder),
        }


def finished(cell: Cell) -> list[TaskResult]:
    """Return the results that a cell already has, none where it is not finished.

    Raises `UsageError` where its folder holds a cell of other settings, records or another model.
    """
    written = cell.place / DECIDES
    if not written.exists():
        return []
    decides = cell.decides()
    _refuse_another(cell, json.loads(written.read_text(encoding="utf-8")), decides)
    return _named(cell, decides, read_results(cell.place / RESULTS))


def run(cell: Cell, *, quiet: bool, keep_model: bool) -> list[TaskResult]:
    """Do a cell that is not finished, from the start or from where it was interrupted.

    Its checkpoints are deleted at the end unless they are asked for; recipe, metrics and results stay.
    """
    decides = cell.decides()
    files.write_json(cell.place / DECIDES, decides)
    results = _named(cell, decides, cell.work.judge(cell.place, quiet=quiet))
    write_results(cell.place / RESULTS, results)
    if not keep_model:
        shutil.rmtree(cell.place / "checkpoints", ignore_errors=True)
    return results


def _named(cell: Cell, decides: dict[str, Any], results: Sequence[TaskResult]) -> list[TaskResult]:
    """Call the model by its name here, and sign with what decides: a run knows where its model lies, and no more."""
    digest, name = fingerprints.of_values(decides), cell.work.model.name
    return [dataclasses.replace(result, model=name, digest=digest) for result in results]


def _refuse_another(cell: Cell, before: dict[str, Any], now: dict[str, Any]) -> None:
    if before == now:
        return
    advice = f"evaluate into another folder with --out, or remove {cell.place} to judge anew"
    if before["model"] != now["model"]:
        raise UsageError(
            f"the model in {cell.work.model.folder} has changed since {cell.title} began; {advice}"
        )
    for part, path in cell.work.files.items():
        if before["records"].get(part) != now["records"][part]:
            raise UsageError(f"the records in {path} have changed since {cell.title} began; {advice}")
    old, new = flat(before["settings"]), flat(now["settings"])
    name = next(name for name in (*new, *old) if old.get(name) != new.get(name))
    raise UsageError(
        f"{cell.place} was begun with {name}={old.get(name)}, now it is {new.get(name)}; {advice}"
    )
