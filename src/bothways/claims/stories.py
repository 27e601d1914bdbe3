"""A language of stories, where one thing can be said of two pieces of text: whether the second continues the first.

A story has a topic, which it keeps, and `STAGES` sentences, from its beginning to its end. A sentence is

    noun  verb  noun  filler

with nouns of the topic and a verb of the stage, so the topic says whether two pieces are of one story, and the verbs
say which of them comes first. Fillers say nothing.
"""

from collections.abc import Iterator

import numpy as np

from bothways.records.types import TextRecord

TOPICS, STAGES = 4, 6
NOUNS = {topic: tuple(f"noun{topic}{letter}" for letter in "abcde") for topic in range(TOPICS)}
VERBS = {stage: tuple(f"verb{stage}{letter}" for letter in "abc") for stage in range(STAGES)}
FILLERS = tuple(f"filler{letter}" for letter in "abcdefgh")
WORDS = tuple(word for group in (*NOUNS.values(), *VERBS.values(), FILLERS) for word in group)

LABELS = ("elsewhere", "next", "previous")
"""What a second text is to the first: of another story, what follows, or what came before."""


def sentence(topic: int, stage: int, draw: np.random.Generator) -> str:
    """Return one sentence of a story."""
    groups = (NOUNS[topic], VERBS[stage], NOUNS[topic], FILLERS)
    return " ".join(group[draw.integers(len(group))] for group in groups)


def story(draw: np.random.Generator) -> list[str]:
    """Return the sentences of a whole story."""
    topic = int(draw.integers(TOPICS))
    return [sentence(topic, stage, draw) for stage in range(STAGES)]


def labelled_pairs(count: int, draw: np.random.Generator) -> list[TextRecord]:
    """Return pairs of two sentences each, the labels in turn.

    Where both are of one story, they follow each other directly. Where they are not, their places in their stories are
    drawn each for itself.
    """
    return [_pair(number, LABELS[number % len(LABELS)], draw) for number in range(count)]


def _pair(number: int, label: str, draw: np.random.Generator) -> TextRecord:
    topic = int(draw.integers(TOPICS))
    if label == "elsewhere":
        other = (topic + 1 + int(draw.integers(TOPICS - 1))) % TOPICS
        one, two = (_two(each, int(draw.integers(STAGES - 1)), draw) for each in (topic, other))
    else:
        begin = int(draw.integers(STAGES - 3))
        one, two = (_two(topic, stage, draw) for stage in (begin, begin + 2))
    if label == "previous":
        one, two = two, one
    return TextRecord(f"pair {number + 1}", one, two, label)


def _two(topic: int, stage: int, draw: np.random.Generator) -> str:
    return " ".join(_sentences(topic, stage, draw))


def _sentences(topic: int, stage: int, draw: np.random.Generator) -> Iterator[str]:
    yield sentence(topic, stage, draw)
    yield sentence(topic, stage + 1, draw)
