"""How likely a whole sentence is, in three ways; an objective answers those that it defines.

    pseudo          sum over tokens of  - log p(token | all others)                      (Salazar et al. 2020)
    orders          the mean, over K random orders of the tokens, of the
                    sum over tokens of  - log p(token | those earlier in the order)      (Yang et al. 2019, section 2.2)
    left to right   sum over tokens of  - log p(token | those before it)

All are nats: the lower, the likelier. The first is no probability, but ranks sentences like one. A word in several
pieces would be too cheap there, since its pieces give each other away, so the pieces to the right of the token that is
asked are hidden with it (Kauf and Ivanova 2023, the measure they advise); `within_word=False` hides that token alone,
as Salazar et al. do. A word begins where the tokenizer's `starts_word` says: with SentencePiece and byte pairs, a full
stop belongs to the word before it.

Special tokens are known, unknown ones too: none is scored. How many tokens a sentence has is known in all but causal
models. Rows are sorted by length and cut into batches by their slots, so that short sentences cost little; an order
costs one row, a pseudo-log-likelihood a row for each token.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
from pydantic import Field

from bothways.batch import Batch, Examples
from bothways.config import Settings
from bothways.errors import UsageError
from bothways.evaluate.asking import (
    ReadsInOrder,
    ReadsLeftToRight,
    Subject,
    asking,
    surround,
    text_begin,
    truth_nats,
)
from bothways.evaluate.windows import SPECIALS

_ORDERS = 30  # stream of random numbers for the orders

Way = Literal["pseudo", "orders", "left_to_right"]


class SentenceSettings(Settings):
    """How sentences are scored."""

    ways: tuple[Way, ...] = ("pseudo", "orders", "left_to_right")
    """Ways of scoring; those that the model's objective does not define are left out."""
    within_word: bool = True
    """For `pseudo`: hide the pieces of the same word to the right of the asked token, too; false: that token alone."""
    orders: int = Field(default=4, ge=1)
    """For `orders`: how many random orders of all tokens are averaged."""
    slots: int = Field(default=1024, ge=1)
    """Slots computed at a time; fewer need less memory."""
    seed: int = Field(default=0, ge=0)
    """Which orders are drawn."""


def sentence_nats(
    subject: Subject, sentences: Sequence[np.ndarray], settings: SentenceSettings, keys: Sequence[int]
) -> dict[Way, np.ndarray]:
    """Return the nats of every sentence (int [text tokens]), float64 [sentences], for each way there is.

    Sentences with the same of the `keys` share the chance of their orders, so that two that are compared differ in
    little else. Raises `UsageError` where the objective defines none of the ways that are wanted.
    """
    defined = [way for way in settings.ways if WAYS[way].answer in subject.objective.answers]
    if not defined:
        raise UsageError(
            f"this model's objective, {subject.objective.name}, does not score sentences by "
            f"{' or '.join(settings.ways)}; leave `ways` out"
        )
    with asking(subject):
        return {way: WAYS[way].score(subject, sentences, settings, keys) for way in defined}


def pseudo_nats(
    subject: Subject, sentences: Sequence[np.ndarray], settings: SentenceSettings, _keys: Sequence[int]
) -> np.ndarray:
    """Return the negative pseudo-log-likelihood of each sentence; one row for each token."""
    asked = _asked_tokens(sentences, subject, settings.within_word)
    owners, first, end = asked.T

    def ask(examples: Examples, chosen: np.ndarray) -> Batch:
        place = np.arange(examples.tokens.shape[1]) - text_begin(subject.layout)
        is_asked = place == first[chosen, None]
        hidden = (place >= first[chosen, None]) & (place < end[chosen, None])
        return subject.objective.cloze(examples, hidden, is_asked)

    nats = _row_nats(subject, [sentences[owner] for owner in owners], ask, settings.slots)
    return np.bincount(owners, nats, len(sentences))


def order_nats(
    subject: Subject, sentences: Sequence[np.ndarray], settings: SentenceSettings, keys: Sequence[int]
) -> np.ndarray:
    """Return what each sentence costs in random orders of its tokens, on average; one row for each order."""
    ranks = [
        order
        for sentence, key in zip(sentences, keys, strict=True)
        for order in _random_orders(~subject.vocabulary.is_special[sentence], settings, key)
    ]

    def ask(examples: Examples, chosen: np.ndarray) -> Batch:
        wanted = np.zeros(examples.tokens.shape, dtype=np.int64)
        begin = text_begin(subject.layout)
        for row, number in enumerate(chosen):
            wanted[row, begin : begin + len(ranks[number])] = ranks[number]
        return cast(ReadsInOrder, subject.objective).in_order(examples, wanted)

    repeated = [sentence for sentence in sentences for _ in range(settings.orders)]
    nats = _row_nats(subject, repeated, ask, _slots_where_all_are_asked(settings))
    return nats.reshape(-1, settings.orders).mean(axis=1)


def read_nats(
    subject: Subject, sentences: Sequence[np.ndarray], settings: SentenceSettings, _keys: Sequence[int]
) -> np.ndarray:
    """Return what each sentence costs from left to right; one row for each.

    A causal model whose rows do not begin with CLS has nothing to predict the first token from: it is free.
    """

    def ask(examples: Examples, _chosen: np.ndarray) -> Batch:
        return cast(ReadsLeftToRight, subject.objective).left_to_right(examples)

    return _row_nats(subject, sentences, ask, _slots_where_all_are_asked(settings))


@dataclass(frozen=True)
class Scoring:
    """A way of scoring sentences."""

    title: str
    """What a table calls it."""
    answer: str
    """What the objective must answer (`Objective.answers`)."""
    score: Callable[[Subject, Sequence[np.ndarray], SentenceSettings, Sequence[int]], np.ndarray]


WAYS: Mapping[Way, Scoring] = {
    "pseudo": Scoring("pseudo-likelihood", "leave one out", pseudo_nats),
    "orders": Scoring("random orders", "orders", order_nats),
    "left_to_right": Scoring("left to right", "left to right", read_nats),
}


def _asked_tokens(sentences: Sequence[np.ndarray], subject: Subject, within_word: bool) -> np.ndarray:
    """Return int64 [tokens, 3]: the sentence of each ordinary token, its position, and where what is hidden ends."""
    found = [np.empty((0, 3), dtype=np.int64)]
    for number, sentence in enumerate(sentences):
        positions = np.flatnonzero(~subject.vocabulary.is_special[sentence])
        ends = positions + 1
        if within_word:
            starts = np.append(np.flatnonzero(subject.vocabulary.starts_word[sentence]), len(sentence))
            ends = starts[np.searchsorted(starts, positions, side="right")]
        found.append(np.stack([np.full_like(positions, number), positions, ends], axis=1))
    return np.concatenate(found)


def _random_orders(is_ordinary: np.ndarray, settings: SentenceSettings, key: int) -> np.ndarray:
    """Return ranks 1, 2, 3... of the ordinary tokens and 0 for the others, int64 [orders, tokens].

    The chance of a token depends on its position alone, so sentences of one key agree as far as the shorter goes.
    """
    rng = np.random.default_rng([settings.seed, _ORDERS, key])
    chance = rng.random((len(is_ordinary), settings.orders)).T
    ranks = np.zeros(chance.shape, dtype=np.int64)
    ranks[:, is_ordinary] = chance[:, is_ordinary].argsort(axis=1).argsort(axis=1) + 1
    return ranks


def _row_nats(
    subject: Subject,
    texts: Sequence[np.ndarray],
    ask: Callable[[Examples, np.ndarray], Batch],
    slots: int,
) -> np.ndarray:
    """Return what is asked of each text costs, float64 [texts].

    `ask` makes a batch of the laid out texts whose numbers it is given, int64 [rows].
    """
    nats = np.zeros(len(texts))
    for chosen in _batches([len(text) + SPECIALS for text in texts], slots):
        examples = surround([texts[number] for number in chosen], subject.vocabulary, subject.layout)
        batch = ask(examples, chosen).to(subject.device)
        paid, _, rows = truth_nats(subject, batch)
        nats[chosen] = np.bincount(rows.cpu().numpy(), paid.double().cpu().numpy(), len(chosen))
    return nats


def _batches(lengths: Sequence[int], slots: int) -> Iterator[np.ndarray]:
    """Yield the numbers of rows that are computed together, longest first: about as many `slots` each."""
    order = np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable")
    begin = 0
    while begin < len(order):
        end = begin + max(1, slots // lengths[order[begin]])
        yield order[begin:end]
        begin = end


def _slots_where_all_are_asked(settings: SentenceSettings) -> int:
    """Every token of a row is scored, so fewer rows fill the memory with scores over the vocabulary."""
    return settings.slots // 4
