"""Fill-in probes: does a model know what belongs in the gap? (Petroni et al. 2019)

    {"text": "The capital of France is [?] .", "answer": "Paris", "group": "capitals"}

A blank stands for the whole answer, however many tokens a tokenizer makes of it. What it costs jointly compares across
tokenizers: the tokens of the answer from left to right, each given the rest of the sentence and those before it. How
far up the answer stands among all tokens is defined where it is one token. `group` may be left out.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.table import Table
from tokenizers import Tokenizer

from bothways.errors import DataError, UsageError
from bothways.evaluate.asking import Question, Subject, answers
from bothways.evaluate.estimate import Estimate, estimate
from bothways.evaluate.fill import BLANK
from bothways.evaluate.json_lines import read_json_lines
from bothways.evaluate.printing import lines_of
from bothways.evaluate.windows import SPECIALS
from bothways.metrics.share import Share, share_of

ROWS = 64
"""Questions that are asked at a time."""


@dataclass(frozen=True)
class Probe:
    """A sentence with one blank, and what belongs there."""

    where: str
    text: str
    answer: str
    group: str | None = None


@dataclass(frozen=True)
class GroupScore:
    """What a model knows of one group of probes."""

    nats: Estimate
    """Of an answer, jointly."""
    first: Share | None
    """How often the answer is the most probable token; absent where no answer is one token."""
    among_five: Share | None
    """How often it is among the first five."""


@dataclass(frozen=True)
class Probed:
    """What a model says of probes."""

    total: GroupScore
    groups: dict[str, GroupScore]
    """Each group, by name; empty where all probes are of one, or of none."""
    nats: list[float]
    """Of each answer, in the order of the probes."""
    answered_by: str | None = None

    def lines(self) -> list[str]:
        """Return a table with a row for each group."""
        table = Table(title="fill-in probes", title_justify="left")
        table.add_column("group")
        for heading in ("probes", "nats an answer", "of one token", "first, %", "among five, %"):
            table.add_column(heading, justify="right")
        for name, score in [("all probes", self.total), *self.groups.items()]:
            single = "–" if score.first is None else f"{score.first.count:,}"
            table.add_row(
                name,
                f"{score.nats.count:,}",
                str(score.nats),
                single,
                *("–" if each is None else str(each) for each in (score.first, score.among_five)),
            )
        notes = [f"answered by {self.answered_by}"] if self.answered_by else []
        return [*lines_of(table), *notes]


def read_probes(path: Path) -> list[Probe]:
    """Return the probes of a file of JSON Lines (.gz, .zst); raise `DataError` at the first line that is none."""
    return [_probe(row, where) for where, row in read_json_lines(path, "probe", "text and answer")]


def _probe(row: dict[str, Any], where: str) -> Probe:
    text, answer = row.get("text"), row.get("answer")
    if not isinstance(text, str) or not isinstance(answer, str) or not answer.strip():
        raise DataError(f"{where}: a probe needs text and answer; correct the line")
    if text.count(BLANK) != 1:
        raise DataError(
            f"{where}: the text has {text.count(BLANK)} blanks; put {BLANK} once, where the answer belongs"
        )
    text, answer = (unicodedata.normalize("NFC", each) for each in (text, answer.strip()))
    group = row.get("group")
    return Probe(where, text, answer, None if group is None else str(group))


def ask_probes(subject: Subject, tokenizer: Tokenizer, probes: Sequence[Probe]) -> Probed:
    """Ask a model for the answer of every probe.

    Raises `UsageError` for a model that cannot look to the right of a blank, `DataError` for a probe that does not fit.
    """
    if "joint spans" not in subject.objective.answers:
        raise UsageError(
            f"probes: this model's objective, {subject.objective.name}, cannot fill a blank from both sides; give "
            "another model"
        )
    laid_out = [_lay_out(subject, tokenizer, probe) for probe in probes]
    questions, owners = [], []
    for number, (tokens, blanks) in enumerate(laid_out):
        for step, blank in enumerate(blanks):
            questions.append(Question(tokens, blanks[step:], (blank,)))
            owners.append(number)
    nats = np.zeros(len(probes))
    rank = np.full(len(probes), -1)
    ordinary = torch.from_numpy(subject.vocabulary.ordinary())
    for question, log_probabilities, truth in answers(subject, questions, ROWS):
        scores, owner = log_probabilities[0].cpu(), owners[question]
        nats[owner] -= float(scores[truth[0]])
        if len(laid_out[owner][1]) == 1:
            rank[owner] = int((scores[ordinary] > scores[truth[0]]).sum())
    groups = _grouped([probe.group for probe in probes], nats, rank)
    return Probed(_score(nats, rank), groups, nats.tolist(), subject.objective.answered_by)


def _lay_out(subject: Subject, tokenizer: Tokenizer, probe: Probe) -> tuple[np.ndarray, tuple[int, ...]]:
    """Return a probe's tokens with the answer in its place, and where that stands."""
    before, _, after = probe.text.partition(BLANK)
    tokens = tokenizer.encode(f"{before}{probe.answer}{after}", add_special_tokens=False)
    start, stop = len(before), len(before) + len(probe.answer)
    blanks = tuple(place for place, (begin, end) in enumerate(tokens.offsets) if begin < stop and end > start)
    ids = np.array(tokens.ids, dtype=np.int32)
    if not blanks or subject.vocabulary.is_special[ids[list(blanks)]].any():
        raise DataError(f"{probe.where}: the vocabulary has no {probe.answer!r}; leave the probe out")
    if subject.longest is not None and len(ids) + SPECIALS > subject.longest:
        raise DataError(
            f"{probe.where}: with its answer the text has {len(ids)} tokens, but this model reads "
            f"{subject.longest - SPECIALS} at most; leave the probe out"
        )
    return ids, blanks


def _grouped(groups: Sequence[str | None], nats: np.ndarray, rank: np.ndarray) -> dict[str, GroupScore]:
    names = list(dict.fromkeys(groups))
    if len(names) == 1:
        return {}
    chosen = {name: np.array([group == name for group in groups]) for name in names if name is not None}
    return {name: _score(nats[which], rank[which]) for name, which in chosen.items()}


def _score(nats: np.ndarray, rank: np.ndarray) -> GroupScore:
    known = rank[rank >= 0]
    first, five = (share_of((known < most).astype(float)) if len(known) else None for most in (1, 5))
    return GroupScore(estimate(nats, np.ones(len(nats)), np.arange(len(nats))), first, five)
