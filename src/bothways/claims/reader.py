"""A trained model that reads the synthetic language and is asked about its words."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from bothways.claims.language import Document
from bothways.evaluate import Question, Subject, answers
from bothways.evaluate.asking import asking, surround, text_begin
from bothways.evaluate.sequential import left_to_right_nats
from bothways.trained import load

_ROWS = 128


@dataclass(frozen=True)
class Blank:
    """A question: which words stand at `asked`, given all words of a document that are not `hidden`."""

    words: Sequence[str]
    hidden: tuple[int, ...]
    """Ascending; `asked` lies within."""
    asked: tuple[int, ...]
    """Ascending."""


@dataclass(frozen=True)
class Reader:
    """A model and the numbers of its words."""

    subject: Subject
    numbers: dict[str, int]
    """Word -> its number in the vocabulary."""

    @classmethod
    def of(cls, run: Path) -> "Reader":
        """Read the model of a run; raise `CheckpointError` where there is none."""
        subject, tokenizer = load(run)
        return cls(subject, tokenizer.get_vocab())

    def encode(self, words: Sequence[str]) -> np.ndarray:
        """Return the numbers of words, int32 [words]."""
        return np.array([self.numbers[word] for word in words], dtype=np.int32)

    def predict(self, blanks: Sequence[Blank]) -> list[np.ndarray]:
        """Return log-probabilities over the vocabulary, float64 [asked, vocabulary] for each question.

        Every asked word is predicted on its own, all of `hidden` unseen.
        """
        questions = [Question(self.encode(blank.words), blank.hidden, blank.asked) for blank in blanks]
        found: list[np.ndarray] = [np.empty(0)] * len(blanks)
        for number, log_probabilities, _ in answers(self.subject, questions, _ROWS):
            found[number] = log_probabilities.double().cpu().numpy()
        return found

    def nats(self, blanks: Sequence[Blank]) -> np.ndarray:
        """Return what the true words at `asked` cost, each on its own, as a sum, float64 [questions]."""
        predicted = zip(blanks, self.predict(blanks), strict=True)
        return np.array(
            [-self._truth(blank, log_probabilities).sum() for blank, log_probabilities in predicted]
        )

    def left_to_right(self, documents: Sequence[Document]) -> np.ndarray:
        """Return what each word costs given all before it, float64 [documents, words]; all are of one length."""
        runs = [[self.encode(document.words)] for document in documents]
        scored = left_to_right_nats(self.subject, runs, remember=False, rows=_ROWS)
        order = np.argsort(scored.windows, kind="stable")
        return scored.nats[order].reshape(len(documents), -1)

    def _truth(self, blank: Blank, log_probabilities: np.ndarray) -> np.ndarray:
        wanted = self.encode([blank.words[place] for place in blank.asked])
        return log_probabilities[np.arange(len(wanted)), wanted]


def states(subject: Subject, questions: Sequence[Question]) -> list[np.ndarray]:
    """Return the final states of each question's text as the model computes them, float32 [text tokens, width].

    An objective with `[MASK]` shows it at `hidden`; one with orders leaves the tokens where they are, and lets nothing
    that is not hidden see them.
    """
    found: list[np.ndarray] = []
    for begin in range(0, len(questions), _ROWS):
        found += _states(subject, questions[begin : begin + _ROWS])
    return found


def _states(subject: Subject, questions: Sequence[Question]) -> list[np.ndarray]:
    examples = surround([each.text for each in questions], subject.vocabulary, subject.layout)
    first = text_begin(subject.layout)
    hidden = np.zeros(examples.tokens.shape, dtype=bool)
    for row, each in enumerate(questions):
        hidden[row, first + np.asarray(each.hidden, dtype=np.int64)] = True
    batch = subject.objective.cloze(examples, hidden, hidden).to(subject.device)
    with asking(subject):
        encoded, _ = subject.encoder(batch)
    rows = encoded.float().cpu().numpy()
    return [row[first : first + len(each.text)] for row, each in zip(rows, questions, strict=True)]


def named(subject: Subject, encoded: np.ndarray) -> np.ndarray:
    """Return the token that the model's own head reads off each state (float32 [states, width]), int64 [states]."""
    with asking(subject):
        scores = subject.objective.head(
            torch.from_numpy(encoded).to(subject.device), subject.encoder.token_embedding
        )
    likeliest: np.ndarray = scores.argmax(dim=-1).cpu().numpy()
    return likeliest
