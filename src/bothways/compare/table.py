"""One row a recipe: size, speed, and what it pays for held-out text. A pure function of results."""

from collections.abc import Sequence
from statistics import median

from rich.table import Table

from bothways.compare.results import Result
from bothways.evaluate.estimate import Estimate
from bothways.evaluate.score import NONE
from bothways.metrics.student import student_interval

COLUMNS = {
    "leave_one_out_nats": "leave\none out",
    "independent_span_nats_per_token": "spans\nat once",
    "chain_span_nats_per_token": "spans left\nto right",
    "left_to_right_nats": "left\nto right",
    "left_to_right_memory_nats": "left to right\nwith memory",
}
"""Key of a measurement -> heading; all are nats per token."""
UNIGRAM = "unigram"
WIDTH = 1000
"""Columns that no table reaches: a number is never cut off, whatever the terminal."""


def comparison_table(results: Sequence[Result]) -> Table:
    """Return the table: the unigram first where all models share its tokens, then the recipes as they come.

    With several seeds a number is their mean.
    """
    table = Table(title="held-out text, nats per token; lower is better", title_justify="left")
    keys = [key for key in COLUMNS if any(_estimate(result, key) for result in results)]
    for heading in ("recipe", "para-\nmeters", "tokens\nread", "tokens/s", *(COLUMNS[key] for key in keys)):
        table.add_column(heading, justify="left" if heading == "recipe" else "right", no_wrap=True)
    baseline = [_shared_unigram(results, key) for key in keys]
    if any(cell != NONE for cell in baseline):
        table.add_row(UNIGRAM, NONE, NONE, NONE, *baseline)
    for name in dict.fromkeys(result.recipe for result in results):
        table.add_row(*_row([result for result in results if result.recipe == name], keys))
    return table


def margin_note(results: Sequence[Result]) -> str:
    """Say how the table's speeds and, of several seeds, its margins were found."""
    seeds = {result.seed for result in results}
    over = f"{len(seeds)} seeds: means, and ± is half of a 95% interval over them; " if len(seeds) > 1 else ""
    return f"{over}tokens/s is the median while training"


def _row(seeds: Sequence[Result], keys: Sequence[str]) -> list[str]:
    first = seeds[0]
    whose = first.score.answered_by
    return [
        f"{first.recipe}, {whose}" if whose else first.recipe,
        f"{first.parameters / 1e6:.1f} M",
        f"{first.tokens / 1e6:.1f} M",
        f"{median(result.tokens_per_second for result in seeds):,.0f}",
        *(over_seeds([_estimate(result, key) for result in seeds]) for key in keys),
    ]


def over_seeds(estimates: Sequence[Estimate | None]) -> str:
    """Return a cell: one seed's own interval, or the mean of several with Student's interval over them."""
    known = [estimate for estimate in estimates if estimate is not None]
    if len(known) < len(estimates) or not known:
        return NONE
    if len(known) == 1:
        return str(known[0])
    interval = student_interval([estimate.mean for estimate in known])
    return f"{interval.value:.3f} ± {interval.margin:.3f}"


def _estimate(result: Result, key: str) -> Estimate | None:
    return next((item.model for item in result.score.measurements if item.key == key), None)


def _shared_unigram(results: Sequence[Result], key: str) -> str:
    """Return the baseline of a measure; none where models of different tokenizers have different ones."""
    found = {
        str(item.unigram)
        for result in results
        for item in result.score.measurements
        if item.key == key and item.unigram is not None
    }
    return found.pop() if len(found) == 1 else NONE
