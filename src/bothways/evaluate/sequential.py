"""Left-to-right nats: every token given the ones before it, where causal models and XLNet meet."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from bothways.batch import Memory
from bothways.evaluate.asking import (
    ReadsLeftToRight,
    Subject,
    asking,
    surround,
    text_begin,
    truth_nats,
)


@dataclass(frozen=True)
class Scored:
    """Tokens with what they cost; every vector has one entry a token."""

    nats: np.ndarray
    """float64"""
    tokens: np.ndarray
    """int64: the true tokens."""
    windows: np.ndarray
    """int64: the window each token lies in."""


def left_to_right_nats(
    subject: Subject,
    runs: Sequence[Sequence[np.ndarray]],
    *,
    remember: bool,
    rows: int,
    first: bool = True,
) -> Scored:
    """Score every token of `runs` (consecutive windows of one document each) given the tokens before it.

    With `remember`, what the encoder keeps of a window is carried into the next window of its run; all
    windows of a run but the last must have one length. Without it every window stands alone. Unless `first` is set, the
    first token of each window is not scored, even where something stands before it.
    """
    numbered: list[list[tuple[int, np.ndarray]]] = []
    number = 0
    for run in runs:
        numbered.append([(number + offset, window) for offset, window in enumerate(run) if len(window) > 1])
        number += len(run)
    if not remember:
        numbered = [[entry] for run in numbered for entry in run]
    # Longest runs first: the rows still being read are then always the first rows of a batch.
    numbered.sort(key=lambda run: (-len(run), -len(run[-1][1]) if run else 0))
    parts: list[Scored] = []
    with asking(subject):
        for begin in range(0, len(numbered), rows):
            parts += _read(subject, numbered[begin : begin + rows])
    scored = Scored(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("nats", "tokens", "windows"))
    )
    return scored if first else _without_first(scored, [window for run in runs for window in run], subject)


def _without_first(scored: Scored, windows: Sequence[np.ndarray], subject: Subject) -> Scored:
    """Leave out the first token of each window that was scored whole; tokens of a window come in order."""
    ordinary = [~subject.vocabulary.is_special[window] for window in windows]
    counts = np.bincount(scored.windows, minlength=len(windows))
    is_whole = [
        bool(len(one)) and bool(one[0]) and count == one.sum()
        for one, count in zip(ordinary, counts.tolist(), strict=True)
    ]
    _, begins = np.unique(scored.windows, return_index=True)
    leading = begins[np.array(is_whole)[scored.windows[begins]]]
    return Scored(*(np.delete(values, leading) for values in (scored.nats, scored.tokens, scored.windows)))


def _read(subject: Subject, runs: Sequence[Sequence[tuple[int, np.ndarray]]]) -> list[Scored]:
    """Read runs side by side, window after window; each shorter run leaves the batch when it ends."""
    parts: list[Scored] = []
    memory: Memory | None = None
    steps = len(runs[0])
    for step in range(steps):
        current = [run[step] for run in runs if len(run) > step]
        goes_on = step + 1 < steps
        scored, memory = _read_windows(subject, current, _first_rows(memory, len(current)), goes_on)
        parts.append(scored)
    return parts


def _read_windows(
    subject: Subject, numbered: Sequence[tuple[int, np.ndarray]], memory: Memory | None, goes_on: bool
) -> tuple[Scored, Memory | None]:
    texts = [text for _, text in numbered]
    carry = text_begin(subject.layout) + max(map(len, texts)) if goes_on else 0
    examples = surround(texts, subject.vocabulary, subject.layout, carry)
    batch = cast(ReadsLeftToRight, subject.objective).left_to_right(examples).to(subject.device)
    nats, targets, rows = truth_nats(subject, batch, memory)
    windows = np.array([number for number, _ in numbered])[rows.cpu().numpy()]
    if goes_on:
        # `predict` gives log-probabilities only, so what to remember costs a second pass.
        _, memory = subject.encoder(batch, memory)
    return Scored(nats.double().cpu().numpy(), targets.cpu().numpy(), windows), memory


def _first_rows(memory: Memory | None, rows: int) -> Memory | None:
    return None if memory is None else Memory(tuple(states[:rows] for states in memory.states))
