"""Filling blanks in a sentence: each on its own, and all together.

"The [?] [?] is written in Python ." has two blanks of one token each. Independently, every blank gets its
most probable tokens in one pass with all blanks hidden. Jointly, a beam search fills them from left to
right, each given the ones already filled while the later ones stay hidden, and the fillings are ranked by
their joint probability. Probabilities are the model's own; special tokens are never proposed, and their
share is not handed to the others.
"""

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from rich.table import Table
from rich.text import Text
from tokenizers import Tokenizer
from torch import Tensor

from bothways.errors import UsageError
from bothways.evaluate.asking import Question, Subject, answers
from bothways.evaluate.printing import lines_of
from bothways.evaluate.windows import SPECIALS

BLANK = "[?]"


@dataclass(frozen=True)
class Prompt:
    """A sentence as tokens, with one place for each blank."""

    tokens: np.ndarray
    """int32 [text tokens]; an ordinary token stands at each blank, which is never shown."""
    blanks: tuple[int, ...]
    """Ascending."""


@dataclass(frozen=True)
class Candidate:
    """One token for one blank."""

    token: int
    text: str
    """Readable; a leading … says that the token continues the word before it."""
    probability: float


@dataclass(frozen=True)
class Filling:
    """One token for every blank."""

    tokens: tuple[int, ...]
    texts: tuple[str, ...]
    sentence: str
    probability: float
    """Joint probability of all blanks, given the rest."""


@dataclass(frozen=True)
class Filled:
    """What `bothways fill` prints."""

    independent: list[list[Candidate]]
    """For each blank, the most probable tokens, best first."""
    joint: list[Filling]
    """Best first."""
    answered_by: str | None = None
    """Who filled them, if it is not the model itself: ELECTRA's generator."""

    def lines(self) -> list[str]:
        """Return what a terminal shows."""
        return lines_of(*self.tables()) + ([f"filled by {self.answered_by}"] if self.answered_by else [])

    def tables(self) -> list[Table]:
        """Return the independent and the joint table."""
        alone = Table(title="each blank on its own", title_justify="left")
        for number in range(len(self.independent)):
            alone.add_column(f"blank {number + 1}")
        for row in zip(*self.independent, strict=True):
            alone.add_row(*(Text(f"{_percent(item.probability):>6}  {item.text}") for item in row))
        together = Table(title="all blanks together", title_justify="left")
        together.add_column("probability", justify="right")
        together.add_column("sentence")
        for filling in self.joint:
            together.add_row(_percent(filling.probability), Text(filling.sentence))
        return [alone, together]


def fill_blanks(subject: Subject, tokenizer: Tokenizer, text: str, *, beam: int = 8, top: int = 5) -> Filled:
    """Fill every `[?]` of `text`.

    Raises `UsageError` where there is no blank, no room for the text, or a model that never looks to the right.
    """
    if "joint spans" not in subject.objective.answers:
        raise UsageError(
            f"fill: this model's objective, {subject.objective.name}, reads from left to right, so it cannot fill a "
            "blank from both sides; give a model with another objective"
        )
    prompt = read_prompt(subject, tokenizer, text)
    return Filled(
        [
            [Candidate(token, readable(subject, tokenizer, token), math.exp(score)) for token, score in best]
            for best in _fill_independently(subject, prompt, top)
        ],
        [
            Filling(
                tokens,
                tuple(readable(subject, tokenizer, token) for token in tokens),
                tokenizer.decode(_with(prompt, tokens).tolist()),
                math.exp(score),
            )
            for tokens, score in _fill_jointly(subject, prompt, beam)
        ],
        subject.objective.answered_by,
    )


def read_prompt(subject: Subject, tokenizer: Tokenizer, text: str) -> Prompt:
    """Turn a sentence with blanks into tokens; refuse what the model cannot answer."""
    pieces = unicodedata.normalize("NFC", text).split(BLANK)
    if len(pieces) == 1:
        raise UsageError(f"fill: the text has no blank; put {BLANK} where a token is wanted")
    anything = int(subject.vocabulary.ordinary()[0])
    tokens: list[int] = []
    blanks: list[int] = []
    for number, piece in enumerate(pieces):
        if number:
            blanks.append(len(tokens))
            tokens.append(anything)
        # The space before a blank belongs to the token that fills it.
        known = piece.rstrip() if number < len(pieces) - 1 else piece
        if known.strip():
            tokens += tokenizer.encode(known, add_special_tokens=False).ids
    if subject.longest is not None and len(tokens) + SPECIALS > subject.longest:
        raise UsageError(
            f"fill: the text has {len(tokens)} tokens, but this model reads "
            f"{subject.longest - SPECIALS} at most; shorten the text"
        )
    return Prompt(np.array(tokens, dtype=np.int32), tuple(blanks))


Scores = list[tuple[int, float]]
"""Tokens with their log-probabilities, best first."""


def _fill_independently(subject: Subject, prompt: Prompt, top: int) -> list[Scores]:
    question = Question(prompt.tokens, prompt.blanks, prompt.blanks)
    (_, log_probabilities, _), *_ = answers(subject, [question], rows=1)
    return [best_tokens(row, subject, top) for row in log_probabilities]


def _fill_jointly(subject: Subject, prompt: Prompt, beam: int) -> list[tuple[tuple[int, ...], float]]:
    """Return up to `beam` fillings with their joint log-probability, best first."""
    beams: list[tuple[tuple[int, ...], float]] = [((), 0.0)]
    for step, blank in enumerate(prompt.blanks):
        hidden = prompt.blanks[step:]
        questions = [Question(_with(prompt, tokens), hidden, (blank,)) for tokens, _ in beams]
        longer = [
            ((*beams[index][0], token), beams[index][1] + score)
            for index, log_probabilities, _ in answers(subject, questions, rows=beam)
            for token, score in best_tokens(log_probabilities[0], subject, beam)
        ]
        beams = sorted(longer, key=lambda item: -item[1])[:beam]
    return beams


def best_tokens(log_probabilities: Tensor, subject: Subject, count: int) -> Scores:
    """Return the `count` most probable ordinary tokens of float32 [vocabulary]."""
    ordinary = torch.from_numpy(subject.vocabulary.ordinary()).to(log_probabilities.device)
    scores, places = log_probabilities[ordinary].topk(min(count, len(ordinary)))
    return list(zip(ordinary[places].tolist(), scores.tolist(), strict=True))


def _with(prompt: Prompt, tokens: Sequence[int]) -> np.ndarray:
    """Return the prompt's tokens with the first blanks filled."""
    filled = prompt.tokens.copy()
    filled[list(prompt.blanks[: len(tokens)])] = tokens
    return filled


def readable(subject: Subject, tokenizer: Tokenizer, token: int) -> str:
    """Return one token as a person reads it; a leading … says that it continues the word before it."""
    text = tokenizer.decode([token], skip_special_tokens=False).removeprefix("##").strip()
    return text if subject.vocabulary.starts_word[token] else f"…{text}"


def _percent(probability: float) -> str:
    return f"{probability:.2%}" if probability >= 0.0001 else f"{probability:.1e}"
