"""Permutation language modelling (Yang et al. 2019, sections 2.2 and 2.3).

    draw an order of the row's tokens; predict the last 1/K of it, each token from all that come before it
    loss = - sum over the predicted tokens of log p(token | its place, the tokens earlier in the order)

The order exists only as ranks: known text has rank 0, predicted tokens 1, 2, 3... Their true tokens stay in the
content slots (a slot of rank r sees ranks up to r, itself included), and a probe at the same place looks at rank
r - 1: it knows where it is, but not what stands there. Content slots and probes are XLNet's two streams.

Special tokens, `context`: ordinary unmasked context (the authors' own setting for their comparison with BERT).
`original`: each has its own place in the order and unmasked text never sees it (the code of 2019).
"""

from typing import Literal

import numpy as np
from pydantic import Field

from bothways.batch import Batch, Examples
from bothways.config import Settings
from bothways.objectives.base import Objective
from bothways.objectives.layout import Ranks, draw_ranks, lay_out, ranks_as_read
from bothways.objectives.masking import choose_spans, choose_spans_as_released, choose_tokens, goals
from bothways.objectives.words import read_backward, word_numbers


class PermutationSettings(Settings):
    """What is predicted and in which orders."""

    kind: Literal["permutation"] = "permutation"
    one_in: int = Field(default=6, ge=1)
    """K: one token in K is predicted, the last ones of each order."""
    select: Literal["span", "released", "token"] = "span"
    """Predict spans of words within contexts, spans of subwords as the code of 2019 does, or single tokens."""
    longest: int = Field(default=5, ge=1)
    """Longest span, in words (`span`) or tokens (`released`)."""
    specials: Literal["context", "original"] = "context"
    """Whether CLS and SEP are ordinary context or have their own place in the order."""


class Permutation(Objective):
    """Predict tokens in random order, so that over many rows each is predicted from every context."""

    name = "permutation"
    settings: PermutationSettings
    needs = frozenset({"probes"})
    answers = frozenset({"leave one out", "joint spans", "orders", "left to right"})

    def corrupt(self, examples: Examples, rng: np.random.Generator) -> Batch:
        """Draw targets and their order; nothing in the row itself changes."""
        tokens = examples.tokens
        scored = permuted = self._choose(examples, rng)
        if self.settings.specials == "original":
            permuted = scored | (self.vocabulary.is_special[tokens] & (tokens != self.vocabulary.pad))
        second = examples.second_block
        ranks = _join([draw_ranks(block, rng) for block in _split(permuted, second)], tokens.shape)
        return lay_out(examples, tokens, scored, self.vocabulary, ranks=Ranks(ranks, ranks), probing=True)

    def cloze(self, examples: Examples, hidden: np.ndarray, asked: np.ndarray) -> Batch:
        """Give every hidden slot rank 1; a probe at each asked slot looks at rank 0."""
        ranks = hidden.astype(np.int64)
        return lay_out(
            examples, examples.tokens, asked, self.vocabulary, ranks=Ranks(ranks, ranks), probing=True
        )

    def left_to_right(self, examples: Examples) -> Batch:
        """Rank every ordinary token by its place in the row; special tokens are known from the start."""
        return self.in_order(examples, ranks_as_read(~self.vocabulary.is_special[examples.tokens]))

    def in_order(self, examples: Examples, ranks: np.ndarray) -> Batch:
        """Ask for every slot of positive rank (int64 [rows, slots]), given those of lower rank and of rank 0.

        All of an order in one pass, as in the paper: a slot's state, too, knows only what is earlier in the order.
        """
        return lay_out(
            examples, examples.tokens, ranks > 0, self.vocabulary, ranks=Ranks(ranks, ranks), probing=True
        )

    def _choose(self, examples: Examples, rng: np.random.Generator) -> np.ndarray:
        """Return the targets, bool [rows, slots]: an exact share of the row, split evenly over its blocks."""
        tokens, second_block = examples.tokens, examples.second_block
        words = word_numbers(examples, self.vocabulary)
        backward = read_backward(examples.positions)
        shares = self._shares(examples)
        blocks = _split(words, second_block)
        wanted = [shares.ravel()] if len(blocks) == 1 else list(shares.T)
        chosen = [
            self._choose_in(
                block,
                numbers,
                np.repeat(backward, len(block) // len(tokens)),
                np.minimum(share, (numbers >= 0).sum(axis=1)),
                rng,
            )
            for block, numbers, share in zip(_split(tokens, second_block), blocks, wanted, strict=True)
        ]
        return _join(chosen, tokens.shape)

    def _shares(self, examples: Examples) -> np.ndarray:
        """Return how many tokens of each block are to be predicted, int64 [rows, blocks]."""
        goal = goals(examples.tokens, self.vocabulary, 1 / self.settings.one_in)
        if examples.second_block is None:
            return goal[:, None]
        # Round up to the first block and give the rest to the second: 43 + 42 of 512 slots at K = 6, as published.
        first = -(-goal * examples.second_block // examples.tokens.shape[1])
        return np.stack([first, goal - first], axis=1)

    def _choose_in(
        self,
        tokens: np.ndarray,
        words: np.ndarray,
        backward: np.ndarray,
        goal: np.ndarray,
        rng: np.random.Generator,
    ) -> np.ndarray:
        settings = self.settings
        if settings.select == "token":
            return choose_tokens(words >= 0, goal, rng)
        if settings.select == "released":
            starts = self.vocabulary.starts_word[tokens] & (tokens != self.vocabulary.pad)
            rows = zip(_turned(starts, backward), goal.tolist(), strict=True)
            drawn = [choose_spans_as_released(*row, settings.longest, settings.one_in, rng) for row in rows]
            # The code of 2019 may draw a special token as a target and then drops it from the loss.
            return _turned(np.stack(drawn), backward) & (words >= 0)
        return choose_spans(words, goal, settings.longest, settings.one_in, rng)


def _split(slots: np.ndarray, second_block: int | None) -> list[np.ndarray]:
    """Cut [rows, slots] into the blocks that are permuted on their own: the two parts of a stream row, or all of it.

    Equal halves are returned as one array with twice the rows, so that they are done at once.
    """
    if second_block is None:
        return [slots]
    if slots.shape[1] == 2 * second_block:
        return [slots.reshape(-1, second_block)]
    return [slots[:, :second_block], slots[:, second_block:]]


def _join(blocks: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """Put blocks together again, the inverse of `_split`."""
    return blocks[0].reshape(shape) if len(blocks) == 1 else np.concatenate(blocks, axis=1)


def _turned(slots: np.ndarray, backward: np.ndarray) -> np.ndarray:
    """Turn round the rows that are read from right to left, so that their words begin with their first piece."""
    return np.where(backward[:, None], slots[:, ::-1], slots)
