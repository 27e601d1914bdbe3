"""Everything needed to do it again: settings, versions, hardware, budget."""

import re
from collections.abc import Iterator, Mapping, Sequence

from bothways.pages.blocks import Block, Details, Group, Paragraph, Section, Table
from bothways.report.records import Records, Run, by_name
from bothways.report.written import flat


def reproduce(records: Records) -> Section | None:
    """Return what was written down of how the numbers came about; nothing where that is nothing."""
    blocks: list[Block] = [*_budgets(records), *_environments(records), *_settings(records)]
    return Section("Reproduce", blocks) if blocks else None


def _budgets(records: Records) -> Iterator[Block]:
    """Yield what each run of a comparison might use up."""
    for budget in records.budgets:
        yield Group("Budget", [Paragraph(f"{budget.in_words().capitalize()} for each run.")])


def _environments(records: Records) -> Iterator[Block]:
    """Yield versions and hardware: what all runs share, then what they do not, with whose it is.

    Where no run says its own, those that a comparison judged with stand for them.
    """
    runs = [(f"{run.name}, seed {run.seed}", run.environment) for run in (*records.runs, *records.cells)]
    known = [each for each in runs if each[1]]
    known = known or [(f"comparison {number}", each) for number, each in enumerate(records.environments, 1)]
    values: dict[str, dict[str, list[str]]] = {}
    for whose, environment in known:
        for name, value in flat(environment):
            values.setdefault(name, {}).setdefault(value, []).append(whose)
    shared = {name: next(iter(each)) for name, each in values.items() if _all_agree(each, len(known))}
    if shared:
        yield Group("Versions and machine", [Table(["what", "value"], list(shared.items()), words=True)])
    rows = [
        [name, value, "; ".join(whose)]
        for name, each in values.items()
        if name not in shared
        for value, whose in each.items()
    ]
    if rows:
        yield Group("What differs between runs", [Table(["what", "value", "of"], rows, words=True)])


def _all_agree(values: Mapping[str, Sequence[str]], runs: int) -> bool:
    return len(values) == 1 and all(len(whose) == runs for whose in values.values())


def _settings(records: Records) -> Iterator[Block]:
    """Yield the recipe of each run, once where seeds differ in nothing else."""
    if not records.runs:
        return
    blocks: list[Block] = [
        Paragraph(
            "Saved as a file, each of these trains its model again: bothways pretrain recipe.yaml", "note"
        )
    ]
    for name, runs in by_name(records.runs, "name").items():
        if len({_seedless(run) for run in runs}) == 1:
            seeds = ", ".join(str(run.seed) for run in runs)
            summary = f"{name}, {'seed' if len(runs) == 1 else 'seeds'} {seeds}"
            blocks.append(Details(summary, runs[0].settings))
        else:
            blocks += [Details(f"{name}, seed {run.seed}", run.settings) for run in runs]
    yield Group("Every setting", blocks)


def _seedless(run: Run) -> str:
    return re.sub(r"^seed: .*$", "", run.settings, count=1, flags=re.MULTILINE)
