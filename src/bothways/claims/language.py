"""A language whose every probability is known: what a model says of it can be held against the truth.

Every sentence has eight words and follows one of six frames:

    weather     it is often sunny in Los Angeles .         collocations; the weather says something of the name
    agreement   the dogs near Los Angeles bark loudly .    noun and verb agree across a name
    scene       in winter the owl flies here again .       season and verb together decide the noun between them
    dish        people here eat tacos with their tea .     decided by the topic, wherever it was named
    week        then Mon Tue Wed Thu Fri passed .          a day is known from any other and the places of both
    sense       she saw the muddy bank become steep .      words of two senses, each with neighbours of its own

A *topic* is a name (New York, Rio de Janeiro). Given the topic, a sentence falls into groups of words that are drawn
together and independently of the others, so the probability of all sentences that agree with some visible words is a
product of sums: `Language.mass`. Every conditional probability is a ratio of two masses, for any set of visible words.
A document is some sentences, which share one topic or have each their own.
"""

import functools
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bothways.claims.words import FRAMES, NAMES, Choices, choices

WORDS = 8
"""Words of a sentence, the full stop included."""

Topic = tuple[str, ...]
Blanks = Sequence[str | None]
"""A document's words, absent where they are hidden."""


@dataclass(frozen=True)
class Sentence:
    """A sentence and how it came about."""

    frame: str
    topic: Topic
    words: tuple[str, ...]

    def slots(self, group: str) -> tuple[int, ...]:
        """Return where the words of a group stand in the sentence, such as those of the `name`; none: empty."""
        return _slots(self.frame, len(self.topic)).get(group, ())


@dataclass(frozen=True)
class Document:
    """Sentences in a row."""

    sentences: tuple[Sentence, ...]

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(word for sentence in self.sentences for word in sentence.words)

    @property
    def text(self) -> str:
        """A line for each sentence."""
        return "\n".join(" ".join(sentence.words) for sentence in self.sentences)

    def find(self, group: str) -> Iterator[tuple[int, ...]]:
        """Yield where in the document the words of each such group stand."""
        for number, sentence in enumerate(self.sentences):
            if slots := sentence.slots(group):
                yield tuple(number * WORDS + slot for slot in slots)


@dataclass(frozen=True)
class Language:
    """A distribution over documents of a fixed number of sentences."""

    sentences: int = 3
    """Of each document."""
    shared_topic: bool = False
    """Whether all sentences of a document have one topic; else each draws its own."""
    frames: tuple[str, ...] = tuple(FRAMES)
    """Which frames sentences follow, each alike."""

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """All words that occur, sorted."""
        return tuple(sorted(set[str]().union(*(_candidates(self.frames, slot) for slot in range(WORDS)))))

    def document(self, rng: np.random.Generator) -> Document:
        """Draw a document."""
        drawn = [_draw(NAMES, rng) for _ in range(1 if self.shared_topic else self.sentences)]
        topics = drawn * self.sentences if self.shared_topic else drawn
        return Document(tuple(self._sentence(topic, rng) for topic in topics))

    def documents(self, rng: np.random.Generator, count: int) -> Iterator[Document]:
        """Draw `count` documents."""
        return (self.document(rng) for _ in range(count))

    def questions(self, count: int = 200) -> list[Document]:
        """Return documents to ask about, always the same ones, drawn apart from any that are trained on."""
        return list(self.documents(np.random.default_rng([1, 1]), count))

    def every_sentence(self) -> Iterator[tuple[Sentence, float]]:
        """Yield all sentences and topics with their probabilities, which sum to 1."""
        for frame, (topic, chance) in itertools.product(self.frames, NAMES.items()):
            for words, given in _fillings(frame, topic):
                yield Sentence(frame, topic, words), given * chance / len(self.frames)

    def mass(self, words: Blanks) -> float:
        """Return the probability of all documents that agree with the words that are not None.

        Raises `ValueError` where a document of this language has another number of words.
        """
        if len(words) != self.sentences * WORDS:
            raise ValueError(f"{len(words)} words, where a document has {self.sentences * WORDS}")
        cut = [tuple(words[begin : begin + WORDS]) for begin in range(0, len(words), WORDS)]
        if self.shared_topic:
            return math.fsum(
                chance * math.prod(_mass_of_topic(self.frames, sentence, topic) for sentence in cut)
                for topic, chance in NAMES.items()
            )
        return math.prod(_mass_of_any_topic(self.frames, sentence) for sentence in cut)

    def conditional(self, words: Blanks, position: int) -> dict[str, float]:
        """Return the probability of each word that may stand at a position, given the words that are not None.

        What stands at the position itself does not matter. Raises `ValueError` where the words contradict each other.
        """
        return {word: chance for (word,), chance in self.joint(words, (position,)).items()}

    def joint(self, words: Blanks, positions: Sequence[int]) -> dict[tuple[str, ...], float]:
        """Return the joint probability of the words at several positions, given all others that are not None."""
        blank = list(words)
        for position in positions:
            blank[position] = None
        whole = self.mass(blank)
        if not whole:
            raise ValueError("no document of this language has these words")
        return {filling: mass / whole for filling, mass in self._extend(blank, tuple(positions))}

    def nats(self, words: Sequence[str], hidden: Sequence[int], asked: Sequence[int]) -> float:
        """Return -log p(words at `asked`, jointly | words that are not `hidden`); `hidden` holds `asked` too."""
        visible: list[str | None] = [None if place in hidden else word for place, word in enumerate(words)]
        told = [word if place in asked else visible[place] for place, word in enumerate(words)]
        return math.log(self.mass(visible)) - math.log(self.mass(told))

    def entropy(self, frame: str, hidden: Sequence[int], asked: Sequence[int]) -> float:
        """Return the exact mean of `nats` over all sentences of a frame, in a document of nothing else.

        `hidden` and `asked` are slots of the sentence. This is what the best possible model pays on average.
        """
        alone = Language(1, frames=self.frames)
        of_frame = [(each, chance) for each, chance in self.every_sentence() if each.frame == frame]
        total = math.fsum(chance for _, chance in of_frame)
        return math.fsum(chance * alone.nats(each.words, hidden, asked) for each, chance in of_frame) / total

    def _sentence(self, topic: Topic, rng: np.random.Generator) -> Sentence:
        frame = self.frames[int(rng.integers(len(self.frames)))]
        words = list(_literals(frame, len(topic)))
        for group, slots in _slots(frame, len(topic)).items():
            for slot, word in zip(slots, _draw(choices(group, topic), rng), strict=True):
                words[slot] = word
        return Sentence(frame, topic, tuple(words))

    def _extend(
        self, words: list[str | None], positions: tuple[int, ...]
    ) -> Iterator[tuple[tuple[str, ...], float]]:
        """Yield every filling of the positions that is possible, with its mass."""
        if not positions:
            yield (), self.mass(words)
            return
        first, *rest = positions
        for word in sorted(_candidates(self.frames, first % WORDS)):
            filled = [*words[:first], word, *words[first + 1 :]]
            if self.mass(filled) > 0:
                for filling, mass in self._extend(filled, tuple(rest)):
                    yield (word, *filling), mass


@functools.cache
def _literals(frame: str, length: int) -> tuple[str, ...]:
    """Return the words of a frame for names of `length` words; slots are in braces."""
    return tuple(FRAMES[frame][length].split())


@functools.cache
def _slots(frame: str, length: int) -> Mapping[str, tuple[int, ...]]:
    """Return where the words of each group stand."""
    found: dict[str, list[int]] = {}
    for slot, word in enumerate(_literals(frame, length)):
        if word.startswith("{"):
            found.setdefault(word[1:-1], []).append(slot)
    return {group: tuple(slots) for group, slots in found.items()}


@functools.lru_cache(maxsize=100_000)
def _mass_of_any_topic(frames: tuple[str, ...], words: tuple[str | None, ...]) -> float:
    return math.fsum(chance * _mass_of_topic(frames, words, topic) for topic, chance in NAMES.items())


@functools.lru_cache(maxsize=100_000)
def _mass_of_topic(frames: tuple[str, ...], words: tuple[str | None, ...], topic: Topic) -> float:
    """Return the probability, given the topic, of a sentence that agrees with the visible words."""
    return math.fsum(_mass_of_frame(frame, words, topic) for frame in frames) / len(frames)


def _mass_of_frame(frame: str, words: tuple[str | None, ...], topic: Topic) -> float:
    literals = _literals(frame, len(topic))
    if any(
        not fixed.startswith("{") and word not in (None, fixed)
        for fixed, word in zip(literals, words, strict=True)
    ):
        return 0.0
    mass = 1.0
    for group, slots in _slots(frame, len(topic)).items():
        shown = [(place, words[slot]) for place, slot in enumerate(slots) if words[slot] is not None]
        mass *= math.fsum(
            chance
            for filling, chance in choices(group, topic).items()
            if all(filling[place] == word for place, word in shown)
        )
    return mass


@functools.cache
def _candidates(frames: tuple[str, ...], slot: int) -> frozenset[str]:
    """Return the words that may stand at a slot of some sentence."""
    return frozenset(
        words[slot] for frame in frames for topic in NAMES for words, _ in _fillings(frame, topic)
    )


def _fillings(frame: str, topic: Topic) -> Iterator[tuple[tuple[str, ...], float]]:
    """Yield every sentence of a frame and a topic, with its probability given both."""
    slots = _slots(frame, len(topic))
    for drawn in itertools.product(*(choices(group, topic).items() for group in slots)):
        words = list(_literals(frame, len(topic)))
        for places, (filling, _) in zip(slots.values(), drawn, strict=True):
            for place, word in zip(places, filling, strict=True):
                words[place] = word
        yield tuple(words), math.prod(chance for _, chance in drawn)


def _draw(fillings: Choices, rng: np.random.Generator) -> tuple[str, ...]:
    return list(fillings)[int(rng.choice(len(fillings), p=list(fillings.values())))]
