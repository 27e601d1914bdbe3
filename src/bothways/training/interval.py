"""What happened since the last logged step: losses, their counts, and how fast it went.

It is part of a checkpoint, so that a resumed run logs the very numbers that an uninterrupted one logs, wherever
between two logged steps it was killed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from bothways.training import distributed

_SUM = "interval."


@dataclass
class Interval:
    """Sums over the steps since the last logged one; steps without an update count for the speed only."""

    sums: dict[str, Tensor] = field(default_factory=dict)
    """Each loss part summed in nats over this rank's scored items, float [] on the device: never waited for."""
    counts: dict[str, float] = field(default_factory=dict)
    """Scored items of each part, over all ranks; other ranks may hold parts of which this one has no sum."""
    tokens: float = 0
    """Tokens read, over all ranks."""
    seconds: float = 0.0
    """Time in steps and in waiting for their data; evaluating and saving is not in it."""
    gradient_norm: Tensor = field(default_factory=lambda: torch.zeros(()))
    """Of the last step, before clipping."""

    def add(self, sums: Mapping[str, Tensor], counts: Mapping[str, float]) -> None:
        """Add one step's loss sums (of this rank) and counts (of all ranks)."""
        for name, nats in sums.items():
            self.sums[name] = self.sums[name] + nats if name in self.sums else nats
        for name, count in counts.items():
            self.counts[name] = self.counts.get(name, 0) + count

    def means(self, weights: Mapping[str, float]) -> dict[str, float]:
        """Return the weighted loss, its parts in nats per scored item, the gradient norm and the speed.

        `weights` names every part of the objective. One that no finite step held is left out of the loss, which is
        that of the parts trained meanwhile; if there is none, it is not a number.
        """
        sums = distributed.sum_over_ranks({name: float(self.sums.get(name, 0)) for name in weights})
        parts = {name: sums[name] / count for name in weights if (count := self.counts.get(name, 0))}
        return {
            "loss": sum(weights[name] * mean for name, mean in parts.items()) if parts else float("nan"),
            **parts,
            "gradient_norm": float(self.gradient_norm),
            "tokens_per_second": self.tokens / max(1e-9, self.seconds),
        }

    def tensors(self) -> dict[str, Tensor]:
        """Return this rank's part of a checkpoint; `restored` reads it."""
        return {_SUM + name: nats for name, nats in self.sums.items()}

    def numbers(self) -> dict[str, Any]:
        """Return the part of a checkpoint that all ranks share, as JSON."""
        return {"counts": self.counts, "tokens": self.tokens, "seconds": self.seconds}

    @classmethod
    def restored(
        cls, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any], device: torch.device
    ) -> "Interval":
        """Return the interval that `tensors` and `numbers` describe; other tensors are left alone."""
        sums = {
            name.removeprefix(_SUM): value.to(device)
            for name, value in tensors.items()
            if name.startswith(_SUM)
        }
        return cls(sums, dict(numbers["counts"]), numbers["tokens"], numbers["seconds"])
