"""What each objective lets each position see, as tables that a page can look up in any order of words.

Whether a query sees a key depends on their ranks alone (`model/visibility.py`), so one row in which every rank occurs
says it for all orders: an objective lays that row out as it does in training, `visible` answers, and what it answered
is kept by rank. A page then reads cells; it knows no rule.
"""

from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
import torch
from torch import Tensor

from bothways.batch import Batch, Examples, Memory
from bothways.dry_run import made_up_vocabulary
from bothways.evaluate.asking import ReadsInOrder, ReadsLeftToRight
from bothways.model.backbones import build_encoder
from bothways.model.backbones.bert import BertSettings
from bothways.model.visibility import visible
from bothways.objectives import OBJECTIVES, build_objective
from bothways.objectives.base import Objective

SHOWN = ("masked", "causal", "permutation", "mpnet")
"""The objectives of a page, in its order."""

FIRST_WORD = 5
"""The first token of a made-up vocabulary that is not special."""

Stream = Literal["content", "query", "placeholder"]
"""Slots that hold words, probes that ask, and MPNet's further slots that show `[MASK]`; of these the first and the last
are keys too."""


@dataclass(frozen=True)
class View:
    """Who sees whom under one objective."""

    objective: str
    ranked_by: Literal["order", "place"]
    """What a word's rank is: its number in the order (0: known from the start), or its place, from 0."""
    answers: Stream
    """The stream whose query predicts a word."""
    ahead: int
    """How many places before its word that query stands: 1 where the next word is predicted."""
    seen: dict[str, tuple[str, ...]]
    """For `query>content` and so on, one string for each rank of the query with one digit for each rank of the key: 1
    where it is seen. `content>memory` has one digit in each. Ranks that a stream lacks have zeros."""

    def sees(self, stream: Stream, query: int, key: int, keys: Stream = "content") -> bool:
        """Say whether a query of rank `query` sees the key of rank `key`."""
        return self.seen[f"{stream}>{keys}"][query][key] == "1"


def make_view(name: str, most: int) -> View:
    """Tabulate what objective `name` shows to queries of the ranks 0 to `most`."""
    objective = smallest(name, most + 1)
    batch = lay_out_ranks(objective, np.arange(most + 1))
    streams = _streams(batch)
    pairs = [(stream, keys) for stream in streams for keys in streams if keys != "query"]
    seen = {f"{stream}>{keys}": _digits(matrix(batch, stream, keys)) for stream, keys in pairs}
    remembered = {f"{stream}>memory": _digits(sees_memory(batch, stream)[:, None]) for stream in streams}
    return View(
        objective=name,
        ranked_by="order" if objective.answers & {"orders", "joint spans"} else "place",
        answers="content" if batch.probes is None else "query",
        ahead=_ahead(batch),
        seen=seen | remembered,
    )


def smallest(name: str, slots: int) -> Objective:
    """Return an objective with the smallest encoder there is, since only its way to lay out rows is asked for."""
    vocabulary = made_up_vocabulary(slots + FIRST_WORD)
    shape = BertSettings(layers=1, width=2, heads=1, feed_forward=1, max_positions=slots)
    return build_objective(OBJECTIVES[name][0](), [], vocabulary, build_encoder(shape, vocabulary))


def lay_out_ranks(objective: Objective, ranks: np.ndarray) -> Batch:
    """Return the row in which words of positive rank (int64 [words]) are predicted in that order, the others known.

    Objectives that know no order hide all of them at once, or predict every word after the ones that stand before it.
    The word at place p is token `FIRST_WORD` + p.
    """
    places = np.arange(len(ranks), dtype=np.int32)[None]
    examples = Examples(places + FIRST_WORD, np.zeros_like(places), places)
    if "orders" in objective.answers:
        return cast(ReadsInOrder, objective).in_order(examples, ranks[None])
    if "joint spans" in objective.answers:
        return objective.cloze(examples, ranks[None] > 0, ranks[None] > 0)
    return cast(ReadsLeftToRight, objective).left_to_right(examples)


def matrix(batch: Batch, stream: Stream, keys: Stream) -> np.ndarray:
    """Return bool [words, words] of a row: whether the query of `stream` at each place sees the key at each place."""
    streams = _streams(batch)
    (queries, asking), (slots, standing) = streams[stream], streams[keys]
    words = batch.num_slots - batch.placeholders
    table = torch.zeros(words, words, dtype=torch.bool)
    table[asking[:, None], standing] = _seen(batch)[queries[:, None], 1 + slots]
    return table.numpy()


def sees_memory(batch: Batch, stream: Stream) -> np.ndarray:
    """Return bool [words]: whether the query of `stream` at each place sees what is remembered."""
    queries, places = _streams(batch)[stream]
    table = torch.zeros(batch.num_slots - batch.placeholders, dtype=torch.bool)
    table[places] = _seen(batch)[queries, 0]
    return table.numpy()


def _streams(batch: Batch) -> dict[Stream, tuple[Tensor, Tensor]]:
    """Return which queries of a row form each stream, and the places at which they stand (int64 each)."""
    words = batch.num_slots - batch.placeholders
    streams: dict[Stream, tuple[Tensor, Tensor]] = {"content": (torch.arange(words), torch.arange(words))}
    if batch.probes is not None:
        streams["query"] = (batch.num_slots + torch.arange(batch.num_probes), batch.probes[0])
    if batch.placeholders:
        streams["placeholder"] = (torch.arange(words, batch.num_slots), batch.positions[0, words:])
    return streams


def _seen(batch: Batch) -> Tensor:
    """Return bool [queries, 1 + slots] of a row by the library's rule, behind a memory of one slot."""
    queries = batch.num_slots + batch.num_probes
    seen = visible(batch, Memory((torch.zeros(1, 1, 1),)))
    if seen is None:  # its word for "all"
        return torch.ones(queries, 1 + batch.num_slots, dtype=torch.bool)
    return seen[0]


def _ahead(batch: Batch) -> int:
    """Return how many places before the word that it predicts a query stands."""
    query = int(batch.scored[0])
    stands = query if batch.probes is None else int(batch.probes[0, query - batch.num_slots])
    return int(batch.targets[0]) - FIRST_WORD - stands


def _digits(table: np.ndarray) -> tuple[str, ...]:
    return tuple("".join("1" if seen else "0" for seen in row) for row in table.tolist())
