"""A language of words with two senses, in which nothing but the words nearby says which sense is meant.

A sentence has two clauses of `CLAUSE` words, one on each of the two topics of a pair, in either order:

    river river BANK river river , money money money money

One of the clauses holds one more word, that of the pair, and its sense is the topic of that clause. So the words of a
sentence, counted without their order, say nothing of the sense; the clause says it all.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

PAIRS, CLAUSE = 2, 4
TOPICS = tuple(tuple(f"topic{topic}{letter}" for letter in "abcde") for topic in range(2 * PAIRS))
"""The words of each topic; topics 2k and 2k + 1 share the word of pair k."""
SHARED = tuple(f"shared{pair}" for pair in range(PAIRS))
BETWEEN = ","
WORDS = (*(word for topic in TOPICS for word in topic), *SHARED, BETWEEN)


@dataclass(frozen=True)
class Sighting:
    """A sentence that holds a word with two senses."""

    words: tuple[str, ...]
    place: int
    """Where that word stands."""
    pair: int
    """Which word it is."""
    sense: int
    """Which of its senses is meant: 0 or 1."""


def sighting(draw: np.random.Generator) -> Sighting:
    """Draw a sentence; word, sense, order of the clauses and place are drawn each for itself, all evenly."""
    pair, sense, first = int(draw.integers(PAIRS)), int(draw.integers(2)), int(draw.integers(2))
    clauses = [_clause(2 * pair + topic, draw) for topic in (first, 1 - first)]
    which, place = int(sense != first), int(draw.integers(CLAUSE + 1))
    clauses[which].insert(place, SHARED[pair])
    begin = len(clauses[0]) + 1 if which else 0
    return Sighting((*clauses[0], BETWEEN, *clauses[1]), begin + place, pair, sense)


def sightings(count: int, draw: np.random.Generator) -> list[Sighting]:
    """Draw sentences."""
    return [sighting(draw) for _ in range(count)]


def _clause(topic: int, draw: np.random.Generator) -> list[str]:
    words: Sequence[str] = TOPICS[topic]
    return [words[number] for number in draw.integers(len(words), size=CLAUSE)]
