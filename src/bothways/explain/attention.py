"""The weights of attention, layer by layer, as the library's own layers compute them.

An attention layer returns averages of values. Given unit vectors for values it returns the weights of the average: so a
copy of each layer gets a map of values that ignores what stands at a key and says which key it is. Everything else,
relative positions, rotations, windows and biases, is the layer's own, in float64. One pass tells as many keys apart as
a head is wide.
"""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from bothways.batch import Batch, Memory
from bothways.model.attention import Sight
from bothways.model.encoder import Encoder


class UnitValues(nn.Module):
    """In the place of the map of values: key `first + d` has the unit vector of dimension d in every head."""

    def __init__(self, heads: int, width: int) -> None:
        super().__init__()
        self.heads = heads
        self.width = width
        self.first = 0

    def forward(self, source: Tensor) -> Tensor:
        """Return [rows, keys, heads * width] for `source` [rows, keys, any]."""
        rows, keys, _ = source.shape
        unit = torch.eye(keys, dtype=source.dtype, device=source.device)[
            :, self.first : self.first + self.width
        ]
        whole = nn.functional.pad(unit, (0, self.width - unit.shape[1]))
        return whole.repeat(1, self.heads).expand(rows, -1, -1)


def attention_weights(encoder: Encoder, batch: Batch, memory: Memory | None = None) -> list[Tensor]:
    """Return the weights of every layer, float64 [rows, heads, queries, keys]; a query that sees nothing has zeros.

    Queries are [slots | probes], keys [memory | slots]. To be called while nothing is trained (`asking`).
    """
    precise: Any = copy.deepcopy(encoder).double().eval()
    past = (
        None if memory is None else Memory(tuple(each.double() for each in memory.states), memory.documents)
    )
    inputs, _ = precise.states(precise.embeddings(batch), batch, past)
    sight = precise.look(batch, past, torch.float64)
    weights = []
    for layer, block in enumerate(precise.blocks):
        hidden = inputs[layer]
        source = hidden[:, : batch.num_slots]
        if past is not None:
            source = torch.cat([past.states[layer], source], dim=1)
        if block.norm == "pre":
            hidden, source = block.attention_norm(hidden), block.attention_norm(source)
        weights.append(layer_weights(block.attention, hidden, source, sight))
    return weights


def layer_weights(attention: nn.Module, hidden: Tensor, source: Tensor, sight: Sight) -> Tensor:
    """Return [rows, heads, queries, keys] of one layer that attends from `hidden` to `source` [rows, ., width]."""
    told: Any = copy.deepcopy(attention)
    width = hidden.shape[-1] // told.heads
    told.value, told.output = UnitValues(told.heads, width), nn.Identity()
    parts = []
    for first in range(0, source.shape[1], width):
        told.value.first = first
        mixed = told(hidden, source, sight)
        parts.append(mixed.unflatten(-1, (told.heads, width)).transpose(1, 2))
    return torch.cat(parts, dim=-1)[..., : source.shape[1]]
