"""Pretraining steps: a case of the table, or a recipe, becomes a contest and is measured."""

import dataclasses
import gc

import torch

from bothways.bench.cases import Peer
from bothways.bench.ceiling import Ceiling, products
from bothways.bench.effort import Effort
from bothways.bench.measure import Contest, Row, Side, measure
from bothways.bench.ours import Ours
from bothways.bench.peers import Theirs
from bothways.bench.work import useful_work


def step_row(
    name: str, ours: Ours, peer: Peer | None, target: float | None, *, ceiling: Ceiling, effort: Effort
) -> Row:
    """Measure a step of ours beside the peer's, in tokens/s, or beside the machine's products, in GFLOP/s."""
    work = _work(ours)
    if peer == "product peak":
        side = _products_worth(work, ours, ceiling)
        row = _measured(Contest(name, work / 1e9, "GFLOP/s", ours.side(), side, target), effort)
        return dataclasses.replace(row, share=row.ratio)
    theirs = Theirs(ours, peer, may_compile=effort.may_compile) if peer else None
    contest = Contest(name, ours.tokens, "tokens/s", ours.side(), theirs.side() if theirs else None, target)
    row = _measured(contest, effort)
    speed = row.ours / ours.tokens * work
    share = speed / ceiling.products[ours.stepper.precision.name]
    return dataclasses.replace(row, share=share, note=theirs.note if theirs else "")


def _work(ours: Ours) -> float:
    return useful_work(ours.model.encoder, ours.model.objective, ours.batches[0], ours.memory_length)


def _products_worth(work: float, ours: Ours, ceiling: Ceiling) -> Side:
    precision = ours.stepper.precision.name
    return products(ceiling.shapes[precision], work, precision, ours.stepper.place.device)


def _measured(contest: Contest, effort: Effort) -> Row:
    """Measure, and leave the memory to the next row."""
    row = measure(contest, effort.repeats, warm_up=effort.warm_up, patience=effort.patience)
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return row
