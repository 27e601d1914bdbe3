"""What a page is about: a short sentence and an order in which its words are predicted."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bothways.errors import UsageError

FEWEST, MOST = 2, 12
"""Words of a sentence: below there is nothing to see, above a matrix does not fit a page."""
PUBLISHED = (2, 4, 3, 1)
"""The order of the example that the page works through."""


@dataclass(frozen=True)
class Sentence:
    """Words, and the order in which they are predicted."""

    words: tuple[str, ...]
    order: tuple[int, ...]
    """Places of words, from 0: the one predicted first, the one predicted next, and so on; each place once."""

    def ranks(self, predicted: int | None = None) -> list[int]:
        """Return when each word is predicted if only the last `predicted` of the order are: 1, 2, 3..., and 0 if known.

        That is partial prediction (Yang et al. 2019, section 2.3); without a number all words are predicted.
        """
        known = 0 if predicted is None else len(self.words) - predicted
        ranks = [0] * len(self.words)
        for rank, place in enumerate(self.order[known:], start=1):
            ranks[place] = rank
        return ranks


def read_sentence(text: str, order: str | None = None) -> Sentence:
    """Split a sentence into words and read an order such as `2,4,3,1`, which counts words from 1.

    Words that the order leaves out come last, as they are read. Raises `UsageError` where the sentence has too few or
    too many words, or the order is none of them.
    """
    words = tuple(text.split())
    if not words:
        raise UsageError('explain: the sentence is empty; give one in quotes, such as "New York is a city"')
    if len(words) < FEWEST:
        raise UsageError(
            f"explain: {text.strip()!r} is one word, which sees nothing; give {FEWEST} to {MOST} words"
        )
    if len(words) > MOST:
        raise UsageError(
            f"explain: the sentence has {len(words)} words, and a page shows {MOST} at most; shorten it"
        )
    given = _default(len(words)) if order is None else _read_order(order, len(words))
    return Sentence(words, (*given, *(place for place in range(len(words)) if place not in given)))


def _default(count: int) -> tuple[int, ...]:
    """Return the published example where it fits, else from right to left."""
    if count >= len(PUBLISHED):
        return tuple(place - 1 for place in PUBLISHED)
    return tuple(reversed(range(count)))


def _read_order(order: str, count: int) -> Sequence[int]:
    pieces = re.split(r"[,\s→>-]+", order.strip())
    if not all(piece.isascii() and piece.isdecimal() for piece in pieces):
        raise UsageError(f"explain: the order {order!r} is no list of places; write it as --order 2,4,3,1")
    places = [int(piece) - 1 for piece in pieces]
    if beyond := [place + 1 for place in places if not 0 <= place < count]:
        raise UsageError(
            f"explain: the order {order!r} names place {beyond[0]}, and the sentence has places 1 to {count}; "
            "name each place once"
        )
    if len(set(places)) < len(places):
        twice = next(place + 1 for place in places if places.count(place) > 1)
        raise UsageError(f"explain: the order {order!r} names place {twice} twice; name each place once")
    return places
