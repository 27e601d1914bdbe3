"""What every auxiliary loss is: something else to learn from the states that an objective's encoder computes anyway.

To add one, write the three methods in a file of its own and enter it in `AUXILIARIES` of `objectives/__init__.py`.
"""

from torch import Tensor, nn

from bothways.batch import Batch, Loss


class Auxiliary(nn.Module):
    """Base of all auxiliary losses.

    `needs` names what the format or the objective must offer.
    """

    needs: frozenset[str] = frozenset()

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = weight
        """What the mean is multiplied by before it is added."""

    def count(self, batch: Batch) -> int:
        """Return how many items the loss runs over; known before the forward pass."""
        raise NotImplementedError

    def reads(self, batch: Batch) -> Tensor:
        """Return the queries whose states the loss looks at, int64 [rows, read]; one may be named twice."""
        raise NotImplementedError

    def loss(self, hidden: Tensor, embedding: Tensor, batch: Batch) -> Loss:
        """Return the sum over `hidden` [rows, slots + probes, width]; `embedding` is float [vocabulary, width].

        Queries that neither the objective nor this loss reads are not numbers.
        """
        raise NotImplementedError
