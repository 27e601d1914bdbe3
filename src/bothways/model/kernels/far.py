"""What relative positions add to the scores of attention."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Far:
    """Queries and distances, whose products are scores of positions: `placed` · `encodings`ᵀ, shifted."""

    placed: Tensor
    """[B, H, Q, D]: the queries that ask for distances."""
    encodings: Tensor
    """[directions, H, P, D]; column `slots - 1 - i + j` is the distance from slot i to key j."""
    slots: int
    probes: Tensor | None
    """int64 [B, probes]: the slot at whose place each of the last queries stands; the others are slots 0, 1, 2..."""
    direction: Tensor | None
    """int64 [B]: which encodings each row reads; absent: all the first."""
