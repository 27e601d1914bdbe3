"""Everything needed to do it again: settings, versions, hardware, budget."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bothways.pages.blocks import Block, Details, Group, Paragraph, Section, Table
from bothways.report.records import Records, Run, by_name


def reproduce(records: Records) -> Section | None:
    """Return what was written down of how the numbers came about; nothing where that is nothing."""
    blocks: list[Block] = [*_facts(records), *_environments(records), *_settings(records)]
    return Section("Reproduce", blocks) if blocks else None


def _facts(records: Records) -> Iterator[Block]:
    """Yield what a comparison wrote down of itself, such as its budget."""
    for name, facts in records.facts:
        yield Group(name.capitalize(), [Table(["what", "value"], flat(facts), words=True)])


def _environments(records: Records) -> Iterator[Block]:
    """Yield versions and hardware, each once, with the runs that had them."""
    found: dict[str, tuple[list[list[str]], list[str]]] = {}
    for run in records.runs:
        rows = [row for row in flat(run.environment) if row[0] not in ("parameters",)]
        found.setdefault(repr(rows), (rows, []))[1].append(f"{run.name}, seed {run.seed}")
    for rows, whose in found.values():
        if rows:
            who = "all runs" if len(found) == 1 else "; ".join(whose)
            yield Group(f"Versions and machine of {who}", [Table(["what", "value"], rows, words=True)])


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


def flat(values: Mapping[str, Any], prefix: str = "") -> list[list[str]]:
    """Return name and value of each fact; those inside others are named `outer.inner`."""
    rows: list[list[str]] = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            rows += flat(value, f"{prefix}{key}.")
        elif isinstance(value, list | tuple):
            rows.append([prefix + str(key), ", ".join(map(str, value)) or "none"])
        else:
            rows.append([prefix + str(key), "none" if value is None else str(value)])
    return rows
