"""How well classes are told apart: accuracy, F1 and Matthews' correlation.

Every function takes class numbers from 0 on, int [..., examples], and returns [...]: one number for one test set, as
many as there are resamples for a batch of them. scikit-learn's functions define the same values, but take one test
set at a time and some milliseconds for it, which ten thousand resamples cannot afford; tests compare the two.
"""

import numpy as np

from bothways.metrics.ratio import ratio


def accuracy(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return the share of examples whose class is right, [...]."""
    return np.mean(truth == predicted, axis=-1)


def f1(truth: np.ndarray, predicted: np.ndarray, positive: int = 1) -> np.ndarray:
    """Return F1 of one class, [...]: the harmonic mean of its precision and recall.

    GLUE means class 1 by it (MRPC, QQP). A class that occurs neither in truth nor in prediction has 0.
    """
    wanted, found = truth == positive, predicted == positive
    return ratio(2 * np.sum(wanted & found, axis=-1), np.sum(wanted, axis=-1) + np.sum(found, axis=-1))


def macro_f1(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return the mean F1 of all classes that occur in truth or prediction, [...], each counting the same."""
    tables = _confusion(truth, predicted)
    occurs = tables.sum(axis=-1) + tables.sum(axis=-2)
    of_each = ratio(2 * np.diagonal(tables, axis1=-2, axis2=-1), occurs)
    return ratio(of_each.sum(axis=-1), np.count_nonzero(occurs, axis=-1))


def matthews(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return Matthews' correlation of any number of classes, [...]: GLUE's metric for CoLA.

    Gorodkin 2004, "Comparing two K-category assignments by a K-category correlation coefficient", equation 8. It is
    0 where all answers, or all truths, are one class.
    """
    tables = _confusion(truth, predicted).astype(float)
    wanted, found = tables.sum(axis=-1), tables.sum(axis=-2)
    count, right = wanted.sum(axis=-1), np.trace(tables, axis1=-2, axis2=-1)
    spread = np.sqrt(count**2 - (wanted**2).sum(axis=-1)) * np.sqrt(count**2 - (found**2).sum(axis=-1))
    return ratio(right * count - (wanted * found).sum(axis=-1), spread)


def _confusion(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Count how often each truth met each answer, int [..., truths, answers]."""
    classes = int(max(truth.max(initial=0), predicted.max(initial=0))) + 1
    cells = truth.astype(np.int64) * classes + predicted
    rows = cells.reshape(-1, cells.shape[-1])
    rows += classes**2 * np.arange(len(rows))[:, None]
    counts = np.bincount(rows.ravel(), minlength=len(rows) * classes**2)
    return counts.reshape(*cells.shape[:-1], classes, classes)
