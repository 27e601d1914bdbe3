"""Answers that are texts: exact match and F1 as SQuAD's official script counts them (Rajpurkar et al. 2016 and 2018).

Case, punctuation of ASCII, English articles and spacing do not count. The script of version 2.0 is followed for 1.1,
too; they disagree only on a gold answer that is nothing but an article or punctuation, which 2.0 leaves out.
"""

import re
import string
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


@dataclass(frozen=True)
class AnswerScores:
    """How good each answer is; their means are the scores of a test set."""

    exact: np.ndarray
    """float [questions]: 1 where the answer is one of the gold answers."""
    f1: np.ndarray
    """float [questions]: how much of the nearest gold answer it shares."""


def answer_scores(predictions: Sequence[str], answers: Sequence[Sequence[str]]) -> AnswerScores:
    """Score one prediction a question against all its gold answers.

    An empty prediction says "no answer", and no gold answers that the question has none. Raise `ValueError` where
    predictions and questions differ in number.
    """
    pairs = list(zip(predictions, answers, strict=True))
    exact = [exact_match(prediction, gold) for prediction, gold in pairs]
    shared = [token_f1(prediction, gold) for prediction, gold in pairs]
    return AnswerScores(np.array(exact, dtype=float), np.array(shared, dtype=float))


def exact_match(prediction: str, answers: Sequence[str]) -> float:
    """Return 1 if the prediction is one of the gold answers, normalised, else 0."""
    return float(normalise(prediction) in _normalised(answers))


def token_f1(prediction: str, answers: Sequence[str]) -> float:
    """Return F1 of the words that prediction and gold answer share, of the gold answer where it is best."""
    return max(_shared_words(normalise(prediction).split(), gold.split()) for gold in _normalised(answers))


def normalise(text: str) -> str:
    """Return what counts of an answer: no case, then no punctuation, then no articles, then single spaces.

    The order matters: `the-end` becomes `theend`, because its hyphen goes before articles are looked for.
    """
    bare = text.lower().translate(_NO_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", bare).split())


def _normalised(answers: Sequence[str]) -> list[str]:
    """Return the gold answers of which anything is left; without any the right answer is to give none."""
    return [gold for gold in map(normalise, answers) if gold] or [""]


def _shared_words(words: list[str], gold: list[str]) -> float:
    if not words or not gold:
        return float(words == gold)
    shared = (Counter(words) & Counter(gold)).total()
    return 2 * shared / (len(words) + len(gold))
