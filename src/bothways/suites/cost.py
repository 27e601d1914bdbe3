"""About what a cell costs here: a few real steps are timed, and reading without training costs a third of a step."""

import time
from dataclasses import dataclass

import numpy as np
import torch

from bothways import runtime
from bothways.formats.loader import Loader
from bothways.interop.folder import Model
from bothways.tasks.feed import Feed, Mixture
from bothways.training.settings import TrainingSettings

TIMED_STEPS = 3
READING = 1 / 3
"""What a record costs that is only read, in those that are learned from."""


@dataclass(frozen=True)
class Cost:
    """What one cell costs."""

    records: dict[str, int]
    """Of each part: train, dev, test."""
    steps: int
    """Of training; 0 without."""
    seconds: float


def of_training(
    model: Model, feed: Feed | Mixture, settings: TrainingSettings, seed: int, records: dict[str, int]
) -> Cost:
    """Return the cost of one fine-tuning run, whose dev records are judged once an epoch and at the end."""
    settings = settings.in_steps(feed.steps_per_epoch)
    seconds = _seconds_a_step(model, feed, settings, seed)
    steps = settings.steps or round((settings.minutes or 0) * 60 / seconds)
    times_judged = -(-steps // feed.steps_per_epoch) + 1
    judged = times_judged * records["dev"] + records["test"]
    return Cost(records, steps, seconds * (steps + READING * judged / settings.batch))


def _seconds_a_step(model: Model, feed: Feed | Mixture, settings: TrainingSettings, seed: int) -> float:
    """Return the mean of a few steps after a first one, forward and backward."""
    device = runtime.choose_device(settings.device)
    precision = runtime.choose_precision(device, settings.precision)
    rows = settings.batch
    loader = Loader(
        feed, model.objective.corrupt, seed=seed, global_rows=rows, micro_rows=rows, rank=0, world=1
    )
    encoder, objective = model.encoder.to(device).train(), model.objective.to(device).train()
    times = []
    for step in range(TIMED_STEPS + 1):
        (batch,) = loader.step(step)
        began = time.perf_counter()
        with precision.autocast(device):
            losses, _ = objective(encoder, batch.to(device), None)
        torch.stack([loss.sum for loss in losses.values()]).sum().backward()
        times.append(time.perf_counter() - began)
    return float(np.mean(times[1:]))
