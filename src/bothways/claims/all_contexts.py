"""Permuting the order of prediction reaches every context of every token, and moves no token.

A row of four tokens leaves each of them 2³ = 8 contexts: the subsets of the other three. Which of them an objective
ever trains on is read off its own batches, drawn by the thousand, and compared with what its definition allows,
enumerated. The example 2→4→3→1 is checked cell by cell.
"""

import itertools
from collections.abc import Mapping

import numpy as np
import torch

from bothways.batch import IGNORED, Batch
from bothways.claims.base import Claim, Finding, Measure, Models
from bothways.claims.expectation import Expectation, judge
from bothways.claims.trial import CLS, FIRST, as_rows, begin, shape, symbols
from bothways.config import Settings
from bothways.model.visibility import visible
from bothways.objectives.base import Objective
from bothways.objectives.causal import CausalSettings
from bothways.objectives.masked import MaskedSettings
from bothways.objectives.permutation import Permutation, PermutationSettings
from bothways.pages.figures import Figure, Point, Series

LENGTH = 4
DRAWS = 4096
"""Rows an objective is given: of 24 orders, one is missed with a chance below 1e-74."""
EVERY = LENGTH * 2 ** (LENGTH - 1)
"""Pairs of a token and a context of it."""

Context = frozenset[int]
Contexts = frozenset[tuple[int, Context]]
"""Pairs of a token's place, from 1, and the places that it is predicted from."""

ROW = np.array([CLS, *range(FIRST, FIRST + LENGTH)])

OBJECTIVES: Mapping[str, Settings] = {
    "causal": CausalSettings(),
    "masked": MaskedSettings(mask_share=1.0, random_share=0.0),
    "permutation": PermutationSettings(one_in=1, select="token"),
    "permutation, last half": PermutationSettings(one_in=2, select="token"),
}
"""Here masked hides one token of each row: 15% of five, rounded."""

NAMED = {2: 1, 4: 2, 3: 3, 1: 4}
"""The example of Yang et al. 2019, figure 4: each token's rank in the order 2→4→3→1."""
QUERY_STREAM = ("0111", "0000", "0101", "0100")
"""What the prediction of token 1, 2, 3, 4 sees of tokens 1 to 4 in that order."""
CONTENT_STREAM = ("1111", "0100", "0111", "0101")
"""What the state of token 1, 2, 3, 4 itself sees: the same and its own token."""


def trained_contexts(batch: Batch) -> Contexts:
    """Return which contexts of which tokens a batch of rows `ROW` trains on."""
    seen = visible(batch)
    queries = batch.num_slots + batch.num_probes
    everything = torch.ones(len(batch.tokens), queries, batch.num_slots, dtype=torch.bool)
    # A slot counts as seen where it shows its own token: a mask says only that something was there.
    true = batch.tokens == torch.from_numpy(ROW)
    shown = (everything if seen is None else seen) & true[:, None]
    found = set()
    for query, target in zip(batch.scored.tolist(), batch.targets.tolist(), strict=True):
        if target != IGNORED:
            row, place = divmod(query, queries)
            cells = shown[row, place, 1:].nonzero().flatten().tolist()
            found.add((target - FIRST + 1, frozenset(cell + 1 for cell in cells)))
    return frozenset(found)


def allowed_contexts(name: str) -> Contexts:
    """Return the same as the objectives of `OBJECTIVES` define it, by going through all subsets."""
    places = range(1, LENGTH + 1)
    pairs = [
        (place, frozenset(context))
        for place in places
        for size in range(LENGTH)
        for context in itertools.combinations([other for other in places if other != place], size)
    ]
    least = {"masked": LENGTH - 1, "permutation, last half": LENGTH // 2}.get(name, 0)
    if name == "causal":
        return frozenset((place, frozenset(range(1, place))) for place in places)
    return frozenset((place, context) for place, context in pairs if len(context) >= least)


def wrong_cells(objective: Permutation) -> int:
    """Count the cells in which the mask of 2→4→3→1 differs from the published one, of 2 · 4 · 4."""
    ranks = np.array([[0, *(NAMED[place] for place in range(1, LENGTH + 1))]])
    batch = objective.in_order(as_rows(ROW[None]), ranks)
    seen = visible(batch)
    assert seen is not None
    cells = seen[0, 1:, 1:].int().tolist()
    published = [*CONTENT_STREAM, *QUERY_STREAM]
    return sum(
        cell != int(expected)
        for row, text in zip(cells, published, strict=True)
        for cell, expected in zip(row, text, strict=True)
    )


def measure(models: Models, draws: int = DRAWS) -> Finding:
    """Draw batches of every objective and collect the contexts in them."""
    found: dict[str, Contexts] = {}
    moved = wrong = 0
    for name, settings in OBJECTIVES.items():
        objective = _objective(settings)
        batch = objective.corrupt(as_rows(np.tile(ROW, (draws, 1))), np.random.default_rng(0))
        found[name] = trained_contexts(batch)
        if isinstance(objective, Permutation):
            moved += int((batch.tokens != torch.from_numpy(ROW)).sum())
            wrong += wrong_cells(objective)
            moved += int((batch.positions != torch.arange(LENGTH + 1)).sum())
    measures = [
        Measure(
            f"share of contexts that {name} trains on",
            len(contexts) / EVERY,
            truth=len(allowed_contexts(name)) / EVERY,
        )
        for name, contexts in found.items()
    ]
    return _conclude(dict(zip(found, measures, strict=True)), found, wrong, moved, quick=models.quick)


def _conclude(
    shares: Mapping[str, Measure], found: Mapping[str, Contexts], wrong: int, moved: int, *, quick: bool
) -> Finding:
    cells = Measure("cells of the mask of 2→4→3→1 unlike the published", wrong, truth=0)
    still = Measure("tokens or positions that a drawn order moved", moved, truth=0)
    verdict, because = judge(
        [
            Expectation(shares["permutation"], "above", 1.0, is_exact=True),
            Expectation(shares["causal"], "below", 0.5, is_exact=True),
            Expectation(shares["masked"], "below", 0.5, is_exact=True),
            Expectation(cells, "below", 0, is_exact=True),
            Expectation(still, "below", 0, is_exact=True),
        ],
        quick=quick,
    )
    return Finding((*shares.values(), cells, still), verdict, because, _figure(found))


def _figure(found: Mapping[str, Contexts]) -> Figure:
    def points(contexts: Contexts) -> tuple[Point, ...]:
        sizes = [len(context) for _, context in contexts]
        every = [
            LENGTH * len(list(itertools.combinations(range(LENGTH - 1), size))) for size in range(LENGTH)
        ]
        return tuple(Point(str(size), sizes.count(size) / count) for size, count in enumerate(every))

    return Figure(
        "bars",
        "Which contexts each objective trains on",
        "tokens in the context",
        "share of all contexts of that size",
        tuple(Series(name, points(contexts)) for name, contexts in found.items()),
        note="A row of four tokens; a bar at 1 means that each token is predicted from every such set of others.",
    )


def _objective(settings: Settings) -> Objective:
    return begin(shape("bert", max_positions=LENGTH + 1), settings, symbols(LENGTH), seed=0).objective


ALL_CONTEXTS = Claim(
    name="all_contexts",
    sentence=(
        "Over random orders of prediction each token is learned from every subset of the others, and the input stays "
        "as it is."
    ),
    experiment=(
        "Contexts of a row of four tokens, read off thousands of batches and compared with an enumeration; the mask of "
        "2→4→3→1 cell by cell."
    ),
    source="Yang et al. 2019, section 2.2 and figure 4",
    measure=measure,
)
