"""Masked language modelling (Devlin et al. 2019, section 3.1, task 1).

    hide 15% of the tokens: 80% become [MASK], 10% a random token, 10% stay as they are
    loss = - sum over hidden positions of log p(token | the corrupted row)

Which positions: single tokens, whole words, n-grams of words, or SpanBERT's spans (Joshi et al. 2020, section 3.1):
runs of words of geometric length, where chance decides between the three fates for a whole span, spans that touch
being one (random tokens are drawn evenly, where SpanBERT's code draws them by frequency). The count is exact in every
row, special tokens are never hidden nor drawn as random replacements, and the draw is new every time a text is seen
(RoBERTa's dynamic masking, Liu et al. 2019, section 4.1).
"""

from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from bothways.batch import Batch, Examples
from bothways.config import Settings
from bothways.model.encoder import Encoder
from bothways.objectives.auxiliary import Auxiliary
from bothways.objectives.base import Objective
from bothways.objectives.layout import lay_out
from bothways.objectives.masking import (
    choose_geometric_spans,
    choose_tokens_or_words,
    choose_tokens_repeatedly,
    goals,
)
from bothways.objectives.words import word_numbers
from bothways.vocabulary import Vocabulary


class MaskingSettings(Settings):
    """What is hidden and what stands in its place, for every objective that masks."""

    rate: float = Field(default=0.15, gt=0, le=1)
    """Share of a row's tokens that is hidden."""
    select: Literal["token", "word", "ngram", "span", "repeatable"] = "token"
    """Hide single tokens, whole words, or runs of 1 to `longest` words with P(n) proportional to 1/n (`ngram`) or
    geometric (`span`); or tokens that may be drawn twice (`repeatable`), so that fewer are hidden, as in ELECTRA's
    released code."""
    longest: int = Field(default=3, ge=1)
    """Longest run of words that `ngram` and `span` hide (SpanBERT: 10)."""
    stop: float = Field(default=0.2, gt=0, lt=1)
    """For `span`: the chance p of the geometric law that a span ends after any of its words."""
    mask_share: float = Field(default=0.8, ge=0, le=1)
    """Share of the hidden tokens that become [MASK]."""
    random_share: float = Field(default=0.1, ge=0, le=1)
    """Share that becomes a random token; the rest stays as it is."""

    @model_validator(mode="after")
    def _shares_are_of_one_whole(self) -> Self:
        if self.mask_share + self.random_share > 1 + 1e-9:
            raise ValueError(
                f"mask_share {self.mask_share} and random_share {self.random_share} exceed 1 together"
            )
        return self


class MaskedSettings(MaskingSettings):
    """What is hidden and what stands in its place."""

    kind: Literal["masked"] = "masked"


class Masked(Objective):
    """Predict hidden tokens from both sides, each on its own."""

    name = "masked"
    settings: MaskingSettings
    answers = frozenset({"leave one out", "joint spans"})
    offers = frozenset({"both sides", "hidden spans"})

    def __init__(
        self,
        settings: MaskingSettings,
        vocabulary: Vocabulary,
        encoder: Encoder,
        extras: dict[str, Auxiliary],
    ) -> None:
        super().__init__(settings, vocabulary, encoder, extras)
        self._ordinary = vocabulary.ordinary()

    def corrupt(self, examples: Examples, rng: np.random.Generator) -> Batch:
        """Hide an exact share of every row."""
        hidden = self._choose(examples, rng)
        return lay_out(examples, self._replace(examples.tokens, hidden, rng), hidden, self.vocabulary)

    def cloze(self, examples: Examples, hidden: np.ndarray, asked: np.ndarray) -> Batch:
        """Show [MASK] at every hidden slot."""
        shown = np.where(hidden, self.vocabulary.mask, examples.tokens)
        return lay_out(examples, shown, asked, self.vocabulary)

    def _choose(self, examples: Examples, rng: np.random.Generator) -> np.ndarray:
        """Return the hidden slots, bool [rows, slots]."""
        settings, vocabulary = self.settings, self.vocabulary
        goal = goals(examples.tokens, vocabulary, settings.rate)
        if settings.select == "repeatable":
            return choose_tokens_repeatedly(~vocabulary.is_special[examples.tokens], goal, rng)
        if settings.select == "span":
            words = word_numbers(examples, vocabulary)
            return choose_geometric_spans(words, goal, settings.longest, settings.stop, rng)
        return choose_tokens_or_words(settings.select, settings.longest, examples, vocabulary, goal, rng)

    def _replace(self, tokens: np.ndarray, hidden: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return the tokens with shares of the hidden ones masked and made random, by default 80% and 10%."""
        chance = rng.random(tokens.shape)
        if self.settings.select == "span":
            chance = _as_at_the_begin(hidden, chance)
        masked = hidden & (chance < self.settings.mask_share)
        swapped = hidden & ~masked & (chance < self.settings.mask_share + self.settings.random_share)
        drawn = rng.choice(self._ordinary, size=int(np.count_nonzero(swapped)))
        corrupted = np.where(masked, self.vocabulary.mask, tokens)
        corrupted[swapped] = drawn
        return corrupted


def _as_at_the_begin(hidden: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Give all slots of a run of `hidden` ones (bool [rows, slots]) the value [rows, slots] of its first slot."""
    begins = hidden.copy()
    begins[:, 1:] &= ~hidden[:, :-1]
    slots = np.where(begins, np.arange(hidden.shape[1]), 0)
    return np.take_along_axis(values, np.maximum.accumulate(slots, axis=1), axis=1)
