"""Why "New York" comes apart, in numbers that can be checked by hand: two blanks and six names with made-up shares.

A masked model fills two blanks with the product of their marginals (Yang et al. 2019, section 2.1, the independence
assumption); an order of prediction keeps their joint distribution, whichever order it is. The same names show what a
query without a place would have to say (section 2.3): one distribution for both blanks.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

NAMES: dict[tuple[str, str], Fraction] = {
    ("New", "York"): Fraction(20, 100),
    ("New", "Jersey"): Fraction(12, 100),
    ("New", "Orleans"): Fraction(8, 100),
    ("Los", "Angeles"): Fraction(35, 100),
    ("San", "Francisco"): Fraction(15, 100),
    ("San", "Diego"): Fraction(10, 100),
}
"""How often each name is meant. Made up, so that the best word of each blank belongs to another name."""


@dataclass(frozen=True)
class Apart:
    """A joint distribution of two words beside the product of its marginals, and what the difference costs."""

    first: dict[str, Fraction]
    second: dict[str, Fraction]
    joint: dict[tuple[str, str], Fraction]

    def product(self, pair: tuple[str, str]) -> Fraction:
        """Return the probability of a pair whose words are filled independently."""
        return self.first[pair[0]] * self.second[pair[1]]

    @property
    def best_alone(self) -> tuple[str, str]:
        """The most probable word of each blank."""
        return max(self.first, key=self.first.__getitem__), max(self.second, key=self.second.__getitem__)

    @property
    def best_together(self) -> tuple[str, str]:
        return max(self.joint, key=self.joint.__getitem__)

    @property
    def impossible(self) -> Fraction:
        """The share of independent fillings that are no name at all."""
        return 1 - sum((self.product(pair) for pair in self.joint), Fraction())

    @property
    def joint_nats(self) -> float:
        """What a name costs on average where its words are filled one given the other."""
        return _nats(self.joint.values())

    @property
    def independent_nats(self) -> float:
        """What a name costs on average where its words are filled independently: the sum of both entropies."""
        return _nats(self.first.values()) + _nats(self.second.values())

    @property
    def placeless(self) -> dict[str, Fraction]:
        """The best single distribution for a word at either place, each asked for as often as the other."""
        words = [*self.first, *(word for word in self.second if word not in self.first)]
        return {
            word: (self.first.get(word, Fraction()) + self.second.get(word, Fraction())) / 2 for word in words
        }

    @property
    def placeless_nats(self) -> float:
        """What a word costs on average under `placeless`."""
        return _nats(self.placeless.values())

    @property
    def placed_nats(self) -> float:
        """What a word costs on average where its place is known."""
        return self.independent_nats / 2

    def as_json(self) -> dict[str, Any]:
        """Return everything for a page; matrices have a row for each first word."""
        pairs = [[(first, second) for second in self.second] for first in self.first]
        return {
            "first": _listed(self.first),
            "second": _listed(self.second),
            "joint": [[float(self.joint.get(pair, 0)) for pair in row] for row in pairs],
            "product": [[float(self.product(pair)) for pair in row] for row in pairs],
            "placeless": _listed(self.placeless),
        }


def apart(joint: dict[tuple[str, str], Fraction]) -> Apart:
    """Take a joint distribution apart into its marginals."""
    first: dict[str, Fraction] = {}
    second: dict[str, Fraction] = {}
    for (one, other), share in joint.items():
        first[one] = first.get(one, Fraction()) + share
        second[other] = second.get(other, Fraction()) + share
    return Apart(first, second, joint)


def _listed(shares: dict[str, Fraction]) -> list[tuple[str, float]]:
    return [(word, float(share)) for word, share in shares.items()]


def _nats(shares: Iterable[Fraction]) -> float:
    return -sum(float(share) * math.log(share) for share in shares if share)
