"""Several comparisons at once: Holm's correction (1979), so that not one in twenty succeeds by chance."""

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values adjusted for their number, in the order they came.

    The smallest counts as often as there are comparisons, the next once less, and so on; none falls below one that was
    smaller. To call those below 0.05 differences is wrong once in twenty such families, whatever depends on what.
    """
    values = np.asarray(p_values, dtype=float)
    order = np.argsort(values, kind="stable")
    adjusted = np.empty_like(values)
    adjusted[order] = np.maximum.accumulate(np.arange(len(values), 0, -1) * values[order])
    return [float(value) for value in np.minimum(adjusted, 1.0)]
