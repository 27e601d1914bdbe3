"""Two tasks over one encoder, as fine-tuning has them: rows of any length, several tensor rows a row, one loss a step.

`choose` reads three tensor rows for each row and says which of them is right; `judge` reads one and says yes or no.
What is right shows in the first token, so both can be learned.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from tiny_runs import ROWS, SHAPE, VOCABULARY
from torch import nn

from bothways import runtime
from bothways.batch import Batch, Examples, Loss
from bothways.config import Settings
from bothways.formats import Loader
from bothways.interop.folder import named_parameters
from bothways.model.backbones import BACKBONES, build_encoder
from bothways.objectives.base import Objective
from bothways.training import optimizer
from bothways.training.distributed import Place
from bothways.training.interval import Interval
from bothways.training.loop import Run
from bothways.training.settings import TrainingSettings
from bothways.training.step import Stepper

CHOICES = 3
WEIGHTS = {"choose": 0.5, "judge": 2.0}


def task_rows(task, length, numbers):
    """Return the rows of these numbers, a pure function of them, all of one length."""
    tokens, labels = [], []
    for number in numbers:
        draw = np.random.default_rng([length, number])
        label = int(draw.integers(CHOICES if task == "choose" else 2))
        drawn = draw.integers(10, 60, (CHOICES if task == "choose" else 1, length))
        drawn[:, 0] = 5 + label if task == "judge" else 5 + (np.arange(CHOICES) == label)
        tokens.append(drawn)
        labels.append(label)
    joined = np.concatenate(tokens).astype(np.int32)
    positions = np.broadcast_to(np.arange(length, dtype=np.int32), joined.shape)
    return Examples(joined, np.zeros_like(joined), positions, labels=np.array(labels))


class UnlikeSteps:
    """Every third step is of `choose`, all others of `judge`; the length differs from step to step."""

    length, rows_per_epoch, steps_per_epoch = 12, 6 * ROWS, 6

    def examples(self, step, rows):
        return task_rows("judge" if step % 3 else "choose", 5 + step % 4, step * ROWS + np.array(rows))


class TwoTasks(Objective):
    """The head of either task looks at the first state of each tensor row."""

    name = "two tasks"

    def add_heads(self, encoder):
        width = encoder.settings.width
        self.heads = nn.ModuleDict({"choose": nn.Linear(width, 1), "judge": nn.Linear(width, 2)})

    def corrupt(self, examples, rng):
        tokens, segments, positions, labels = (
            torch.from_numpy(np.ascontiguousarray(part)).long()
            for part in (examples.tokens, examples.segments, examples.positions, examples.labels)
        )
        nothing = torch.zeros(0, dtype=torch.long)
        return Batch(tokens, segments, positions, nothing, nothing, labels=labels)

    def task(self, batch):
        return "judge" if len(batch.tokens) == len(batch.labels) else "choose"

    def counts(self, batch):
        return {self.task(batch): len(batch.labels)}

    def weights(self):
        return WEIGHTS

    def forward(self, encoder, batch, memory=None):
        hidden, _ = encoder(batch)
        task = self.task(batch)
        scores = self.heads[task](hidden[:, 0]).reshape(len(batch.labels), -1)
        nats = F.cross_entropy(scores, batch.labels, reduction="sum")
        return {task: Loss(nats, WEIGHTS[task])}, None


def toy_run(folder, *, dropout=0.1, **training):
    """Build a run of both tasks; `training` are its settings."""
    settings = TrainingSettings(**{"batch": ROWS, "log_every": 1, "save_every": None} | training)
    runtime.seed_everything(1)
    shape = SHAPE | {"dropout": dropout, "attention_dropout": dropout, "max_positions": 16}
    encoder = build_encoder(BACKBONES["bert"][0](**shape), VOCABULARY)
    objective = TwoTasks(Settings(), VOCABULARY, encoder, {})
    loader = Loader(
        UnlikeSteps(),
        objective.corrupt,
        seed=1,
        global_rows=ROWS,
        micro_rows=settings.micro_batch or ROWS,
    )

    def write_model(partial):
        save_file(named_parameters(encoder, objective), partial / "model.safetensors")

    place = Place(0, 1, torch.device("cpu"))
    precision = runtime.choose_precision(place.device, "float32")
    return Run(encoder, objective, loader, settings, 1, Path(folder), place, precision, write_model)


def one_of_each():
    """Return a micro-batch of either task, of unlike shapes and lengths."""
    loader = toy_run("unused", steps=1).loader
    return [loader.step(0)[0], loader.step(2)[0]]


def gradient_and_means(batches, place):
    """Return what a step over these batches of one rank hands to the optimizer, and what is logged of it."""
    run = toy_run("unused", steps=1, dropout=0.0)
    stepper = Stepper(run.encoder, run.objective, run.settings, place, run.precision, len(batches))
    gradient, interval = [], Interval(seconds=1.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            optimizer, "update", lambda *_: gradient.extend(value.grad for value in stepper.parameters)
        )
        totals = stepper.totals(batches)
        interval.add(stepper.step(batches, totals).sums, totals.scored)
    return gradient, interval.means(WEIGHTS)
