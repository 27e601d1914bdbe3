"""A mean over groups of examples, each group counting the same, however many examples it has."""

import numpy as np

from bothways.metrics.ratio import ratio


def mean_of_groups(scores: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return the mean over groups of their mean score, [...]: float and int [..., examples].

    Groups are numbered from 0; one without examples, as in a resample, does not count. BLiMP is scored so: the mean
    over paradigms of the share of pairs that are right (Warstadt et al. 2020).
    """
    groups = groups.astype(np.int64)
    number = int(groups.max(initial=0)) + 1
    rows = groups.reshape(-1, groups.shape[-1])
    places = (rows + number * np.arange(len(rows))[:, None]).ravel()
    size = len(rows) * number
    counts = np.bincount(places, minlength=size).reshape(-1, number)
    sums = np.bincount(places, scores.ravel(), minlength=size).reshape(-1, number)
    found = ratio(ratio(sums, counts).sum(axis=-1), np.count_nonzero(counts, axis=-1))
    return np.asarray(found).reshape(groups.shape[:-1])[()]
