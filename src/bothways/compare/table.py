"""One row a recipe: size, speed, what it pays for held-out text and scores on tasks. A pure function of results."""

from collections.abc import Sequence
from statistics import median

from rich.table import Table

from bothways.compare.pairs import POINTS, judged_part
from bothways.compare.quality import Quality
from bothways.compare.questions import OWN_TOKENIZERS
from bothways.compare.results import Result
from bothways.evaluate import lines_of
from bothways.evaluate.estimate import Estimate
from bothways.evaluate.score import NONE
from bothways.finetuning.results import TaskResult
from bothways.metrics.bootstrap import affordable, bootstrap
from bothways.metrics.interval import Interval
from bothways.metrics.student import student_interval
from bothways.suites.summary import MEASURES, run_of
from bothways.training.metrics import duration

COLUMNS = {
    "leave_one_out_nats": "leave\none out",
    "independent_span_nats_per_token": "spans\nat once",
    "chain_span_nats_per_token": "spans left\nto right",
    "left_to_right_nats": "left\nto right",
    "left_to_right_memory_nats": "left to right\nwith memory",
    OWN_TOKENIZERS: "whole\nwords",
}
"""Key of a measurement -> heading; all are nats per token, but for whole words, which are per character."""
UNIGRAM = "unigram"
WIDTH = 1000
"""Columns that no table reaches: a number is never cut off, whatever the terminal."""


def comparison_lines(
    results: Sequence[Result], tasks: Sequence[TaskResult], qualities: Sequence[Quality]
) -> list[str]:
    """Return all tables, and what must be known of their numbers."""
    tables = [comparison_table(results)]
    if tasks:
        tables.append(task_table(tasks))
    return [
        "",
        *lines_of(*tables, width=WIDTH),
        results[0].score.note(),
        *_scored_alike(results),
        margin_note(results),
        *(quality_note(each) for each in qualities),
    ]


def comparison_table(results: Sequence[Result]) -> Table:
    """Return the table: the unigram first where all models share its tokens, then the recipes as they come.

    With several seeds a number is their mean. Models of different tokenizers are compared by character alone.
    """
    shown = [key for key in COLUMNS if any(_estimate(result, key) for result in results)]
    has_own = OWN_TOKENIZERS in shown
    keys = [OWN_TOKENIZERS] if has_own else shown
    unit = "character" if has_own else "token"
    table = Table(title=f"held-out text, nats per {unit}; lower is better", title_justify="left")
    headings = (
        "recipe",
        "para-\nmeters",
        "tokens\nread",
        "tokens/s",
        "memory",
        *(COLUMNS[key] for key in keys),
    )
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "recipe" else "right", no_wrap=True)
    baseline = [_shared_unigram(results, key) for key in keys]
    if any(cell != NONE for cell in baseline):
        table.add_row(UNIGRAM, *[NONE] * 4, *baseline)
    for name in dict.fromkeys(result.recipe for result in results):
        table.add_row(*_row([result for result in results if result.recipe == name], keys))
    return table


def task_table(tasks: Sequence[TaskResult]) -> Table:
    """Return a row for each task and a column for each recipe: scores times 100."""
    models = list(dict.fromkeys(result.model for result in tasks))
    table = Table(title="tasks, scores × 100; higher is better", title_justify="left")
    for heading in ("task", "metric"):
        table.add_column(heading, no_wrap=True)
    for heading in ("judged on", "without\nreading", *models):
        table.add_column(heading, justify="right", no_wrap=True)
    for name in dict.fromkeys(result.task for result in tasks):
        judged = judged_part(tasks, name)
        first = judged[0]
        cells = [_score([result for result in judged if result.model == model]) for model in models]
        table.add_row(name, first.metric, f"{first.examples:,}", f"{POINTS * first.baseline:.1f}", *cells)
    return table


def quality_note(quality: Quality) -> str:
    """Say what it cost each recipe to become as good as the worst one."""
    costs = ", ".join(
        f"{recipe} {cost.tokens:,.0f} tokens and {duration(cost.seconds)}"
        for recipe, cost in quality.costs.items()
    )
    return f"to {quality.measure.replace('_', ' ')} of {quality.level:.3f}, where the worst ends: {costs}"


def margin_note(results: Sequence[Result]) -> str:
    """Say how the table's speeds and, of several seeds, its margins were found."""
    seeds = {result.seed for result in results}
    over = f"{len(seeds)} seeds: means, and ± is half of a 95% interval over them; " if len(seeds) > 1 else ""
    return f"{over}tokens/s is the median while training, memory the most that it needed"


def _scored_alike(results: Sequence[Result]) -> list[str]:
    """Say of which tokens left to right is, where that is asked."""
    asked = any(_estimate(result, "left_to_right_nats") for result in results)
    return [
        "left to right: the first token of a window is not scored, since not every model has something before it"
    ] * asked


def _row(seeds: Sequence[Result], keys: Sequence[str]) -> list[str]:
    first = seeds[0]
    whose = first.score.answered_by
    needed = [result.memory for result in seeds if result.memory is not None]
    return [
        f"{first.recipe}, {whose}" if whose else first.recipe,
        f"{first.parameters / 1e6:.1f} M",
        f"{first.tokens / 1e6:.1f} M",
        f"{median(result.tokens_per_second for result in seeds):,.0f}",
        f"{max(needed) / 2**30:.2f} GiB" if needed else NONE,
        *(over_seeds([_estimate(result, key) for result in seeds]) for key in keys),
    ]


def _score(seeds: Sequence[TaskResult]) -> str:
    """Return a cell: the mean over seeds, with an interval over seeds and examples; one seed has its own."""
    if not seeds:
        return NONE
    first = seeds[0]
    interval = Interval(first.score, first.low, first.high)
    if len(seeds) > 1:
        measure, resamples = MEASURES[first.kind][first.metric], affordable(first.examples * len(seeds))
        interval = bootstrap(measure, [run_of(result) for result in seeds], resamples=resamples)
    return f"{Interval(POINTS * interval.value, POINTS * interval.low, POINTS * interval.high):.1f}"


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
