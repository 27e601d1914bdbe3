"""How far back a changed token still moves an output: exactly, by changing one token after the other."""

import dataclasses
from typing import cast

import numpy as np

from bothways.claims.recall import FACTS, SEGMENT, SEGMENTS, Looks
from bothways.claims.trial import FIRST, as_rows, begin, shape, symbols
from bothways.evaluate.asking import ReadsLeftToRight
from bothways.model.encoder import Encoder
from bothways.objectives.base import Objective
from bothways.objectives.causal import CausalSettings
from bothways.objectives.quiet import without_training


def reach(encoder: Encoder, objective: Objective, vocabulary: np.ndarray, segments: int) -> int:
    """Return how many tokens back a changed token still moves the last state of a text, exactly; 0 for itself alone.

    The text is `segments` segments of tokens out of `vocabulary`, int [ids]; each segment is remembered by the next.
    """
    rng = np.random.default_rng(0)
    text = rng.choice(vocabulary, segments * SEGMENT)
    changed = np.tile(text, (len(text) + 1, 1))
    for place in range(len(text)):
        others = vocabulary[vocabulary != text[place]]
        changed[place, place] = rng.choice(others)
    memory, hidden = None, None
    with without_training(encoder, objective):
        for start in range(0, len(text), SEGMENT):
            rows = as_rows(changed[:, start : start + SEGMENT], carry=SEGMENT)
            batch = cast(ReadsLeftToRight, objective).left_to_right(rows).to(encoder.token_embedding.device)
            hidden, memory = encoder(dataclasses.replace(batch, asked=None), memory)
    assert hidden is not None
    ends = hidden[:, SEGMENT - 1]
    moves = (ends[:-1] != ends[-1]).any(dim=1).nonzero().flatten()
    return len(text) - 1 - int(moves.min())


def random_reach(look: Looks) -> int:
    """Return the reach of an encoder with random weights, in float64."""
    backbone = shape("transformer_xl", layers=look.layers, memory=look.memory)
    trial = begin(backbone, CausalSettings(), symbols(FACTS + 1), seed=0)
    encoder, ids = cast(Encoder, trial.encoder).double(), np.arange(FIRST, FIRST + FACTS)
    return reach(encoder, trial.objective.double(), ids, SEGMENTS)
