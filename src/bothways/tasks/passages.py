"""A question and its passage as rows, and spans of the passage's characters from scores of its tokens.

    BERT and relatives   [CLS] question [SEP] passage [SEP]
    XLNet                passage <sep> question <sep> <cls>      as its released code, since its A is the longer part

A long passage is read in overlapping windows (`windows.py`). An answer is always cut out of the passage by characters,
never put together from tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bothways.records.types import Answer
from bothways.tasks.rows import FIRST, SECOND, Reader, Row, lay_out_row, room
from bothways.tasks.windows import judges_of, windows_of
from bothways.text.tokenizer import Layout


@dataclass(frozen=True)
class Passage:
    """The tokens of a passage, and the characters that each stands for."""

    tokens: np.ndarray
    """int64 [tokens]"""
    starts: np.ndarray
    """int64 [tokens]: the first character of each."""
    stops: np.ndarray
    """int64 [tokens]: the end of each."""
    is_text: np.ndarray
    """bool [tokens]: whether a token stands for more than white space; only there may answers begin and end."""


@dataclass(frozen=True)
class Stretch:
    """The part of a passage that one row holds."""

    passage: Passage
    window: range
    """Its tokens."""
    first_slot: int
    """Where the first of them stands in the row."""
    judged: np.ndarray
    """bool [tokens of the window]: those that have most context in this row; answers of this row begin there."""


@dataclass(frozen=True)
class Span:
    """A piece of a passage that may be the answer."""

    text: str
    start: int
    score: float


def part_of_passage(layout: Layout) -> int:
    """Return which part of a row is the passage, as `Row.parts` names it."""
    return SECOND if layout == "cls_first" else FIRST


def read_passage(text: str, reader: Reader) -> Passage:
    """Return the tokens of a passage; what the tokenizer turns into nothing is one unknown token."""
    encoding = reader.encode(text)
    tokens = np.array(encoding.ids, dtype=np.int64)
    offsets = np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2)
    is_text = np.array([bool(text[start:stop].strip()) for start, stop in offsets], dtype=bool)
    if not is_text.any():
        tokens, offsets = np.array([reader.vocabulary.unk]), np.array([[0, len(text)]])
        is_text = np.array([True])
    return Passage(tokens, offsets[:, 0], offsets[:, 1], is_text)


def lay_out_passage(
    question: Sequence[int], passage: Passage, reader: Reader, stride: int | None
) -> list[tuple[Row, Stretch]]:
    """Return a row for each window of a passage; without a `stride`, 128 tokens or half of a shorter window."""
    width = room(reader, is_pair=True) - len(question)
    count = len(passage.tokens)
    windows = windows_of(count, width, stride or min(128, -(-width // 2)))
    judges = judges_of(windows, count)
    rows = []
    for number, window in enumerate(windows):
        inside = slice(window.start, window.stop)
        both = (question, passage.tokens[inside])
        row = lay_out_row(reader, *(both if reader.layout == "cls_first" else reversed(both)))
        first = int(np.argmax(row.parts == part_of_passage(reader.layout)))
        rows.append((row, Stretch(passage, window, first, judges[inside] == number)))
    return rows


def tokens_of(answer: Answer, passage: Passage) -> tuple[int, int] | None:
    """Return the first and the last token that an answer shares characters with, or None where there is none."""
    end = answer.start + len(answer.text)
    shared = np.flatnonzero((passage.stops > answer.start) & (passage.starts < end) & passage.is_text)
    return (int(shared[0]), int(shared[-1])) if len(shared) else None


def cut_out(text: str, passage: Passage, first: int, last: int) -> tuple[str, int]:
    """Return the characters of tokens `first` to `last` without white space around them, and where they start."""
    start = int(passage.starts[first])
    piece = text[start : passage.stops[last]]
    return piece.strip(), start + len(piece) - len(piece.lstrip())


def best_span(text: str, logits: np.ndarray, stretch: Stretch, longest: int) -> Span:
    """Return the span of at most `longest` tokens with the highest sum of scores, float [slots, 2] at start and end."""
    inside = slice(stretch.window.start, stretch.window.stop)
    is_text = stretch.passage.is_text[inside]
    slots = slice(stretch.first_slot, stretch.first_slot + len(stretch.window))
    begin = np.where(is_text & stretch.judged, logits[slots, 0], -np.inf)
    end = np.append(np.where(is_text, logits[slots, 1], -np.inf), np.full(longest - 1, -np.inf))
    totals = begin[:, None] + np.lib.stride_tricks.sliding_window_view(end, longest)
    start, more = np.unravel_index(totals.argmax(), totals.shape)
    first = stretch.window.start + int(start)
    return Span(*cut_out(text, stretch.passage, first, first + int(more)), float(totals[start, more]))
