"""Causal language modelling: every token from all that stand before it (Radford et al. 2018, section 3.1).

    loss = - sum over slots s of log p(token at s + 1 | tokens at 1 .. s)

A slot enters and looks at its index in the row, so it sees itself and what is before it, memory included (Dai et al.
2019, section 3.2). The index, not the position: rows that are read from right to left are predicted in that order.

With `prefix`, the first part of a row is known: its slots see each other both ways and are not predicted. Where it
ends is drawn for each row (Raffel et al. 2020, section 3.2.3).

The begin of text is whatever slot stands first. In rows that begin with CLS that is CLS, from which the first token is
predicted; in rows that end with CLS the first token has nothing before it but memory, whose states belong to the row
before, and is not predicted. Nor are special tokens (CLS, SEP, padding, the unknown token), nor a document's first
token from the document before it.
"""

from typing import Literal

import numpy as np
from pydantic import Field

from bothways.batch import Batch, Examples
from bothways.config import Settings
from bothways.objectives.base import Objective
from bothways.objectives.layout import Ranks, lay_out


class CausalSettings(Settings):
    """What is known from the start."""

    kind: Literal["causal"] = "causal"
    prefix: float = Field(default=0.0, ge=0, lt=1)
    """Largest share of a row that is seen both ways and not predicted; each row draws its own, from 0 to this."""


class Causal(Objective):
    """Predict every token from the left, as text is written; no question about a token's right side is defined."""

    name = "causal"
    settings: CausalSettings
    answers = frozenset({"left to right"})
    offers = frozenset()

    def corrupt(self, examples: Examples, rng: np.random.Generator) -> Batch:
        """Draw how much of every row is known; nothing in the row itself changes."""
        real = examples.tokens != self.vocabulary.pad
        known = rng.random(len(real)) * self.settings.prefix * real.sum(axis=1)
        return self._predict_after(examples, real & (real.cumsum(axis=1) <= known[:, None]))

    def left_to_right(self, examples: Examples) -> Batch:
        """Ask for every ordinary token that has a slot before it, given the slots before it."""
        return self._predict_after(examples, np.zeros(examples.tokens.shape, dtype=bool))

    def _predict_after(self, examples: Examples, known: np.ndarray) -> Batch:
        """Predict what follows the `known` slots (bool [rows, slots]), each token at the slot before it."""
        tokens = examples.tokens
        index = np.broadcast_to(np.arange(tokens.shape[1]), tokens.shape)
        ranks = np.where(known, 0, index)
        wanted = ~self.vocabulary.is_special[tokens] & ~known & self._goes_on(examples)
        scored = np.zeros_like(wanted)
        scored[:, :-1] = wanted[:, 1:]
        return lay_out(
            examples,
            tokens,
            scored,
            self.vocabulary,
            ranks=Ranks(ranks, ranks),
            truth=np.roll(tokens, -1, axis=1),
        )

    def _goes_on(self, examples: Examples) -> np.ndarray:
        """Say which slots have a slot of their own document before them, bool [rows, slots]."""
        real = examples.tokens != self.vocabulary.pad
        goes_on = np.zeros_like(real)
        goes_on[:, 1:] = real[:, :-1]
        if examples.documents is not None:
            goes_on[:, 1:] &= examples.documents[:, 1:] == examples.documents[:, :-1]
        return goes_on
