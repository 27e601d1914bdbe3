"""What one labelled example is, for each kind of task: text as it was written, before any tokenizer.

`where` is for messages ("train.csv, row 17"). `content` is what the model will see, without the label: two records
of the same content are duplicates, and must not stand on both sides of a split.
"""

from dataclasses import dataclass, fields, replace
from typing import Any, Literal, Protocol, TypeVar

Task = Literal["classify", "regress", "tag", "answer", "choose", "embed"]
"""What is learned from records: a class or a number for a text (or pair), a label for each word, a span of a
passage, one of several choices, or vectors that are near where texts belong together."""


class Record(Protocol):
    """What all records have."""

    @property
    def where(self) -> str: ...

    @property
    def content(self) -> str: ...


R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True)
class TextRecord:
    """A text or a pair of texts with its label: to classify, to regress (the label is a number), or to embed.

    For embedding, a pair without a label belongs together; with one, the label is how similar the two are.
    """

    where: str
    text: str
    pair: str | None = None
    label: str | None = None

    @property
    def content(self) -> str:
        return self.text if self.pair is None else f"{self.text}\n\n{self.pair}"


@dataclass(frozen=True, slots=True)
class TaggedRecord:
    """The words of a sentence (characters, in Chinese sets) and a label for each."""

    where: str
    words: tuple[str, ...]
    labels: tuple[str, ...] | None = None

    @property
    def content(self) -> str:
        return " ".join(self.words)


@dataclass(frozen=True, slots=True)
class Answer:
    """A span of a passage: its text, and the character at which it starts."""

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class QuestionRecord:
    """A question about a passage with its gold spans; none: unanswerable (SQuAD 2.0), or not known."""

    where: str
    identifier: str
    question: str
    passage: str
    answers: tuple[Answer, ...] = ()

    @property
    def content(self) -> str:
        """The passage: a model that has learned from its other questions has seen it."""
        return self.passage


@dataclass(frozen=True, slots=True)
class ChoiceRecord:
    """A question with several choices, perhaps about a passage (else ""); `answer` counts from 0."""

    where: str
    passage: str
    question: str
    choices: tuple[str, ...]
    answer: int | None = None

    @property
    def content(self) -> str:
        return self.passage or self.question


_WANTED: dict[str, Any] = {"label": None, "labels": None, "answer": None, "answers": ()}


def unlabelled(record: Any) -> Any:
    """Return a record as it is asked: without what is wanted of it."""
    names = [field.name for field in fields(record) if field.name in _WANTED]
    return replace(record, **{name: _WANTED[name] for name in names})


def is_labelled(record: Any) -> bool:
    """Say whether a record holds anything of what is wanted of it."""
    return bool(record != unlabelled(record))
