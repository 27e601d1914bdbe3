"""What moves a prediction: the gradient of each scored loss by each input embedding.

    query stream     loss of a token, at its probe: moved by every token before it in the order, and not by its own
    content stream   state of a token, at its slot: moved by the same and by its own

Exact: on random weights in float64 a gradient that must not flow is zero to the last bit, and one that may flow is not.
The other objectives are held to their own rule in the same way: a causal loss to its left side, a masked one to the
whole row (where the hidden slots show [MASK]).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor

from bothways.batch import IGNORED, Batch
from bothways.claims.base import Claim, Finding, Measure, Models
from bothways.claims.expectation import Expectation, judge
from bothways.claims.trial import FIRST, as_rows, begin, shape, symbols
from bothways.config import Settings
from bothways.errors import UsageError
from bothways.evaluate.asking import ReadsInOrder, ReadsLeftToRight
from bothways.model.encoder import Encoder
from bothways.objectives.base import Objective
from bothways.objectives.causal import CausalSettings
from bothways.objectives.masked import MaskedSettings
from bothways.objectives.permutation import PermutationSettings
from bothways.pages.figures import Figure, Point, Series
from bothways.trained import load

LENGTH = 6
ORDER = (2, 5, 3, 6, 1, 4)
"""Places in the order in which they are predicted."""


@dataclass(frozen=True)
class Flow:
    """How strongly inputs move outputs, and where they may."""

    strength: Tensor
    """float64 [outputs, slots]: the largest entry of a gradient by a slot's embedding."""
    may: Tensor
    """bool [outputs, slots]: what the objective's definition lets through."""

    @property
    def leaks(self) -> int:
        """How many gradients flow that must not."""
        return int(((self.strength != 0) & ~self.may).sum())

    @property
    def silent(self) -> int:
        """How many do not that may."""
        return int(((self.strength == 0) & self.may).sum())


def query_flow(encoder: Encoder, objective: Objective, batch: Batch, may: Tensor) -> Flow:
    """Return how each scored loss of a single row is moved; `may` bool [scored, slots]."""
    embedded = _embed(encoder, batch)
    hidden, _ = encoder.contextualise(embedded, batch)
    scores = objective.log_probabilities(hidden, encoder.token_embedding, batch)
    kept = batch.targets != IGNORED
    losses = -scores[kept].gather(1, batch.targets[kept][:, None])[:, 0]
    return Flow(_strength(losses, embedded, batch), may)


def content_flow(encoder: Encoder, batch: Batch, may: Tensor) -> Flow:
    """Return how each slot's last state is moved, by a sum of its entries with unequal weights."""
    embedded = _embed(encoder, batch)
    hidden, _ = encoder.contextualise(embedded, batch)
    # A plain sum of a normalised state is constant, whatever moves it.
    weights = torch.linspace(-1, 2, hidden.shape[-1], dtype=hidden.dtype, device=hidden.device) ** 3
    return Flow(_strength(hidden[0, : batch.num_slots] @ weights, embedded, batch), may)


def _embed(encoder: Encoder, batch: Batch) -> Tensor:
    return cast(Tensor, encoder.embeddings(batch)).detach().requires_grad_()


def _strength(outputs: Tensor, embedded: Tensor, batch: Batch) -> Tensor:
    rows = [torch.autograd.grad(output, embedded, retain_graph=True)[0] for output in outputs]
    return torch.stack([row[0, : batch.num_slots].abs().amax(-1) for row in rows]).cpu()


def two_streams(encoder: Encoder, objective: Objective, tokens: np.ndarray) -> tuple[Flow, Flow]:
    """Return the flows of the query and of the content stream for int [LENGTH] tokens predicted in `ORDER`."""
    ranks = np.zeros((1, LENGTH), dtype=np.int64)
    ranks[0, np.array(ORDER) - 1] = np.arange(1, LENGTH + 1)
    device = encoder.token_embedding.device
    batch = cast(ReadsInOrder, objective).in_order(as_rows(tokens[None]), ranks).to(device)
    order = torch.from_numpy(ranks[0])
    earlier = order[None, :] < order[:, None]
    own = torch.eye(LENGTH, dtype=torch.bool)
    return query_flow(encoder, objective, batch, earlier), content_flow(encoder, batch, earlier | own)


def measure(models: Models) -> Finding:
    """Measure a random permutation model, and beside it a causal and a masked one."""
    tokens = np.arange(FIRST, FIRST + LENGTH)
    query, content = two_streams(*_random("transformer_xl", PermutationSettings()), tokens)
    others = {"causal": _causal(tokens), "masked": _masked(tokens)}
    return _conclude({"query stream": query, "content stream": content} | others, quick=models.quick)


def ask(run: Path) -> Finding:
    """Measure both streams of a trained permutation model; raise `UsageError` for one without orders."""
    subject, _ = load(run)
    if "orders" not in subject.objective.answers:
        raise UsageError(
            f"two_streams: {run} was trained as {subject.objective.name}, which has no orders of prediction; "
            "give a permutation model"
        )
    for part in (subject.encoder, subject.objective):
        part.double().eval()
    ordinary = subject.vocabulary.ordinary()
    tokens = ordinary[np.linspace(0, len(ordinary) - 1, LENGTH).astype(int)]
    query, content = two_streams(subject.encoder, subject.objective, tokens)
    return _conclude({"query stream": query, "content stream": content}, quick=False)


def _random(kind: str, objective: Settings) -> tuple[Encoder, Objective]:
    trial = begin(shape(kind, layers=2), objective, symbols(LENGTH), seed=0)
    return cast(Encoder, trial.encoder).double().eval(), trial.objective.double().eval()


def _causal(tokens: np.ndarray) -> Flow:
    encoder, objective = _random("bert", CausalSettings())
    batch = cast(ReadsLeftToRight, objective).left_to_right(as_rows(tokens[None]))
    left = torch.ones(LENGTH - 1, LENGTH, dtype=torch.bool).tril()
    return query_flow(encoder, objective, batch, left)


def _masked(tokens: np.ndarray) -> Flow:
    encoder, objective = _random("bert", MaskedSettings())
    hidden = np.arange(LENGTH)[None] % 2 == 1
    batch = objective.cloze(as_rows(tokens[None]), hidden, hidden)
    return query_flow(encoder, objective, batch, torch.ones(int(hidden.sum()), LENGTH, dtype=torch.bool))


def _conclude(flows: dict[str, Flow], *, quick: bool) -> Finding:
    leaks = Measure(
        _named("gradients that flow and must not", flows), sum(f.leaks for f in flows.values()), truth=0
    )
    silent = Measure(
        _named("gradients that may flow and do not", flows), sum(f.silent for f in flows.values()), truth=0
    )
    own = flows["query stream"].strength.diagonal().abs().max()
    seen = Measure("largest gradient of a token's loss by the token itself", float(own), truth=0)
    measures = (leaks, silent, seen)
    verdict, because = judge([Expectation(each, "below", 0, is_exact=True) for each in measures], quick=quick)
    return Finding(measures, verdict, because, _figure(flows["query stream"], flows["content stream"]))


def _named(what: str, flows: dict[str, Flow]) -> str:
    return f"{what} ({', '.join(flows)})"


def _figure(query: Flow, content: Flow) -> Figure:
    def series(stream: str, flow: Flow) -> list[Series]:
        largest = float(flow.strength.max()) or 1.0
        return [
            Series(
                f"{stream} {place}",
                tuple(Point(str(slot + 1), float(row[slot]) / largest) for slot in range(LENGTH)),
            )
            for place, row in enumerate(flow.strength, start=1)
        ]

    return Figure(
        "matrix",
        "What moves each prediction (query) and each state (content) in the order "
        + "→".join(map(str, ORDER)),
        "input token",
        "size of the gradient, as a share of the stream's largest",
        (*series("query", query), *series("content", content)),
        note="Zero is exactly zero: computed in float64.",
    )


TWO_STREAMS = Claim(
    name="two_streams",
    sentence=(
        "The query stream knows the place and the context of its token but not the token; the content stream knows "
        "the token too."
    ),
    experiment="Gradients of each scored loss, and of each token's own state, by every input embedding, in float64.",
    source="Yang et al. 2019, section 2.3",
    measure=measure,
    ask=ask,
)
