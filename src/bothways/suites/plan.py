"""Which cells there are: rows times models times seeds, seed after seed, so that a first table is there early."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bothways.config import build, nearest
from bothways.errors import UsageError
from bothways.finetuning.results import RESULTS
from bothways.pretrain import next_folder
from bothways.recipe_files import Values, parse_words
from bothways.suites.cells import Cell, Work
from bothways.suites.contestants import Contestant, Say, contestants
from bothways.suites.fine_tuning import FineTuning, fine_tuning
from bothways.suites.probing import Probing
from bothways.suites.reading import chosen, found_rows, read_suite
from bothways.suites.settings import ASKED, Files, PairTask, ProbeTask, Row, Suite
from bothways.suites.zero_shot import ZeroShot
from bothways.task_recipe import TaskData, TaskRecipe

_OURS = frozenset({"name", "seed", "model", "tasks", "mix"})
"""Settings of a recipe that the suite decides."""


@dataclass(frozen=True)
class Plan:
    """What is evaluated."""

    suite: Suite
    models: list[Contestant]
    rows: dict[str, Row]
    files: dict[str, Files]
    """Where the files of each row lie."""
    data: dict[str, TaskData]
    """Files and limits of each row that is learned."""
    asked: dict[str, PairTask]
    """How each row that is not learned is asked."""
    cells: list[Cell]
    full: bool
    """Whether all records are used, and none of the caps."""
    seeds: int
    folder: Path
    notes: list[str]
    """What is left out or cut, and why."""


def planned(
    references: Sequence[str],
    words: Sequence[str] = (),
    *,
    suite: str,
    data: Path,
    rows: Sequence[str] = (),
    seeds: int = 1,
    full: bool = False,
    out: Path | None = None,
    say: Say = lambda _line: None,
) -> Plan:
    """Return every cell, with all that a person can get wrong found before anything is trained.

    `words` are settings of all fine-tuning runs, such as `training.epochs=5`, and `rows.NAME.…` changes one row.
    """
    if seeds < 1:
        raise UsageError(f"--seeds is {seeds}; give 1 or more")
    values = parse_words(words)
    name, read = read_suite(suite, values.pop("rows", None))
    _refuse_ours(values)
    models = contestants(references, say)
    wanted = chosen(read, rows)
    files, notes = found_rows(wanted, data)
    wanted = {row: wanted[row] for row in files}
    _refuse_untaught(wanted, models)
    _refuse_idle(wanted, values)
    length = min((each.longest for each in models if each.longest is not None), default=None)
    notes += _cut(wanted, length)
    folder = out or next_folder(name)
    cells = [
        Cell(row, seed, work, folder / model.name / row / f"seed-{seed}")
        for seed in range(1, seeds + 1)
        for row in wanted
        for model in models
        if (
            work := _work(
                row, wanted[row], files[row], model, seed, length, full, _meant(row, wanted, values)
            )
        )
        is not None
    ]
    _check(wanted, cells)
    return Plan(read, models, wanted, files, _data(cells), _asked(cells), cells, full, seeds, folder, notes)


def _work(
    name: str,
    row: Row,
    files: Files,
    model: Contestant,
    seed: int,
    length: int | None,
    full: bool,
    words: Values,
) -> Work | None:
    """Return what is to do; nothing where another seed would ask the same again."""
    if not isinstance(row.task, ASKED):
        return fine_tuning(name, row, files, model, seed=seed, length=length, full=full, words=words)
    if seed > 1:
        return None
    if isinstance(row.task, ProbeTask):
        return Probing(name, model, files.parts["test"])
    task = row.task.model_dump(mode="json") | ({"limit": None} if full else {}) | words.get("task", {})
    return ZeroShot(name, model, build(PairTask, task, f"the row {name}"), files.parts["test"])


def _meant(name: str, rows: Mapping[str, Row], values: Values) -> Values:
    """Return the words that are about a row: how pairs are asked is nothing to learn, and the other way round."""
    if "task" not in values or not _are_mixed(rows):
        return values
    own, pairs = type(rows[name].task).model_fields, PairTask.model_fields
    is_asked = isinstance(rows[name].task, ASKED)
    task = {
        key: value
        for key, value in values["task"].items()
        if key in own or (key not in pairs and not is_asked)
    }
    return {**values, "task": task}


def _are_mixed(rows: Mapping[str, Row]) -> bool:
    return len({isinstance(row.task, ASKED) for row in rows.values()}) > 1


def _refuse_idle(rows: Mapping[str, Row], values: Values) -> None:
    """Refuse words that would change nothing."""
    idle = next((name for name in values if name != "task"), None)
    if idle is not None and all(isinstance(row.task, ASKED) for row in rows.values()):
        raise UsageError(
            f"{', '.join(rows)}: nothing is learned here, so {idle} would change nothing; leave it out, or change how "
            "pairs are asked, such as task.limit=20"
        )


def _check(rows: Mapping[str, Row], cells: Sequence[Cell]) -> None:
    """Find what cannot be done before anything is: each model is asked, and the records of a row are read once.

    Rows that are finished are not read again.
    """
    for name, row in rows.items():
        of_row = [cell for cell in cells if cell.row == name]
        to_do = [cell.work for cell in of_row if not (cell.place / RESULTS).exists()]
        for work in to_do:
            work.check()
        read = to_do[0].read() if to_do else None
        known = of_row[0].work.metrics(read) if row.also else []
        if unknown := next((metric for metric in row.also if metric not in known), None):
            raise UsageError(f"{name} has no metric {unknown!r} to show; {nearest(unknown, known)}")


def _asked(cells: Sequence[Cell]) -> dict[str, PairTask]:
    return {cell.row: cell.work.task for cell in cells if isinstance(cell.work, ZeroShot)}


def _data(cells: Sequence[Cell]) -> dict[str, TaskData]:
    return {
        cell.row: part.data
        for cell in cells
        if isinstance(cell.work, FineTuning)
        for part in cell.work.recipe.tasks.values()
    }


def _refuse_ours(values: Values) -> None:
    known = sorted({*TaskRecipe.model_fields, "task", "data", "rows"} - _OURS)
    taken = next((name for name in values if name in _OURS), None)
    if taken is not None:
        raise UsageError(f"{taken} is the suite's own to say; change {', '.join(known)}")


def _refuse_untaught(rows: dict[str, Row], models: Sequence[Contestant]) -> None:
    """What is asked needs a model that still predicts tokens, and a blank one that looks to both of its sides."""
    asked = next((name for name, row in rows.items() if isinstance(row.task, ASKED)), None)
    tuned = next((model for model in models if not model.is_pretrained), None)
    if asked is not None and tuned is not None:
        raise UsageError(
            f"{tuned.name} was fine-tuned, and {asked} asks for the probability of tokens, which it has no head for; "
            "give the pretrained model that it came from, or other rows with --rows"
        )
    probed = next((name for name, row in rows.items() if isinstance(row.task, ProbeTask)), None)
    one_sided = next((model for model in models if "joint spans" not in model.answers), None)
    if probed is not None and one_sided is not None:
        raise UsageError(
            f"{one_sided.name} sees one side of a blank, and {probed} asks it to fill some; give other models, or "
            "other rows with --rows"
        )


def _cut(rows: dict[str, Row], length: int | None) -> list[str]:
    """Say which rows are shorter than the suite wants them."""
    wanted = {name: row.task.length for name, row in rows.items() if not isinstance(row.task, ASKED)}
    cut = [name for name, each in wanted.items() if length is not None and each > length]
    return (
        [f"{', '.join(cut)}: texts are cut to {length} tokens, the most that all models read"] if cut else []
    )
