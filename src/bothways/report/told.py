"""Claims: each sentence with its verdict, the numbers that decide, and a picture."""

from bothways.claims.base import Measure
from bothways.pages.blocks import Badge, Block, Group, Paragraph, Pictures, Section, Table
from bothways.pages.numbers import exact
from bothways.report.records import Records, Told

TONES = {"holds": "yes", "does not hold here": "no", "inconclusive": "open", "preview": "open"}
"""Verdict -> its colour; the word says the same."""


def claims(records: Records) -> Section | None:
    """Return all claims of the records; nothing without any."""
    if not records.claims:
        return None
    groups = [
        Group(told.sentence, _blocks(told), _anchor(number)) for number, told in enumerate(records.claims, 1)
    ]
    return Section("Claims", groups)


def verdicts(records: Records) -> list[Block]:
    """Return a line a claim: its verdict and its sentence, which leads to the numbers."""
    return [
        Badge(told.finding.verdict, TONES[told.finding.verdict], told.sentence, _anchor(number))
        for number, told in enumerate(records.claims, 1)
    ]


def _anchor(number: int) -> str:
    return f"claim-{number}"


def _blocks(told: Told) -> list[Block]:
    finding = told.finding
    blocks: list[Block] = [
        Badge(finding.verdict, TONES[finding.verdict], finding.because),
        Paragraph(told.experiment),
    ]
    if finding.measures:
        blocks.append(_measures(finding.measures))
    if any(series.points for series in finding.figure.series):
        blocks.append(Pictures([finding.figure]))
    return [*blocks, Paragraph(f"Said in: {told.source}. Measure it: bothways claims {told.claim}", "note")]


def _measures(measures: tuple[Measure, ...]) -> Table:
    exactly = any(each.truth is not None for each in measures)
    head = ["measure", "value", "95% interval", *(["at best"] if exactly else [])]
    rows = []
    for each in measures:
        interval = "" if each.low is None or each.high is None else f"{exact(each.low)} to {exact(each.high)}"
        truth = [] if not exactly else ["" if each.truth is None else exact(each.truth)]
        rows.append([each.name, exact(each.value), interval, *truth])
    return Table(head, rows)
