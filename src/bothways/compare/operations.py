"""How many useful operations a step of a recipe takes, on average over its schedule (`bench.work` counts a batch's)."""

import itertools

import numpy as np

from bothways.assembly import build_model, layout_of
from bothways.bench.work import useful_work
from bothways.formats import FORMATS
from bothways.formats.protocol import Source
from bothways.formats.shorter import shortened
from bothways.interop.folder import Model
from bothways.recipe import Recipe
from bothways.training.schedule import length_share, micro_batches
from bothways.vocabulary import Vocabulary

COUNTED_ROWS = 16
"""Rows of a step that are counted; its other rows are much like them."""


def operations_of_a_step(recipe: Recipe, text: Source, vocabulary: Vocabulary) -> float:
    """Return the mean over the steps of a run of `recipe` on `text`, whatever its batch and length grow by."""
    model = build_model(recipe, None, vocabulary)
    schedule, batch = recipe.training.schedule, recipe.training.batch
    starts = sorted({0.0, *(start for stages in (schedule.batch, schedule.length) for start, _ in stages)})
    of_lengths = {
        share: _of_a_row(recipe, model, text, share)
        for share in {length_share(schedule, start) for start in starts}
    }
    return sum(
        (stop - start) * micro_batches(schedule, start, batch) * of_lengths[length_share(schedule, start)]
        for start, stop in itertools.pairwise([*starts, 1.0])
    )


def _of_a_row(recipe: Recipe, model: Model, text: Source, share: float) -> float:
    """Return the operations of a row whose length is a share of the recipe's."""
    settings, batch = shortened(recipe.format, share), recipe.training.batch
    build = FORMATS[recipe.format.kind][1]
    format_ = build(settings, text, model.vocabulary, recipe.seed, batch, layout_of(recipe))
    # Around the middle, so that rows of both directions are among them where there are two.
    begin = max(0, batch // 2 - COUNTED_ROWS // 2)
    rows = range(begin, min(batch, begin + COUNTED_ROWS))
    counted = model.objective.corrupt(format_.examples(0, rows), np.random.default_rng(recipe.seed))
    memory = model.encoder.memory_length if counted.carry else 0
    return useful_work(model.encoder, model.objective, counted, memory) / len(rows)
