"""Scores on tasks, with intervals, and how models differ on them."""

from collections.abc import Iterator, Sequence

from bothways.finetuning.results import TaskResult
from bothways.metrics.interval import Interval
from bothways.pages.blocks import Block, Group, Paragraph, Pictures, Section, Table
from bothways.pages.figures import Figure, Point, Series
from bothways.report.records import Records
from bothways.suites.summary import Line, summarise

SURE = 0.05
"""Below this p-value, after Holm's correction, a difference is believed."""
NONE = "–"


def scores(records: Records) -> Section | None:
    """Return a picture of all tasks, their scores and differences, and what was read before; nothing without tasks."""
    if not records.tasks:
        return None
    lines = summarise(records.tasks, {})
    blocks: list[Block] = [
        Paragraph("Scores × 100 with 95% intervals over seeds and examples; higher is better.", "note"),
        Pictures([_picture(lines)]),
        _table(lines),
    ]
    if any(line.differences for line in lines):
        blocks.append(_differences(lines))
    if records.contamination:
        blocks.append(Group("Read before", [Paragraph(each.line()) for each in records.contamination]))
    return Section("Tasks", blocks)


def answers(tasks: Sequence[TaskResult]) -> Iterator[tuple[str, str]]:
    """Yield for each task what the scores of two models support; nothing where there is one model only."""
    for line in summarise(tasks, {}) if tasks else []:
        first = next(iter(line.scores))
        for name, each in line.differences.items():
            difference = each.comparison.difference
            over = "one seed" if line.seeds == 1 else f"{line.seeds} seeds"
            size = f"{_points(difference)} in {line.metric} × 100, {over}"
            higher = "higher" if difference.value > 0 else "lower"
            verdict = f"{name} scores {higher} than {first}" if each.p_value < SURE else "Not enough evidence"
            yield line.row, f"{verdict}: {name} less {first} is {size}, Holm p = {each.p_value:.2g}."


def _picture(lines: Sequence[Line]) -> Figure:
    models = list(dict.fromkeys(name for line in lines for name in line.scores))
    series = tuple(
        Series(
            name,
            tuple(
                Point(f"{line.row}, {line.metric}", 100 * s.value, 100 * s.low, 100 * s.high)
                for line in lines
                if (s := line.scores.get(name)) is not None
            ),
        )
        for name in models
    )
    return Figure("intervals", "Scores by task", "task and metric", "score × 100", series)


def _table(lines: Sequence[Line]) -> Table:
    models = list(dict.fromkeys(name for line in lines for name in line.scores))
    rows = [
        [
            line.row,
            line.metric,
            f"{line.examples:,}",
            str(line.seeds),
            f"{100 * line.baseline:.1f}",
            *(_score(line.scores.get(name)) for name in models),
        ]
        for line in lines
    ]
    return Table(["task", "metric", "judged on", "seeds", "without reading", *models], rows, "scores × 100")


def _differences(lines: Sequence[Line]) -> Table:
    first = next(iter(lines[0].scores))
    rows = [
        [line.row, name, _points(each.comparison.difference), f"{each.p_value:.2g}"]
        for line in lines
        for name, each in line.differences.items()
    ]
    caption = f"less {first}, × 100; p after Holm's correction for all of them"
    return Table(["task", "model", "difference", "p"], rows, caption)


def _score(interval: Interval | None) -> str:
    if interval is None:
        return NONE
    return f"{100 * interval.value:.1f} [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


def _points(interval: Interval) -> str:
    signed = f"{100 * interval.value:+.1f} [{100 * interval.low:+.1f}, {100 * interval.high:+.1f}]"
    return signed.replace("-", "−")
