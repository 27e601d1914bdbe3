"""Is one model better than another on the same examples?

Were both equally good, it would not matter whose answer is whose. So the answers of examples are exchanged between the
models at random, and the p-value is the share of exchanges that leave a difference as large as the one observed
(Fisher's randomisation test; for means of scores it is the flip of signs of paired differences). With several seeds an
example is exchanged in all of them: the test asks about these trained models, and the interval about others like them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bothways.metrics.bootstrap import RESAMPLES, Metric, Run, batches, bootstrap, over_seeds
from bothways.metrics.interval import Interval

_ROUNDING = 1e-9
"""Differences of scores that are this near to each other are equal."""


@dataclass(frozen=True)
class Comparison:
    """How much better the first of two models is, and how often chance alone would show as much."""

    difference: Interval
    """Of the metric, first less second, with its bootstrap interval."""
    p_value: float
    """Two-sided, of one comparison; several belong to `holm`."""

    def __str__(self) -> str:
        return f"{self.difference:+.3f}, p = {self.p_value:.2g}"


def compare(
    metric: Metric, first: Sequence[Run], second: Sequence[Run], *, resamples: int = RESAMPLES, seed: int = 0
) -> Comparison:
    """Compare two models by `metric`, on the same examples: one run a seed each, seeds paired as they come.

    `compare(f1, [(truth, ours)], [(truth, theirs)])`. All exchanges are tried where they are no more than `resamples`;
    else as many are drawn, and the observed one counts among them (Phipson and Smyth 2010), so that p is never 0.
    Raise `ValueError` where the runs differ in number, or their arrays in examples.
    """

    def difference(*columns: np.ndarray) -> np.ndarray:
        half = len(columns) // 2
        return metric(*columns[:half]) - metric(*columns[half:])

    pairs = [(*ours, *theirs) for ours, theirs in zip(first, second, strict=True)]
    interval = bootstrap(difference, pairs, resamples=resamples, seed=seed)
    return Comparison(interval, _exchange_test(difference, pairs, resamples, np.random.default_rng(seed)))


def _exchange_test(
    difference: Metric, pairs: Sequence[Run], resamples: int, rng: np.random.Generator
) -> float:
    """Return the p-value; `pairs` hold the arrays of the first model, then those of the second."""
    differs = np.any([_differing(pair) for pair in pairs], axis=0)
    is_exact = 2 ** int(differs.sum()) <= resamples
    least = abs(over_seeds(difference, pairs)) - _ROUNDING
    extreme, tried = 0, 0
    for flips in _every_flip(differs) if is_exact else _random_flips(differs, resamples, rng):
        drawn = np.mean([difference(*_exchanged(pair, flips)) for pair in pairs], axis=0)
        extreme += int(np.count_nonzero(np.abs(drawn) >= least))
        tried += len(flips)
    return extreme / tried if is_exact else (1 + extreme) / (1 + tried)


def _differing(pair: Run) -> np.ndarray:
    """Say which examples would change anything by an exchange, bool [examples]."""
    half = len(pair) // 2
    apart = [ours != theirs for ours, theirs in zip(pair[:half], pair[half:], strict=True)]
    return np.any([column.reshape(len(column), -1).any(axis=1) for column in apart], axis=0)


def _every_flip(differs: np.ndarray) -> Iterator[np.ndarray]:
    """Yield all ways to exchange the examples that differ, bool [ways, examples]."""
    places = np.flatnonzero(differs)
    done = 0
    for size in batches(2 ** len(places), len(differs)):
        numbers = np.arange(done, done + size)
        flips = np.zeros((size, len(differs)), dtype=bool)
        flips[:, places] = numbers[:, None] >> np.arange(len(places)) & 1
        yield flips
        done += size


def _random_flips(differs: np.ndarray, resamples: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield random exchanges of the examples, bool [resamples, examples]."""
    for size in batches(resamples, len(differs)):
        yield rng.integers(0, 2, (size, len(differs)), dtype=bool)


def _exchanged(pair: Run, flips: np.ndarray) -> list[np.ndarray]:
    """Return the arrays of both models, [resamples, examples, ...], after the exchange of the flipped examples."""
    half = len(pair) // 2
    both = list(zip(pair[:half], pair[half:], strict=True))
    return [_chosen(flips, b, a) for a, b in both] + [_chosen(flips, a, b) for a, b in both]


def _chosen(flips: np.ndarray, there: np.ndarray, elsewhere: np.ndarray) -> np.ndarray:
    """Take the entries of `there` where `flips` is true; what is the same array, as the truth is, needs no work."""
    if there is elsewhere:
        return np.broadcast_to(there, (len(flips), *there.shape))
    return np.where(flips.reshape(*flips.shape, *[1] * (there.ndim - 1)), there, elsewhere)
