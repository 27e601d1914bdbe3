"""The tables of an evaluation, in papers' unit: scores times 100."""

from collections.abc import Iterator, Mapping, Sequence

from rich.table import Table

from bothways.evaluate import lines_of
from bothways.metrics.bootstrap import RESAMPLES
from bothways.metrics.interval import Interval, small_test_set
from bothways.suites.fine_tuning import MOST_RECORDS
from bothways.suites.plan import Plan
from bothways.suites.settings import Published, Suite
from bothways.suites.summary import Line, average

WIDTH = 1000
"""Columns that no table reaches: a number is never cut off, whatever the terminal."""
NONE = "–"


def report(plan: Plan, lines: Sequence[Line]) -> list[str]:
    """Return the scores, their differences where there are several models, and what must be known of both."""
    tables = [score_table(plan.suite, lines)]
    if any(line.differences for line in lines):
        tables.append(difference_table(lines))
    return ["", *lines_of(*tables, width=WIDTH), *notes(plan, lines)]


def score_table(suite: Suite, lines: Sequence[Line]) -> Table:
    """Return a row for each task, a column for each model, and published figures beside them."""
    models = list(dict.fromkeys(name for line in lines for name in line.scores))
    published = [each for each in suite.published if any(line.row in each.scores for line in lines)]
    table = Table(title=f"{suite.title}, scores × 100", title_justify="left")
    for heading in ("task", "metric"):
        table.add_column(heading, no_wrap=True)
    for heading in ("learned from", "judged on", "without\nreading", *models):
        table.add_column(heading, justify="right", no_wrap=True)
    for each in published:
        table.add_column(f"published:\n{each.model}", justify="right", no_wrap=True)
    for line in lines:
        for cells in _rows(line, models, published):
            table.add_row(*cells)
    rows, means = average(lines, suite.average)
    if rows:
        table.add_section()
        filled = [_score(means[name]) if name in means else NONE for name in models]
        table.add_row("average", f"of {len(rows)}", "", "", "", *filled, *[""] * len(published))
    return table


def _rows(line: Line, models: Sequence[str], published: Sequence[Published]) -> Iterator[list[str]]:
    """Yield a row for the deciding metric, and one for each further metric."""
    learned = f"{line.trained_on:,}" if line.trained_on else "nothing"
    yield [
        line.row,
        line.metric,
        learned,
        f"{line.examples:,}",
        f"{100 * line.baseline:.1f}",
        *(_score(line.scores[name]) if name in line.scores else NONE for name in models),
        *(_published(each, line) for each in published),
    ]
    for metric, means in line.also.items():
        if means:
            values = [f"{100 * means[name]:.1f}" if name in means else NONE for name in models]
            yield ["", metric, "", "", "", *values, *(_figure(each, line, metric) for each in published)]


def _published(each: Published, line: Line) -> str:
    """Return a figure in the deciding metric, or in another one, which is named, unless that has a row of its own."""
    scores = each.scores.get(line.row, {})
    others = [metric for metric in scores if metric not in line.also]
    if line.metric in scores or not others:
        return _figure(each, line, line.metric)
    return f"{scores[others[0]]:.1f} ({others[0]})"


def _figure(each: Published, line: Line, metric: str) -> str:
    score = each.scores.get(line.row, {}).get(metric)
    return "" if score is None else f"{score:.1f}"


def difference_table(lines: Sequence[Line]) -> Table:
    """Return how much better each model is than the first, with the p-value of an exchange test."""
    first = next(iter(lines[0].scores))
    models = list(dict.fromkeys(name for line in lines for name in line.differences))
    table = Table(title=f"less {first}, × 100", title_justify="left")
    table.add_column("task", no_wrap=True)
    for name in models:
        table.add_column(name, justify="right", no_wrap=True)
        table.add_column("p", justify="right", no_wrap=True)
    for line in lines:
        cells: list[str] = []
        for name in models:
            each = line.differences.get(name)
            cells += (
                [NONE, NONE] if each is None else [_signed(each.comparison.difference), f"{each.p_value:.2g}"]
            )
        table.add_row(line.row, *cells)
    return table


def notes(plan: Plan, lines: Sequence[Line]) -> list[str]:
    """Return what must be known of the numbers."""
    return [
        *_how_measured(plan, lines),
        *_about_rows(plan, lines),
        *(f"{each.model}: {each.source}" for each in plan.suite.published if _is_shown(each, lines)),
        f"all runs and results.jsonl: {plan.folder}",
    ]


def _how_measured(plan: Plan, lines: Sequence[Line]) -> Iterator[str]:
    """Say what the intervals are over, and which records were used."""
    seeds = max(line.seeds for line in lines)
    over = f"means of {seeds} seeds; [low, high] is a 95% interval over seeds and examples"
    yield over if seeds > 1 else "one seed; [low, high] is a 95% interval over examples"
    for fewer in sorted({line.seeds for line in lines if line.seeds < seeds}):
        yield f"{_names(lines, seeds=fewer)}: {'one seed' if fewer == 1 else f'{fewer} seeds'}"
    for fewer in sorted({line.resamples for line in lines if line.resamples < RESAMPLES}):
        yield f"{_names(lines, resamples=fewer)}: {fewer:,} resamples, not {RESAMPLES:,}, of so many examples"
    if any(line.differences for line in lines):
        yield "p: how often chance would show such a difference, after Holm's correction for all of them"
    yield from _limits(plan)
    judged = {line.row: plan.data[line.row].judged for line in lines if line.row in plan.data}
    for most in sorted({line.examples for line in lines if judged.get(line.row) == line.examples}):
        names = [line.row for line in lines if judged.get(line.row) == line.examples == most]
        own = not plan.full and all(plan.rows[name].judged == most for name in names)
        yield f"{', '.join(names)}: judged on {most:,} records drawn from all" + "; --full judges all" * own


def _limits(plan: Plan) -> Iterator[str]:
    """Say how many records are used at most; --full lifts the suite's own limits, not those that somebody set."""
    learned = {data.limit for data in plan.data.values() if data.limit is not None}
    pairs = {row: task.limit for row, task in plan.asked.items() if task.limit is not None}
    limits = {f"{most:,} training records a task": most == MOST_RECORDS for most in learned}
    limits |= {
        f"{most:,} pairs a paradigm": getattr(plan.rows[row].task, "limit", None) == most
        for row, most in pairs.items()
    }
    own = [limit for limit, is_own in limits.items() if is_own and not plan.full]
    if own:
        yield f"at most {' and '.join(own)}; --full lifts the limits"
    if others := [limit for limit in limits if limit not in own]:
        yield f"at most {' and '.join(others)}"
    if not limits:
        yield "all records were used" + " (--full)" * plan.full


def _names(lines: Sequence[Line], **same: int) -> str:
    """Return the rows whose lines have these values."""
    return ", ".join(
        line.row for line in lines if all(getattr(line, name) == value for name, value in same.items())
    )


def _about_rows(plan: Plan, lines: Sequence[Line]) -> Iterator[str]:
    """Say what is special about single rows, and which are left out."""
    for line in lines:
        if note := plan.files[line.row].note:
            yield f"{line.row}: {note}"
        yield from (f"{line.row}: {note}" for note in line.about_records)
        if line.part == "dev":
            yield f"{line.row}: judged on the records that also chose the checkpoint"
        for how, models in _by_value(line.notes).items():
            yield f"{line.row}: {how} ({', '.join(models)})"
        if warning := small_test_set(line.examples):
            yield f"{line.row}: {warning}"
    rows, _ = average(lines, plan.suite.average)
    if rows:
        yield f"average: the mean over {', '.join(rows)}"
    yield from plan.notes


def _by_value(notes: Mapping[str, str]) -> dict[str, list[str]]:
    return {how: [name for name in notes if notes[name] == how] for how in dict.fromkeys(notes.values())}


def _is_shown(each: Published, lines: Sequence[Line]) -> bool:
    return any(line.row in each.scores for line in lines)


def _score(interval: Interval) -> str:
    return f"{100 * interval.value:.1f} [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


def _signed(interval: Interval) -> str:
    return f"{100 * interval.value:+.1f} [{100 * interval.low:+.1f}, {100 * interval.high:+.1f}]"
