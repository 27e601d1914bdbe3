"""`bothways evaluate --dry-run`: what there is to do, and about how long it takes here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.table import Table

from bothways.evaluate import lines_of
from bothways.suites.cells import Cell, finished
from bothways.suites.cost import Cost
from bothways.suites.plan import Plan
from bothways.training.metrics import duration

Say = Callable[[str], None]
NONE = "–"


@dataclass(frozen=True)
class Expected:
    """One row for one model."""

    row: str
    model: str
    runs: int
    """Cells that are not finished."""
    cost: Cost | None
    """Of one of them; None where nothing is to do."""


@dataclass(frozen=True)
class Foreseen:
    """What an evaluation would do."""

    expected: list[Expected]
    notes: list[str]

    def lines(self) -> list[str]:
        """Return a table with a line for each row and model, and the time of all."""
        runs = sum(each.runs for each in self.expected)
        seconds = sum(each.runs * each.cost.seconds for each in self.expected if each.cost)
        return [
            *lines_of(self.table()),
            *self.notes,
            f"{runs} runs, about {duration(seconds)} here in all, measured on a few steps of each",
            "nothing was written; leave out --dry-run to do it",
        ]

    def table(self) -> Table:
        """Return a line for each row and model."""
        table = Table()
        for heading in ("task", "model"):
            table.add_column(heading, no_wrap=True)
        for heading in ("train", "dev", "test", "steps", "runs to do", "a run takes"):
            table.add_column(heading, justify="right", no_wrap=True)
        for each in self.expected:
            if each.cost is None:
                table.add_row(each.row, each.model, *[NONE] * 4, "0", NONE)
                continue
            cost = each.cost
            numbers = (*(cost.records[part] for part in ("train", "dev", "test")), cost.steps, each.runs)
            table.add_row(
                each.row, each.model, *(f"{number:,}" for number in numbers), duration(cost.seconds)
            )
        return table


def foresee(plan: Plan, say: Say) -> Foreseen:
    """Read all records, time a little of everything, and say what would happen; writes nothing."""
    found = []
    for cell in (cell for cell in plan.cells if cell.seed == 1):
        runs = sum(not finished(other) for other in _of_all_seeds(plan.cells, cell))
        if runs:
            say(f"{cell.row}, {cell.work.model.name}: reading and timing")
        found.append(Expected(cell.row, cell.work.model.name, runs, cell.work.cost() if runs else None))
    return Foreseen(found, plan.notes)


def _of_all_seeds(cells: Sequence[Cell], cell: Cell) -> list[Cell]:
    return [
        other for other in cells if (other.row, other.work.model.name) == (cell.row, cell.work.model.name)
    ]
