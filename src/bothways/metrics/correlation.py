"""How well numbers follow numbers: Pearson's and Spearman's correlation, GLUE's metrics for STS-B.

Both take [..., examples] and return [...]. Where all predictions (or all truths) are one number there is no
correlation to speak of: the score is 0, where scipy warns and returns "not a number".
"""

import numpy as np

from bothways.metrics.ratio import ratio


def pearson(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return Pearson's correlation, [...]: 1 where predictions are a rising line of the truth."""
    wanted, found = _centred(truth), _centred(predicted)
    lengths = np.sqrt((wanted**2).sum(axis=-1)) * np.sqrt((found**2).sum(axis=-1))
    return np.clip(ratio((wanted * found).sum(axis=-1), lengths), -1.0, 1.0)


def spearman(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return Spearman's correlation, [...]: Pearson's of the ranks, where equal numbers share their mean rank."""
    from scipy.stats import rankdata  # a second that only those pay who ask for it

    return pearson(rankdata(truth, axis=-1), rankdata(predicted, axis=-1))


def _centred(values: np.ndarray) -> np.ndarray:
    """Subtract the mean of each row; equal numbers become exactly 0, which the mean alone would miss by rounding."""
    shifted = values.astype(float) - values[..., :1]
    return shifted - shifted.mean(axis=-1, keepdims=True)
