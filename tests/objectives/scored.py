"""Which slots a batch scores, what predicts their tokens, and objectives by the name of their case."""

from typing import Any

import numpy as np
import torch
from model_cases import OBJECTIVE_CASES, make_encoder, make_objective

from bothways.batch import IGNORED, Batch, Memory
from bothways.model.encoder import Encoder
from bothways.objectives.base import Objective
from bothways.objectives.replaced import Replaced


def objective_named(named: str, **more: Any) -> Objective:
    name, values = OBJECTIVE_CASES[named]
    return make_objective(name, make_encoder("transformer_xl"), **{**values, **more})


def predicting_part(objective: Objective) -> str:
    """Return which part of the loss is about the scored tokens: ELECTRA's generator predicts them."""
    return "generator" if isinstance(objective, Replaced) else objective.name


def predictions(
    encoder: Encoder, objective: Objective, batch: Batch, memory: Memory | None = None
) -> torch.Tensor:
    """Return logits [scored, vocabulary] with their gradient."""
    if isinstance(objective, Replaced):
        hidden, _ = objective.generator(encoder, batch, memory)
        head = objective.generator.objective.head
    else:
        hidden, _ = encoder(batch, memory)
        head = objective.head
    return head(hidden.flatten(0, 1)[batch.scored], encoder.token_embedding)


def scored_slots(batch: Batch, ahead: int = 0) -> np.ndarray:
    """Return bool [rows, slots of text]: whose token is scored, by a probe, by the slot or by one `ahead` of it."""
    scored = np.zeros((len(batch.tokens), batch.num_slots - batch.placeholders), dtype=bool)
    width = batch.num_slots + batch.num_probes
    for index, target in zip(batch.scored.tolist(), batch.targets.tolist(), strict=True):
        if target != IGNORED:
            row, query = divmod(index, width)
            slot = query + ahead if query < batch.num_slots else batch.probes[row, query - batch.num_slots]
            scored[row, slot] = True
    return scored
