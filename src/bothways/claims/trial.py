"""A trial: a tiny model on a task that fits into a few lines, trained in seconds by the library's own parts.

The claims about structure need no corpus and no run folder. Rows are drawn as they are needed, an objective turns
them into batches as it does in pretraining, and a short loop moves the weights. All chance comes from the seed.
"""

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bothways.batch import IGNORED, Batch, Examples, Memory
from bothways.claims.base import Models
from bothways.config import Settings
from bothways.model.backbones import build_encoder
from bothways.model.backbones.bert import BertSettings
from bothways.model.backbones.modern import ModernSettings
from bothways.model.backbones.transformer_xl import TransformerXLSettings
from bothways.model.settings import EncoderSettings
from bothways.objectives import build_objective
from bothways.objectives.base import Objective
from bothways.objectives.quiet import without_training
from bothways.vocabulary import Vocabulary

PAD, UNKNOWN, CLS, SEP, MASK = range(5)
FIRST = 5
"""The id of the first symbol that is text."""

SHAPES: dict[str, type[EncoderSettings]] = {
    "bert": BertSettings,
    "transformer_xl": TransformerXLSettings,
    "modern": ModernSettings,
}

Draw = Callable[[np.random.Generator], Sequence[Batch]]
"""Draws one training step: batches that follow each other, the memory of each going to the next."""


@dataclass(frozen=True)
class Trial:
    """A tiny model: whatever encodes a batch, and the objective that scores it."""

    encoder: nn.Module
    objective: Objective

    def parameters(self) -> list[nn.Parameter]:
        """Return the weights that training may move."""
        both = itertools.chain(self.encoder.parameters(), self.objective.parameters())
        return [parameter for parameter in both if parameter.requires_grad]


def symbols(count: int) -> Vocabulary:
    """Return a vocabulary of five special tokens and `count` one-token words, numbered from `FIRST` on."""
    ids = np.arange(FIRST + count)
    return Vocabulary(
        size=len(ids),
        pad=PAD,
        unk=UNKNOWN,
        cls=CLS,
        sep=SEP,
        mask=MASK,
        end_of_document=SEP,
        is_special=ids < FIRST,
        starts_word=np.ones(len(ids), dtype=bool),
    )


def shape(kind: str, **changes: Any) -> EncoderSettings:
    """Return a tiny encoder of the backbone `kind`, without dropout.

    Initial weights are wider than published ones, as wide as 1/√width, at which so narrow a network learns at once.
    """
    width = changes.get("width", 32)
    tiny = {"layers": 1, "width": width, "heads": 2, "feed_forward": 2 * width}
    calm = {"dropout": 0.0, "attention_dropout": 0.0, "initial_deviation": width**-0.5}
    return SHAPES[kind](**(tiny | calm | changes))


def begin(backbone: EncoderSettings, objective: Settings, vocabulary: Vocabulary, seed: int) -> Trial:
    """Build a model with weights drawn from `seed`; the global random state stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = build_encoder(backbone, vocabulary)
        return Trial(encoder, build_objective(objective, [], vocabulary, encoder))


def as_rows(tokens: np.ndarray, carry: int = 0) -> Examples:
    """Lay int [rows, slots] out as rows of one segment that are read from left to right."""
    tokens = tokens.astype(np.int32)
    positions = np.tile(np.arange(tokens.shape[1], dtype=np.int32), (len(tokens), 1))
    return Examples(tokens, np.zeros_like(tokens), positions, carry=carry)


def at_slot(shape: tuple[int, ...], slots: np.ndarray | int) -> np.ndarray:
    """Return bool [rows, slots] that is true at one slot of each row."""
    chosen = np.zeros(shape, dtype=bool)
    chosen[np.arange(shape[0]), slots] = True
    return chosen


def scoring(batch: Batch, targets: np.ndarray) -> Batch:
    """Return the batch in which every slot is to predict `targets` int [rows, slots], or nothing where `IGNORED`.

    What each slot sees stays as the objective laid it out: this is how labels of a task replace its own tokens.
    """
    every = torch.arange(targets.shape[1]).expand(len(targets), -1)
    wanted = torch.from_numpy(np.ascontiguousarray(targets, dtype=np.int64))
    return dataclasses.replace(
        batch, scored=torch.arange(targets.size), targets=wanted.flatten(), asked=every
    )


def learn(
    trial: Trial,
    draw: Draw,
    steps: int,
    seed: int,
    rate: float = 3e-3,
    stop: Callable[[int], bool] | None = None,
) -> int:
    """Take AdamW steps on freshly drawn batches; return how many.

    The rate rises over the first 20 steps and then falls evenly to zero. `stop` is asked after every step, with how
    many there were, whether that is enough.
    """
    rng = np.random.default_rng([seed, 1])
    optimizer = torch.optim.AdamW(trial.parameters(), lr=rate, weight_decay=0.0, betas=(0.9, 0.98))
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / 20) * (1 - step / steps)
        optimizer.zero_grad(set_to_none=True)
        _accumulate(trial, draw(rng))
        nn.utils.clip_grad_norm_(trial.parameters(), 1.0)
        optimizer.step()
        if stop is not None and stop(step + 1):
            return step + 1
    return steps


def _accumulate(trial: Trial, batches: Sequence[Batch]) -> None:
    """Add the gradients of the mean loss over batches that follow each other."""
    total = max(1, sum(int((batch.targets != IGNORED).sum()) for batch in batches))
    memory: Memory | None = None
    for batch in batches:
        losses, memory = trial.objective(trial.encoder, batch, memory)
        nats = torch.stack([loss.weight * loss.sum for loss in losses.values()]).sum()
        (nats / total).backward()


def predictions(trial: Trial, batches: Sequence[Batch], memory: Memory | None = None) -> list[Tensor]:
    """Return log-probabilities [scored, vocabulary] of each of the batches, the memory of each going to the next."""
    found = []
    with without_training(trial.encoder, trial.objective):
        for batch in batches:
            hidden, memory = trial.encoder(batch, memory)
            embedding: Any = trial.encoder.token_embedding
            found.append(trial.objective.log_probabilities(hidden, embedding, batch))
    return found


def nats_of(log_probabilities: Tensor, batch: Batch) -> Tensor:
    """Return what each scored target costs, float [scored]; not a number where it is `IGNORED`."""
    costs = -log_probabilities.gather(1, batch.targets.clamp_min(0)[:, None])[:, 0]
    return costs.masked_fill(batch.targets == IGNORED, float("nan"))


def mean_nats(trial: Trial, batches: Sequence[Batch]) -> float:
    """Return the mean cost in nats over everything that the batches score."""
    found = zip(predictions(trial, batches), batches, strict=True)
    return float(torch.cat([nats_of(*each) for each in found]).nanmean())


def accuracy(trial: Trial, batch: Batch) -> float:
    """Return the share of scored targets that are the likeliest token."""
    (log_probabilities,) = predictions(trial, [batch])
    kept = batch.targets != IGNORED
    return float((log_probabilities.argmax(-1) == batch.targets)[kept].double().mean())


def plan(models: Models, steps: int) -> tuple[list[int], int]:
    """Return the seeds and steps of a claim that is judged after `steps`; one seed and half the steps when quick."""
    return (list(models.seeds[:1]), max(1, steps // 2)) if models.quick else (list(models.seeds), steps)
