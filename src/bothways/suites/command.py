"""`bothways evaluate`: do every cell of a suite that is not done yet, and show what is known in one table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bothways.errors import Interrupted
from bothways.finetuning.results import RESULTS, TaskResult, write_results
from bothways.suites.cells import Cell, finished, run
from bothways.suites.plan import Plan
from bothways.suites.summary import Line, summarise
from bothways.suites.table import report
from bothways.training.metrics import duration

Say = Callable[[str], None]
Known = dict[Path, list[TaskResult]]
"""The results of each cell that is finished, by its folder."""


@dataclass(frozen=True)
class Evaluated:
    """What an evaluation came to."""

    folder: Path
    suite: str
    scores: list[Line]
    text: list[str]

    def lines(self) -> list[str]:
        """Return the tables, what they were measured on, and where everything is."""
        return self.text


def evaluate(
    plan: Plan, say: Say = lambda _line: None, *, keep_models: bool = False, quiet: bool = False
) -> Evaluated:
    """Do what is not finished, row by row, and write all results to `results.jsonl` after each cell.

    Raises every `BothwaysError` of fine-tuning; `Interrupted` after a signal, with all that is done saved.
    """
    for note in plan.notes:
        say(note)
    known = {cell.place: results for cell in plan.cells if (results := finished(cell))}
    say(f"{len(plan.cells)} cells, {len(known)} of them done before, in {plan.folder}")
    for number, cell in enumerate(plan.cells, start=1):
        if cell.place in known:
            continue
        say(f"[{number}/{len(plan.cells)}] {cell.title}")
        known[cell.place] = _done(cell, plan, keep_models=keep_models, quiet=quiet)
        write_results(plan.folder / RESULTS, _in_order(plan.cells, known))
        say(_line(known[cell.place]))
        if _ends_round(plan.cells, number):
            for line in _outcome(plan, known).lines():
                say(line)
    write_results(plan.folder / RESULTS, _in_order(plan.cells, known))
    return _outcome(plan, known)


def _outcome(plan: Plan, known: Known) -> Evaluated:
    scores = summarise(_in_order(plan.cells, known), {name: row.also for name, row in plan.rows.items()})
    return Evaluated(plan.folder, plan.suite.title, scores, report(plan, scores))


def _done(cell: Cell, plan: Plan, *, keep_models: bool, quiet: bool) -> list[TaskResult]:
    try:
        return run(cell, quiet=quiet, keep_model=keep_models)
    except (Interrupted, KeyboardInterrupt) as stop:
        kept = "all is saved" if isinstance(stop, Interrupted) else "all that was finished is saved"
        raise Interrupted(
            f"stopped during {cell.title}, {kept}; go on with the same command and --out {plan.folder}"
        ) from stop


def _in_order(cells: Sequence[Cell], known: Known) -> list[TaskResult]:
    return [result for cell in cells if cell.place in known for result in known[cell.place]]


def _ends_round(cells: Sequence[Cell], number: int) -> bool:
    """Say whether the next cell, if there is one, has another seed."""
    return number < len(cells) and cells[number].seed != cells[number - 1].seed


def _line(results: Sequence[TaskResult]) -> str:
    last = results[-1]
    return f"{last.task}, {last.part}: {last.metric} {last.score:.3f} in {duration(last.seconds)}"
