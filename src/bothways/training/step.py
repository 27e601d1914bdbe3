"""One optimizer step: forward and backward over all micro-batches, clip, update.

    totals = scored items of the whole step, over micro-batches and ranks, known before the first forward pass
    loss   = Σ over parts of weight · (sum over micro-batches and ranks) / total

so accumulating gives exactly the gradient of one large batch. A part that a step does not hold (that of another task)
adds nothing, and the heads it alone trains stay as they are. Nothing waits for the device until all of a step is on
its way; only then is asked whether its gradient was finite.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from bothways import runtime
from bothways.batch import Batch, Memory
from bothways.model.encoder import Encoder
from bothways.objectives.base import Objective
from bothways.training import distributed, optimizer
from bothways.training.distributed import Place
from bothways.training.settings import TrainingSettings
from bothways.training.ways import choose_ways, encoders

_TOKENS = ".tokens"


@dataclass(frozen=True)
class Totals:
    """What a step runs over, on all ranks."""

    tokens: int
    scored: dict[str, float]
    """Items of each loss part of the objective; 0 for a part that the step does not hold."""


@dataclass(frozen=True)
class Stepped:
    """What a step came to."""

    sums: dict[str, Tensor]
    """Each loss part in nats over this rank's scored items, float [] on the device."""
    norm: Tensor
    """Global gradient norm before clipping, float []."""
    is_finite: bool
    """Whether it was finite; if not, the weights were left alone."""


class Stepper:
    """Takes optimizer steps, and carries each micro-batch's memory from one to the next."""

    def __init__(
        self,
        encoder: Encoder,
        objective: Objective,
        settings: TrainingSettings,
        place: Place,
        precision: runtime.Precision,
        micro_batches: int = 1,
    ) -> None:
        self.encoder, self.objective, self.place, self.precision = encoder, objective, place, precision
        self.clip = settings.optimizer.clip
        named = [
            (f"{part}.{name}", parameter)
            for part, module in (("encoder", encoder), ("objective", objective))
            for name, parameter in module.named_parameters()
        ]
        self.parameters = [parameter for _, parameter in named]
        self.optimizer = optimizer.build_optimizer(named, settings.optimizer)
        self.memories: list[Memory | None] = [None] * micro_batches
        for part in encoders(encoder, objective):
            part.recompute_activations = settings.recompute_activations
            if choose_ways(part, settings, place.device, precision)["compile"].name == "on":
                part.compile_blocks()
        distributed.copy_from_main(self.parameters)

    def totals(self, batches: list[Batch]) -> Totals:
        """Count what a step runs over; every rank names all parts, whichever its own batches hold."""
        scored: dict[str, float] = dict.fromkeys(self.objective.weights(), 0)
        for batch in batches:
            for name, count in self.objective.counts(batch).items():
                scored[name] += count
        tokens = sum(batch.num_tokens for batch in batches)
        # Under a name that no part can have, in one message: tasks are called what their user likes.
        summed = distributed.sum_over_ranks(scored | {_TOKENS: tokens})
        return Totals(int(summed.pop(_TOKENS)), summed)

    def step(self, batches: list[Batch], totals: Totals, rate: float = 1.0) -> Stepped:
        """Take one step over this rank's micro-batches at `rate` times the peak learning rate."""
        sums: dict[str, Tensor] = {}
        for index, batch in enumerate(batches):
            for name, nats in self._accumulate(index, batch.to(self.place.device), totals.scored).items():
                sums[name] = sums[name] + nats if name in sums else nats
        norm, is_finite = self._update(rate)
        return Stepped(sums, norm, is_finite)

    def forget(self) -> None:
        """Begin all memory anew."""
        self.memories = [None for _ in self.memories]

    def _accumulate(self, index: int, batch: Batch, scored: Mapping[str, float]) -> dict[str, Tensor]:
        """Run one micro-batch forward and backward; keep its memory; return its loss sums."""
        with self.precision.autocast(self.place.device):
            losses, self.memories[index] = self.objective(self.encoder, batch, self.memories[index])
        parts = [loss.weight * loss.sum / max(1, scored[name]) for name, loss in losses.items()]
        torch.stack(parts).sum().backward()
        return {name: loss.sum.detach() for name, loss in losses.items()}

    def _update(self, rate: float) -> tuple[Tensor, bool]:
        """Sum gradients over ranks, clip them, and move the weights unless the gradient is not finite."""
        optimizer.set_learning_rate(self.optimizer, rate)
        distributed.sum_gradients(self.parameters)
        norm = optimizer.global_norm(self.parameters)
        optimizer.update(self.optimizer, norm, self.clip)
        self.optimizer.zero_grad(set_to_none=True)
        is_finite = bool(torch.isfinite(norm))
        return norm, is_finite
