"""Division as scores need it: a share of nothing is 0, without a warning."""

from typing import Any

import numpy as np


def ratio(numerator: Any, denominator: Any) -> Any:
    """Return numerator / denominator, elementwise, and 0 where the denominator is 0; a float where both are numbers."""
    numerator, denominator = np.asarray(numerator, dtype=float), np.asarray(denominator, dtype=float)
    quotient = np.zeros(np.broadcast_shapes(numerator.shape, denominator.shape))
    return np.divide(numerator, denominator, out=quotient, where=denominator != 0)[()]
