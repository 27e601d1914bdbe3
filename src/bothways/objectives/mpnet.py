"""Masked and permuted language modelling (Song et al. 2020, section 2.3).

    predict 15% of a row in random order, each token from all others and from the places of what is still to come
    loss = - sum over the predicted tokens of log p(token | its place, the earlier tokens, the later places)

As in a permutation the true tokens stay in their slots: rank 0 for known text, 1, 2, 3... for predicted tokens, each of
which is asked for by a probe one rank before its own. Besides, each predicted token has a *placeholder*: a further slot
at its place that shows `[MASK]` and leaves when the token enters. So every query sees one thing at every place of the
row, the token or its placeholder: the paper's position compensation.

    tokens         x1 x2 x3 x4 x5 x6      order of prediction: x5, x2
    placeholders   m2 m5
    probe of x5    sees x1 x3 x4 x6 m2 m5
    probe of x2    sees x1 x3 x4 x6 m2 x5

Placeholders show `[MASK]` alone. The released code gives them BERT's 80/10/10 and feeds its queries with the same
tokens, so one query in ten reads its own answer. What 80/10/10 is for, that a model also meets text without `[MASK]`,
is given here: the slots hold it.
"""

import dataclasses
from typing import Literal

import numpy as np
from pydantic import Field

from bothways.batch import NEVER, Batch, Examples
from bothways.config import Settings
from bothways.objectives.base import Objective
from bothways.objectives.layout import Ranks, draw_ranks, lay_out, line_up, ranks_as_read
from bothways.objectives.masking import choose_tokens_or_words, goals
from bothways.vocabulary import Vocabulary


class MPNetSettings(Settings):
    """What is predicted."""

    kind: Literal["mpnet"] = "mpnet"
    rate: float = Field(default=0.15, gt=0, le=1)
    """Share of a row's tokens that is predicted."""
    select: Literal["token", "word", "ngram"] = "word"
    """Predict single tokens, whole words, or runs of 1 to `longest` words with P(n) proportional to 1/n (`ngram`)."""
    longest: int = Field(default=3, ge=1)
    """Longest run of words that `ngram` predicts."""


class MPNet(Objective):
    """Predict tokens in random order, with the places of all that are still to come in sight."""

    name = "mpnet"
    settings: MPNetSettings
    needs = frozenset({"probes", "repeated positions"})
    answers = frozenset({"leave one out", "joint spans", "orders", "left to right"})

    def corrupt(self, examples: Examples, rng: np.random.Generator) -> Batch:
        """Draw an exact share of every row and its order; the row itself stays, placeholders are added."""
        return self.in_order(examples, draw_ranks(self._choose(examples, rng), rng))

    def cloze(self, examples: Examples, hidden: np.ndarray, asked: np.ndarray) -> Batch:
        """Show `[MASK]` at every hidden slot.

        Where all that is hidden has rank 1, a token at a hidden slot is seen by nobody who is asked, and a probe sees
        what its placeholder sees and shows what it shows: the placeholders alone, in the slots, say the same.
        """
        shown = np.where(hidden, self.vocabulary.mask, examples.tokens)
        return lay_out(examples, shown, asked, self.vocabulary)

    def left_to_right(self, examples: Examples) -> Batch:
        """Rank every ordinary token by its place in the row; special tokens are known from the start.

        Placeholders say how many tokens are still to come; so does XLNet's separator, which is known too.
        """
        return self.in_order(examples, ranks_as_read(~self.vocabulary.is_special[examples.tokens]))

    def in_order(self, examples: Examples, ranks: np.ndarray) -> Batch:
        """Ask for every slot of positive rank (int64 [rows, slots]) in that order, and give it a placeholder."""
        places, is_filled = line_up(np.flatnonzero(ranks), ranks.shape)
        longer = _with_placeholders(examples, places, is_filled, self.vocabulary)
        own = np.take_along_axis(ranks, places, axis=1)
        entering = np.concatenate([ranks, np.zeros_like(own)], axis=1)
        leaving = np.concatenate([np.full_like(ranks, NEVER), own], axis=1)
        return lay_out(
            longer,
            longer.tokens,
            entering > 0,
            self.vocabulary,
            ranks=Ranks(entering, entering, leaving),
            probing=True,
            placeholders=places.shape[1],
        )

    def _choose(self, examples: Examples, rng: np.random.Generator) -> np.ndarray:
        """Return what is predicted, bool [rows, slots]."""
        settings, vocabulary = self.settings, self.vocabulary
        goal = goals(examples.tokens, vocabulary, settings.rate)
        return choose_tokens_or_words(settings.select, settings.longest, examples, vocabulary, goal, rng)


def _with_placeholders(
    examples: Examples, places: np.ndarray, is_filled: np.ndarray, vocabulary: Vocabulary
) -> Examples:
    """Append slots that repeat those at `places` (int64 [rows, placeholders]) but for the token.

    They show `[MASK]`; those that only fill a row up are padding. A stream row has two blocks, and where a placeholder
    belongs would have to be said too: such rows are refused.
    """
    if examples.second_block is not None:
        raise ValueError("a row of two blocks takes no placeholders")

    def repeated(vector: np.ndarray) -> np.ndarray:
        return np.concatenate([vector, np.take_along_axis(vector, places, axis=1)], axis=1)

    shown = np.where(is_filled, vocabulary.mask, vocabulary.pad)
    return dataclasses.replace(
        examples,
        tokens=np.concatenate([examples.tokens, shown], axis=1),
        segments=repeated(examples.segments),
        positions=repeated(examples.positions),
        documents=None if examples.documents is None else repeated(examples.documents),
    )
