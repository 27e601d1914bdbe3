"""Zero-shot grammar: of two sentences, does the model find the grammatical one likelier?

A pair is right where the good sentence costs less as a whole, whatever the lengths of the two (Warstadt et al. 2020).
The overall number is the mean over paradigms, as published, so that it does not depend on how many pairs each has. A
pair whose sentences cost the same counts half, so that a model that knows nothing scores 50 (the paper: not right).
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field
from rich.table import Table
from tokenizers import Tokenizer

from bothways.errors import DataError
from bothways.evaluate.asking import Subject
from bothways.evaluate.pair_files import MinimalPair
from bothways.evaluate.printing import lines_of
from bothways.evaluate.sentences import WAYS, SentenceSettings, sentence_nats
from bothways.evaluate.windows import SPECIALS
from bothways.metrics.share import Share, mean_share, share_of


class MinimalPairSettings(SentenceSettings):
    """Which pairs are scored, and how."""

    limit: int | None = Field(default=100, ge=1)
    """Pairs of each paradigm that are scored, its first ones; null: all of them."""


@dataclass(frozen=True)
class PairScores:
    """How often one way of scoring prefers the good sentence."""

    way: str
    """A key of `sentences.WAYS`, or "unigram"."""
    title: str
    """What a table calls it."""
    overall: Share
    """The mean over paradigms."""
    fields: dict[str, Share]
    """The mean over the paradigms of each field; empty where the pairs name none."""
    phenomena: dict[str, Share]
    paradigms: dict[str, Share]
    right: list[float]
    """Of each pair, in the order of `MinimalPairs.pairs`: 1, 0, or 0.5 for a tie."""


@dataclass(frozen=True)
class MinimalPairs:
    """What a model knows of minimal pairs without being trained on them."""

    scores: list[PairScores]
    """The unigram first, where there is one, then the ways that the objective defines."""
    pairs: list[str]
    """Where each pair stands: results on the same list can be compared pair by pair."""
    settings: MinimalPairSettings
    unknown: int
    """Pairs with tokens that the vocabulary lacks; those tokens are not scored."""
    answered_by: str | None = None
    """Who gave the answers, if it is not the model itself: ELECTRA's generator."""

    def lines(self) -> list[str]:
        """Return the table and what it was measured on."""
        return [*lines_of(self.table()), *self.notes()]

    def table(self) -> Table:
        """Return a row for all pairs, each field, phenomenon and paradigm, and a column for each way of scoring."""
        table = Table(title="minimal pairs, % right", title_justify="left")
        table.add_column("group", overflow="fold")
        table.add_column("pairs", justify="right", no_wrap=True)
        for scores in self.scores:
            table.add_column(scores.title, justify="right", no_wrap=True)
        sections = [{"all paradigms": scores.overall} for scores in self.scores]
        _add_section(table, sections)
        _add_section(table, [scores.fields for scores in self.scores])
        _add_section(table, [scores.phenomena for scores in self.scores])
        _add_section(table, [scores.paradigms for scores in self.scores])
        return table

    def notes(self) -> list[str]:
        """Return the lines below the table."""
        settings, ways = self.settings, {scores.way for scores in self.scores}
        chosen = "all" if settings.limit is None else f"the first {settings.limit:,}"
        notes = [
            f"{len(self.pairs):,} pairs, {chosen} of each paradigm; groups are means over their paradigms",
            "guessing gives 50; [low, high] is a 95% interval over pairs",
        ]
        if "pseudo" in ways:
            hidden = "the rest of its word" if settings.within_word else "nothing else"
            notes.append(f"pseudo-likelihood: each token given all others, {hidden} hidden with it")
        if "orders" in ways:
            notes.append(f"random orders: the mean over {settings.orders}, seed {settings.seed}")
        if self.unknown:
            notes.append(f"{self.unknown:,} pairs hold unknown tokens, which are not scored")
        return notes + ([f"scored by {self.answered_by}"] if self.answered_by else [])


def minimal_pairs(
    subject: Subject,
    tokenizer: Tokenizer,
    pairs: Iterable[MinimalPair],
    settings: MinimalPairSettings,
    unigram: np.ndarray | None = None,
) -> MinimalPairs:
    """Score minimal pairs, such as those of `read_pairs`; `unigram` is float [vocabulary], from `unigram_nats`.

    Depends on the pairs and the settings alone. Raises `DataError` without any pair, and at a sentence that does not
    fit into the model.
    """
    chosen = first_of_each(pairs, settings.limit)
    if not chosen:
        raise DataError("minimal pairs: there is none, so nothing can be scored; give at least one")
    sentences = [
        _encoded(subject, tokenizer, pair, text) for pair in chosen for text in (pair.good, pair.bad)
    ]
    # A pair's place in its paradigm: the orders of a pair do not depend on what else is scored.
    keys = np.repeat(_places([pair.paradigm for pair in chosen]), 2).tolist()
    scores = []
    if unigram is not None:
        scores.append(
            _scores("unigram", "unigram", _unigram_sums(subject, sentences, unigram), sentences, chosen)
        )
    for way, nats in sentence_nats(subject, sentences, settings, keys).items():
        scores.append(_scores(way, WAYS[way].title, nats, sentences, chosen))
    unknown = [bool(subject.vocabulary.is_special[sentence].any()) for sentence in sentences]
    return MinimalPairs(
        scores,
        [pair.where for pair in chosen],
        settings,
        sum(good or bad for good, bad in zip(unknown[::2], unknown[1::2], strict=True)),
        subject.objective.answered_by,
    )


def compare(nats: np.ndarray, sentences: Sequence[np.ndarray]) -> np.ndarray:
    """Say of each pair whether the good sentence costs less, float64 [pairs]: 1, 0, or 0.5 for a tie.

    `nats` float64 [pairs * 2] and `sentences` (their tokens) hold the good sentence of each pair before its bad one.
    """
    good, bad = nats[::2], nats[1::2]
    # Of the same tokens in two batches, rounding would prefer one.
    is_same = [np.array_equal(*both) for both in zip(sentences[::2], sentences[1::2], strict=True)]
    return np.where(is_same | (good == bad), 0.5, good < bad)


def first_of_each(pairs: Iterable[MinimalPair], limit: int | None) -> list[MinimalPair]:
    """Return the first `limit` pairs of each paradigm, in the order given."""
    every = list(pairs)
    places = _places([pair.paradigm for pair in every])
    return [pair for pair, place in zip(every, places, strict=True) if limit is None or place < limit]


def _places(names: Sequence[str]) -> list[int]:
    """Return how often each name has been there before."""
    seen: dict[str, int] = {}
    places = []
    for name in names:
        places.append(seen.get(name, 0))
        seen[name] = places[-1] + 1
    return places


def _encoded(subject: Subject, tokenizer: Tokenizer, pair: MinimalPair, text: str) -> np.ndarray:
    tokens = np.array(tokenizer.encode(text, add_special_tokens=False).ids, dtype=np.int32)
    if subject.longest is not None and len(tokens) + SPECIALS > subject.longest:
        raise DataError(
            f"{pair.where}: a sentence has {len(tokens)} tokens, but this model reads "
            f"{subject.longest - SPECIALS} at most; leave the pair out"
        )
    if not len(tokens):
        raise DataError(f"{pair.where}: the tokenizer leaves nothing of a sentence; leave the pair out")
    return tokens


def _unigram_sums(subject: Subject, sentences: Sequence[np.ndarray], unigram: np.ndarray) -> np.ndarray:
    is_special = subject.vocabulary.is_special
    # The exact sum: the same words in another order are a tie.
    return np.array([math.fsum(unigram[sentence[~is_special[sentence]]]) for sentence in sentences])


def _scores(
    way: str, title: str, nats: np.ndarray, sentences: Sequence[np.ndarray], pairs: Sequence[MinimalPair]
) -> PairScores:
    """Compare the nats of good and bad sentences, float64 [pairs * 2], and sum up by paradigms and their groups."""
    right = compare(nats, sentences)
    paradigms = {
        name: share_of(right[[index for index, pair in enumerate(pairs) if pair.paradigm == name]])
        for name in dict.fromkeys(pair.paradigm for pair in pairs)
    }
    return PairScores(
        way,
        title,
        mean_share(list(paradigms.values())),
        _grouped(paradigms, pairs, lambda pair: pair.field),
        _grouped(paradigms, pairs, lambda pair: pair.phenomenon),
        paradigms,
        right.tolist(),
    )


def _grouped(
    paradigms: dict[str, Share], pairs: Sequence[MinimalPair], group_of: Callable[[MinimalPair], str | None]
) -> dict[str, Share]:
    """Return the mean of the paradigms of each group, by name; a paradigm belongs where its first pair does."""
    group = {pair.paradigm: group_of(pair) for pair in reversed(pairs)}
    names = sorted({name for name in group.values() if name is not None})
    return {
        name: mean_share([share for paradigm, share in paradigms.items() if group[paradigm] == name])
        for name in names
    }


def _add_section(table: Table, columns: Sequence[dict[str, Share]]) -> None:
    for name, share in columns[0].items():
        table.add_row(name, f"{share.count:,}", *(str(column[name]) for column in columns))
    table.add_section()
