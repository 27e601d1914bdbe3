"""Long texts as overlapping windows, each token judged where it has most context (Devlin et al. 2019, released code).

    text      0 1 2 3 4 5 6 7 8 9
    window 0  0 1 2 3 4 5            judges 0 … 4: 5 has nothing after it here
    window 1          4 5 6 7 8 9    judges 5 … 9

The released `run_squad.py` ends with a window of whatever is left, and prefers longer windows among equals. Here the
last one is moved back, so that all are full and the first of equals will do.
"""

import numpy as np


def windows_of(count: int, width: int, stride: int) -> list[range]:
    """Return the tokens of each window of `width` over a text of `count` tokens; one begins every `stride` tokens.

    A stride beyond the width is the width: no token is left out. A text that fits is one window.
    """
    last = max(0, count - width)
    starts = [*range(0, last, min(stride, width)), last]
    return [range(start, min(start + width, count)) for start in starts]


def judges_of(windows: list[range], count: int) -> np.ndarray:
    """Return which window judges each token, int64 [tokens]: the first of those with most on its poorer side."""
    tokens = np.arange(count)
    poorer = [np.minimum(tokens - window.start, window.stop - 1 - tokens) for window in windows]
    return np.stack(poorer).argmax(axis=0)
