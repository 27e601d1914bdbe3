"""Questions to a trained model: "given everything but these tokens, what stands here?".

One question is one row. Rows are sorted by length and answered in batches. Everything runs in float32,
without dropout, without gradients and without touching the global random state, so that asking during
training changes nothing.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from bothways.batch import IGNORED, Batch, Examples, Memory
from bothways.evaluate.windows import SPECIALS
from bothways.model.encoder import Encoder
from bothways.objectives.base import Objective
from bothways.objectives.quiet import without_training
from bothways.text.tokenizer import Layout
from bothways.vocabulary import Vocabulary


class ReadsLeftToRight(Protocol):
    """What an objective with "left to right" among its answers can do besides."""

    def left_to_right(self, examples: Examples) -> Batch:
        """Ask for every token that is not special, given the slots before it; without any, it may be left out."""
        ...


class ReadsInOrder(Protocol):
    """What an objective with "orders" among its answers can do besides."""

    def in_order(self, examples: Examples, ranks: np.ndarray) -> Batch:
        """Ask for every slot of positive rank (int64 [rows, slots]), given those of lower rank and of rank 0."""
        ...


@dataclass(frozen=True)
class Subject:
    """A model that is asked: an encoder, the objective it was trained with, and how its rows are laid out."""

    encoder: Encoder
    objective: Objective
    vocabulary: Vocabulary
    layout: Layout

    @property
    def device(self) -> torch.device:
        return next(self.encoder.parameters()).device

    @property
    def longest(self) -> int | None:
        """Slots that the encoder has positions for, special tokens included; None: no limit."""
        longest: int | None = getattr(self.encoder.settings, "max_positions", None)
        return longest

    @property
    def remembers(self) -> bool:
        return "memory" in self.encoder.offers and self.encoder.memory_length > 0

    def limit(self, window: int) -> int:
        """Return how many text tokens fit into a row of at most `window` slots."""
        return (window if self.longest is None else min(window, self.longest)) - SPECIALS


@dataclass(frozen=True)
class Question:
    """A row of text: the tokens at `asked` are wanted, those at `hidden` (a superset) are not shown."""

    text: np.ndarray
    """int [text tokens]; what stands at hidden positions does not matter."""
    hidden: tuple[int, ...]
    asked: tuple[int, ...]
    """Ascending."""


def answers(
    subject: Subject, questions: Sequence[Question], rows: int
) -> Iterator[tuple[int, Tensor, np.ndarray]]:
    """Yield each question's number, float32 [asked, vocabulary] log-probabilities, int64 [asked] true tokens.

    Questions are answered `rows` at a time, longest first, so a full batch shows whether the memory suffices.
    """
    order = sorted(range(len(questions)), key=lambda index: -len(questions[index].text))
    with asking(subject):
        for begin in range(0, len(order), rows):
            chosen = order[begin : begin + rows]
            log_probabilities, targets = _ask(subject, [questions[index] for index in chosen])
            sizes = [len(questions[index].asked) for index in chosen]
            pieces = np.split(targets, np.cumsum(sizes)[:-1])
            yield from zip(chosen, torch.split(log_probabilities, sizes), pieces, strict=True)


def _ask(subject: Subject, questions: Sequence[Question]) -> tuple[Tensor, np.ndarray]:
    examples = surround([question.text for question in questions], subject.vocabulary, subject.layout)
    hidden = np.zeros(examples.tokens.shape, dtype=bool)
    asked = np.zeros_like(hidden)
    begin = text_begin(subject.layout)
    for row, question in enumerate(questions):
        hidden[row, begin + np.asarray(question.hidden)] = True
        asked[row, begin + np.asarray(question.asked)] = True
    batch = subject.objective.cloze(examples, hidden, asked).to(subject.device)
    log_probabilities = subject.objective.predict(subject.encoder, batch).float()
    return log_probabilities[batch.targets != IGNORED], examples.tokens[asked].astype(np.int64)


def truth_nats(subject: Subject, batch: Batch, memory: Memory | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """Return what each scored token of a batch costs, float32 [scored], the token, and its row, int64 [scored] each.

    To be called while `asking`.
    """
    log_probabilities = subject.objective.predict(subject.encoder, batch, memory).float()
    kept = batch.targets != IGNORED
    targets, queries = batch.targets[kept], batch.num_slots + batch.num_probes
    nats = -log_probabilities[kept].gather(1, targets[:, None])[:, 0]
    return nats, targets, batch.scored[kept] // queries


def surround(texts: Sequence[np.ndarray], vocabulary: Vocabulary, layout: Layout, carry: int = 0) -> Examples:
    """Put special tokens around each text: `[CLS] text [SEP]`, or `text <sep> <cls>` with segments 0, 0, 2.

    Shorter rows are padded on the right, which says the same as padding on the left: nothing sees it.
    """
    lengths = [len(text) + SPECIALS for text in texts]
    shape = (len(texts), max(lengths))
    tokens = np.full(shape, vocabulary.pad, dtype=np.int32)
    segments = np.zeros(shape, dtype=np.int32)
    for row, (text, length) in enumerate(zip(texts, lengths, strict=True)):
        if layout == "cls_first":
            tokens[row, :length] = [vocabulary.cls, *text, vocabulary.sep]
        else:
            tokens[row, :length] = [*text, vocabulary.sep, vocabulary.cls]
            segments[row, length - 1] = 2
    positions = np.tile(np.arange(shape[1], dtype=np.int32), (shape[0], 1))
    return Examples(tokens, segments, positions, carry=carry)


def text_begin(layout: Layout) -> int:
    """Return the slot of a row's first text token."""
    return 1 if layout == "cls_first" else 0


def asking(subject: Subject) -> AbstractContextManager[None]:
    """Switch dropout, gradients and autocast off for a while."""
    return without_training(subject.encoder, subject.objective)
