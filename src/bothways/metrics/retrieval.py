"""How well each text finds the one that belongs to it among all others: the rank of the right one.

A rank is 1 where the right candidate is nearest. Candidates that are as near share their places, so that a model to
which all texts are one finds nothing. A candidate that is as right as the right one (the same text, or that of another
query of the same text) is not counted against it.
"""

from collections.abc import Callable, Sequence

import numpy as np

AT_ONCE = 128
"""Queries that are compared with all candidates at a time."""


def ranks(
    similarity: Callable[[slice], np.ndarray], queries: Sequence[str], candidates: Sequence[str]
) -> np.ndarray:
    """Return the rank of candidate i for query i among all candidates, from 1, float64 [queries].

    `similarity` returns that of some queries with every candidate, float [some, candidates]; the texts say what is the
    same.
    """
    asked, offered = numbered(queries), numbered(candidates)
    found = []
    for start in range(0, len(asked), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        near = similarity(part)
        right = near[np.arange(len(near)), np.arange(len(near)) + start][:, None]
        others = (offered[part, None] != offered) & (asked[part, None] != asked)
        found.append(1 + ((near > right) & others).sum(1) + ((near == right) & others).sum(1) / 2)
    return np.concatenate(found)


def numbered(texts: Sequence[str]) -> np.ndarray:
    """Return a number for each text, the same for the same, int64 [texts]."""
    known: dict[str, int] = {}
    return np.array([known.setdefault(text, len(known)) for text in texts], dtype=np.int64)


def mean_reciprocal_rank(found: np.ndarray) -> np.ndarray:
    """Return the mean of 1 / rank, [...] of [..., queries] (Voorhees 1999)."""
    return np.mean(1 / found, axis=-1)


def found_first(found: np.ndarray) -> np.ndarray:
    """Return the share of queries whose right candidate is the nearest, [...] of [..., queries]."""
    return np.mean(found == 1, axis=-1)
