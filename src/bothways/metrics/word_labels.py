"""Labels of words, counted sentence by sentence: accuracy over all words, and the mean F1 of all labels.

Sentences are what is resampled, since words of one sentence are not drawn independently.
"""

from collections.abc import Sequence

import numpy as np

from bothways.metrics.ratio import ratio


def label_counts(
    truth: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], labels: Sequence[str]
) -> np.ndarray:
    """Count words by label, int [sentences, labels, 3]: right, found, wanted.

    Raise `ValueError` where truth and prediction differ in sentences or words.
    """
    number = {label: place for place, label in enumerate(labels)}
    counts = np.zeros((len(truth), len(labels), 3), dtype=np.int64)
    for sentence, (gold, guessed) in enumerate(zip(truth, predicted, strict=True)):
        for wanted, found in zip(gold, guessed, strict=True):
            counts[sentence, number[found], 1] += 1
            counts[sentence, number[wanted], 2] += 1
            counts[sentence, number[found], 0] += wanted == found
    return counts


def word_accuracy(right: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Return the share of words whose label is right, [...], of counts int [..., sentences] each."""
    return ratio(right.sum(axis=-1), words.sum(axis=-1))


def label_f1(counts: np.ndarray) -> np.ndarray:
    """Return the mean F1 of all labels that occur in truth or prediction, [...], of int [..., sentences, labels, 3]."""
    right, found, wanted = np.moveaxis(counts.sum(axis=-3), -1, 0)
    occurs = np.count_nonzero(found + wanted, axis=-1)
    return ratio(ratio(2 * right, found + wanted).sum(axis=-1), occurs)
