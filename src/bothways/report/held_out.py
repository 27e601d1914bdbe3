"""Held-out text: what each recipe pays for it, in nats, with intervals."""

from collections.abc import Sequence

from bothways.compare.results import Result
from bothways.compare.table import COLUMNS, over_seeds
from bothways.evaluate.estimate import Estimate
from bothways.evaluate.heldout import Measurement
from bothways.metrics.student import student_interval
from bothways.pages.blocks import Block, Paragraph, Pictures, Section, Table
from bothways.pages.figures import Figure, Point, Series
from bothways.report.records import Records, by_name

NAMES = {key: heading.replace("\n", " ") for key, heading in COLUMNS.items()} | {
    "orders_span_nats_per_token": "spans in random orders",
    "word_nats_per_character": "whole words",
}
"""Key of a measurement -> what it is called."""
MEANINGS = {
    "leave_one_out_nats": "A token, given all others of its window.",
    "independent_span_nats_per_token": "Two to four whole words, each given the text around them alone.",
    "chain_span_nats_per_token": "The same words jointly: each is also given those before it.",
    "left_to_right_nats": "A token, given those before it.",
    "left_to_right_memory_nats": "The same, with the memory of earlier windows.",
    "orders_span_nats_per_token": "Two to four whole words jointly, in random orders.",
    "word_nats_per_character": "Whole words given the text around them; tokenizers of any kind compare.",
}
"""Key of a measurement -> what is predicted from what."""
UNITS = {"word_nats_per_character": "nats per character"}
TOKENS = "nats per token"


def held_out(records: Records) -> Section | None:
    """Return a picture a measure and the table of all; nothing without a comparison."""
    grouped = by_name(records.results)
    keys = measured(records.results)
    if not keys:
        return None
    score = records.results[0].score
    drawn = f"drawn from {score.tokens:,} tokens in windows of at most {score.window}"
    note = f"Lower is better; {drawn}. {_margins(records.results)}"
    blocks: list[Block] = [Paragraph(note, "note"), Pictures([picture(records.results, key) for key in keys])]
    head = ["recipe", *(f"{NAMES[key]}" for key in keys)]
    rows = [
        [name, *(over_seeds([_estimate(result, key) for result in seeds]) for key in keys)]
        for name, seeds in grouped.items()
    ]
    return Section(
        "Held-out text", [*blocks, Table(head, rows, TOKENS if not set(UNITS) & set(keys) else "nats")]
    )


def measured(results: Sequence[Result]) -> list[str]:
    """Return the measures that at least one result has, in the order of `NAMES`."""
    return [key for key in NAMES if any(_estimate(result, key) for result in results)]


def picture(results: Sequence[Result], key: str) -> Figure:
    """Return dots with intervals, a row a recipe, beside the unigram where all share one."""
    points = [
        point_of(name, found)
        for name, seeds in by_name(results).items()
        if (found := [each for result in seeds if (each := _estimate(result, key)) is not None])
    ]
    unigrams = {item.unigram.mean for item in _items(results, key) if item.unigram is not None}
    return Figure(
        "intervals",
        NAMES[key][0].upper() + NAMES[key][1:],
        "recipe",
        UNITS.get(key, TOKENS),
        (Series(NAMES[key], tuple(points)),),
        references=(("unigram", unigrams.pop()),) if len(unigrams) == 1 else (),
        note=MEANINGS[key],
    )


def point_of(name: str, seeds: Sequence[Estimate]) -> Point:
    """Return one seed's own interval, or the mean of several with Student's over them."""
    if len(seeds) > 1:
        interval = student_interval([each.mean for each in seeds])
        return Point(name, interval.value, interval.low, interval.high)
    only, *_ = seeds
    if only.margin is None:
        return Point(name, only.mean)
    return Point(name, only.mean, only.mean - only.margin, only.mean + only.margin)


def _margins(results: Sequence[Result]) -> str:
    seeds = {result.seed for result in results}
    if len(seeds) == 1:
        return "The 95% intervals are over windows of text, of one seed."
    return f"Means of {len(seeds)} seeds, with 95% intervals over them."


def _items(results: Sequence[Result], key: str) -> list[Measurement]:
    return [item for result in results for item in result.score.measurements if item.key == key]


def _estimate(result: Result, key: str) -> Estimate | None:
    return next((item.model for item in _items([result], key)), None)
