"""What a trained model says about a sentence: each blank alone, neighbouring blanks together, and where it looks."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from bothways.batch import Batch
from bothways.errors import UsageError
from bothways.evaluate.asking import (
    Question,
    ReadsLeftToRight,
    Subject,
    answers,
    asking,
    surround,
    text_begin,
)
from bothways.evaluate.fill import best_tokens, readable
from bothways.evaluate.windows import SPECIALS
from bothways.explain.attention import attention_weights

MOST_TOKENS = 24
"""Tokens of a sentence that a page shows of a model."""
SHOWN = 5
"""Candidates for a blank."""
ROWS = 32
"""Questions that are answered at once."""


@dataclass(frozen=True)
class Guess:
    """One token for a blank."""

    text: str
    probability: float


@dataclass(frozen=True)
class Blank:
    """One token hidden, everything else given (or, from left to right, what stands before it)."""

    place: int
    truth: Guess
    rank: int
    """Place of the truth among all tokens of the vocabulary, from 1."""
    best: tuple[Guess, ...]


@dataclass(frozen=True)
class Pair:
    """Two neighbouring tokens hidden together: some candidates, filled independently and jointly."""

    place: int
    """Of the first."""
    first: tuple[str, ...]
    """Candidates; the truth stands first."""
    second: tuple[str, ...]
    independent: tuple[tuple[float, ...], ...]
    """Product of the marginals, one row for each first candidate."""
    joint: tuple[tuple[float, ...], ...]
    """Marginal of the first times the second given the first."""


@dataclass(frozen=True)
class Looks:
    """Attention for each blank: which share of it each token has."""

    keys: tuple[tuple[str, ...], ...]
    """What the slots of the row show, for each blank."""
    streams: tuple[str, ...]
    layers: int
    heads: int
    shares: tuple[Any, ...]
    """Thousandths, [blanks][streams][layers][heads][keys]."""


@dataclass(frozen=True)
class Said:
    """Everything that a page shows of one model."""

    name: str
    objective: str
    tokens: tuple[str, ...]
    blanks: tuple[Blank, ...]
    pairs: tuple[Pair, ...]
    """Empty where the model only reads from left to right."""
    looks: Looks | None
    """Absent where another encoder answers than the one that is asked."""
    answered_by: str | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def ask_model(name: str, subject: Subject, tokenizer: Tokenizer, text: str) -> Said:
    """Hide each token of `text`, and each two neighbours, and look at what the model says and where it looks.

    Raises `UsageError` where the text has too many tokens.
    """
    tokens = np.array(tokenizer.encode(text, add_special_tokens=False).ids, dtype=np.int64)
    most = min(MOST_TOKENS, MOST_TOKENS if subject.longest is None else subject.longest - SPECIALS)
    if not 2 <= len(tokens) <= most:
        raise UsageError(
            f"explain: for {name} the sentence has {len(tokens)} tokens, and it takes 2 to {most}; "
            "give a shorter or longer one, or another model"
        )
    asker = _Asker(subject, tokenizer)
    both_sides = "joint spans" in subject.objective.answers
    batch, scores = _all_blanks(subject, tokens)
    places = range(len(tokens)) if both_sides else _places_from_left(subject, batch)
    return Said(
        name,
        subject.objective.name,
        tuple(asker.texts(tokens)),
        tuple(asker.blank(place, tokens[place], row) for place, row in zip(places, scores, strict=True)),
        tuple(asker.pair(tokens, place) for place in range(len(tokens) - 1)) if both_sides else (),
        None if subject.objective.answered_by else _looks(subject, asker, batch),
        subject.objective.answered_by,
    )


def _all_blanks(subject: Subject, tokens: np.ndarray) -> tuple[Batch, Tensor]:
    """Return the rows that ask for every token, one blank a row or all from left to right, and what is answered."""
    begin = text_begin(subject.layout)
    with asking(subject):
        if "joint spans" in subject.objective.answers:
            examples = surround([tokens] * len(tokens), subject.vocabulary, subject.layout)
            hidden = np.zeros(examples.tokens.shape, dtype=bool)
            hidden[np.arange(len(tokens)), begin + np.arange(len(tokens))] = True
            batch = subject.objective.cloze(examples, hidden, hidden)
        else:
            examples = surround([tokens], subject.vocabulary, subject.layout)
            batch = cast(ReadsLeftToRight, subject.objective).left_to_right(examples)
        batch = batch.to(subject.device)
        return batch, subject.objective.predict(subject.encoder, batch).double().cpu()


def _places_from_left(subject: Subject, batch: Batch) -> list[int]:
    """Return the places of the tokens that a row from left to right asks for: those after each scored slot."""
    return [slot + 1 - text_begin(subject.layout) for slot in batch.scored.tolist()]


def _looks(subject: Subject, asker: "_Asker", batch: Batch) -> Looks:
    """Return the attention of the query that answers each blank and, where probes ask, of the content at its place."""
    with asking(subject):
        weights = torch.stack(attention_weights(subject.encoder, batch), dim=1).cpu()
    queries = batch.num_slots + batch.num_probes
    flat = batch.scored.cpu().numpy()
    rows, asked = np.divmod(flat, queries)
    streams = {"content": asked}
    if batch.probes is not None:
        streams = {"query": asked, "content": batch.probes.cpu().numpy()[rows, asked - batch.num_slots]}
    found = [
        [weights[row, :, :, by[number]].mul(1000).round().int().tolist() for by in streams.values()]
        for number, row in enumerate(rows)
    ]
    shown = [tuple(asker.texts(row)) for row in batch.tokens.cpu().numpy()]
    _, layers, heads = weights.shape[:3]
    return Looks(tuple(shown[row] for row in rows), tuple(streams), layers, heads, tuple(found))


class _Asker:
    """Asks one model and reads its answers."""

    def __init__(self, subject: Subject, tokenizer: Tokenizer) -> None:
        self.subject = subject
        self.tokenizer = tokenizer

    def texts(self, tokens: Sequence[int] | np.ndarray) -> list[str]:
        return [readable(self.subject, self.tokenizer, int(token)) for token in tokens]

    def guess(self, token: int, score: float) -> Guess:
        return Guess(readable(self.subject, self.tokenizer, int(token)), math.exp(score))

    def blank(self, place: int, token: int, scores: Tensor) -> Blank:
        """Read float [vocabulary] log-probabilities of the token at `place`."""
        best = best_tokens(scores, self.subject, SHOWN)
        return Blank(
            place,
            self.guess(token, float(scores[token])),
            1 + int((scores > scores[token]).sum()),
            tuple(self.guess(each, score) for each, score in best),
        )

    def pair(self, tokens: np.ndarray, place: int) -> Pair:
        """Ask for the tokens at `place` and after it, hidden together."""
        both = (place, place + 1)
        ((one, other),) = (
            scores for _, scores, _ in answers(self.subject, [Question(tokens, both, both)], rows=1)
        )
        first = _with_truth(tokens[place], [token for token, _ in best_tokens(one, self.subject, SHOWN)])
        given = self._given(tokens, place, first)
        wanted = [token for token, _ in best_tokens(other, self.subject, SHOWN - 1)]
        wanted += [best_tokens(scores, self.subject, 1)[0][0] for scores in given]
        second = _with_truth(tokens[place + 1], wanted)
        marginals = other[second].double()
        rows = [
            (one[token].double(), scores[second].double()) for token, scores in zip(first, given, strict=True)
        ]
        return Pair(
            place,
            tuple(self.texts(first)),
            tuple(self.texts(second)),
            tuple(tuple((own + marginals).exp().tolist()) for own, _ in rows),
            tuple(tuple((own + following).exp().tolist()) for own, following in rows),
        )

    def _given(self, tokens: np.ndarray, place: int, candidates: Sequence[int]) -> list[Tensor]:
        """Return the log-probabilities of the token after `place` for each candidate there, float [vocabulary] each."""
        questions = []
        for candidate in candidates:
            filled = tokens.copy()
            filled[place] = candidate
            questions.append(Question(filled, (place + 1,), (place + 1,)))
        found = {number: scores[0] for number, scores, _ in answers(self.subject, questions, rows=ROWS)}
        return [found[number] for number in range(len(questions))]


def _with_truth(truth: int, candidates: Sequence[int]) -> list[int]:
    """Return the truth, then the others, each once."""
    return list(dict.fromkeys([int(truth), *candidates]))
