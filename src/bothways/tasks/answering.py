"""What a trained task says of records: rows of like length together, without dropout or gradients, in float32."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from bothways.model.encoder import Encoder
from bothways.objectives.quiet import without_training
from bothways.tasks.base import Prediction, Task
from bothways.tasks.feed import length_of
from bothways.tasks.rows import Item, Reader

TOKENS = 16_384
"""How many tokens are read at a time."""


def outputs_of(task: Task[Any], encoder: Encoder, items: Sequence[Item]) -> list[np.ndarray]:
    """Return what the head says of each item, in order."""
    device = next(encoder.parameters()).device
    order = sorted(range(len(items)), key=lambda number: -length_of(items[number]))
    found: list[np.ndarray] = [np.empty(0)] * len(items)
    begin = 0
    with without_training(encoder, task):
        while begin < len(order):
            rows_each = length_of(items[order[begin]]) * len(items[order[begin]])
            chosen = order[begin : begin + max(1, TOKENS // rows_each)]
            batch = task.corrupt(task.stack([items[number] for number in chosen]), _NO_CHANCE).to(device)
            outputs = task.outputs(task.states(encoder, batch), batch).float().cpu().numpy()  # type: ignore[arg-type]
            for number, output in zip(chosen, outputs, strict=True):
                found[number] = task.of_item(output, items[number])
            begin += len(chosen)
    return found


def predict(task: Task[Any], encoder: Encoder, records: Sequence[Any], reader: Reader) -> list[Prediction]:
    """Return what the task says of each record."""
    return predict_items(task, encoder, records, [task.items(record, reader) for record in records])


def predict_items(
    task: Task[Any], encoder: Encoder, records: Sequence[Any], items: Sequence[list[Item]]
) -> list[Prediction]:
    """The same, of records that are laid out already."""
    outputs = outputs_by_record(task, encoder, items)
    return [
        task.predict_record(record, each, said)
        for record, each, said in zip(records, items, outputs, strict=True)
    ]


def outputs_by_record(
    task: Task[Any], encoder: Encoder, items: Sequence[list[Item]]
) -> list[list[np.ndarray]]:
    """Return what the head says of each item of each record."""
    outputs = iter(outputs_of(task, encoder, [item for each in items for item in each]))
    return [list(itertools.islice(outputs, len(each))) for each in items]


_NO_CHANCE = np.random.default_rng(0)
