"""When to give no answer: the threshold of SQuAD 2.0 (Rajpurkar et al. 2018), tuned on development questions.

A reader says how much it doubts that a question has an answer. Whose doubt lies above the threshold gets none.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Threshold:
    """The most doubt at which an answer is still given."""

    value: float
    """On the scale of the doubts."""
    score: float
    """The mean score of the questions it was chosen on."""


def scores_at(
    threshold: float, scores: np.ndarray, doubts: np.ndarray, is_unanswerable: np.ndarray
) -> np.ndarray:
    """Return the scores float [questions] after answers beyond the threshold are taken back.

    `scores` are those of the answers if all were given; no answer scores 1 where the question has none, else 0.
    """
    return np.where(doubts > threshold, is_unanswerable, scores)


def best_threshold(scores: np.ndarray, doubts: np.ndarray, is_unanswerable: np.ndarray) -> Threshold:
    """Return the threshold with the best mean score: the lowest of several, or one below all doubts to answer nothing.

    `scores` float [questions] of the answers if all were given (exact match or F1), `doubts` float [questions] on any
    scale, `is_unanswerable` bool [questions]. One sort, and one sum over the questions in the order of doubt.

    The official script means probabilities, since it says 0 for "answer nothing", and may stop in the midst of
    questions with equal doubts, at a score that no threshold gives. On distinct probabilities both agree.
    """
    order = np.argsort(doubts, kind="stable")
    ordered = doubts[order].astype(float)
    gains = (scores - is_unanswerable)[order]
    totals = np.cumsum(np.concatenate([[np.sum(is_unanswerable)], gains]))
    may_end = np.append(ordered[1:] > ordered[:-1], True)
    candidates = np.concatenate([[0], np.flatnonzero(may_end) + 1])
    best = candidates[np.argmax(totals[candidates])]
    value = ordered[best - 1] if best else ordered[0] - 1
    return Threshold(float(value), float(totals[best] / len(scores)))
