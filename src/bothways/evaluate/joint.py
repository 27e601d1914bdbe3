"""What hiding several words together costs: the joint nats of a span, given the rest of its window.

Independent: one pass that hides and asks the whole span, the sum of its marginals. That is what a masked
model can say at once (Yang et al. 2019, section 2.1, the independence assumption). Chain: left to right,
each token asked while the ones after it stay hidden and the ones before it are revealed. A model with one
joint distribution pays the same in every order, so objectives that learn orders are also averaged over
random ones.

Every order reads marginals of the same few questions (which tokens of the span are hidden, which one is
asked), so each hidden subset is asked once: a span of two tokens costs 3 rows, however many orders there
are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bothways.evaluate.asking import Question, Subject, answers
from bothways.evaluate.windows import Span

_ORDERS = 10  # stream of random numbers for the orders


@dataclass(frozen=True)
class JointNats:
    """Nats of every span, float64 [spans]."""

    independent: np.ndarray
    chain: np.ndarray
    orders: np.ndarray | None
    """Mean over random orders; absent where the objective knows none."""


def joint_nats(
    subject: Subject,
    windows: Sequence[np.ndarray],
    spans: Sequence[Span],
    *,
    orders: int,
    seed: int,
    rows: int,
) -> JointNats:
    """Ask for every span of `windows`, in `orders` random orders too where the objective answers "orders"."""
    drawn = orders if "orders" in subject.objective.answers else 0
    ways = [
        _ways(span, drawn, np.random.default_rng([seed, _ORDERS, index])) for index, span in enumerate(spans)
    ]
    marginals = _marginals(subject, windows, spans, ways, rows)
    totals = [
        [sum(table[step] for step in way) for way in span_ways]
        for table, span_ways in zip(marginals, ways, strict=True)
    ]
    return JointNats(
        independent=np.array([total[0] for total in totals]),
        chain=np.array([total[1] for total in totals]),
        orders=np.array([np.mean(total[2:]) for total in totals]) if drawn else None,
    )


Step = tuple[frozenset[int], int]
"""Which positions are hidden, and which one of them is asked."""


def _ways(span: Span, orders: int, rng: np.random.Generator) -> list[list[Step]]:
    """Return the steps of: the independent way, left to right, and `orders` random orders."""
    everything = frozenset(span.positions)
    independent = [(everything, position) for position in span.positions]
    return [
        independent,
        _chain(span.positions),
        *(_chain(rng.permutation(span.positions).tolist()) for _ in range(orders)),
    ]


def _chain(order: Sequence[int]) -> list[Step]:
    return [(frozenset(order[step:]), position) for step, position in enumerate(order)]


def _marginals(
    subject: Subject,
    windows: Sequence[np.ndarray],
    spans: Sequence[Span],
    ways: Sequence[Sequence[Sequence[Step]]],
    rows: int,
) -> list[dict[Step, float]]:
    """Ask each hidden subset of each span once; return, per span, the nats of the truth at every step."""
    questions: list[Question] = []
    owners: list[int] = []
    for index, (span, span_ways) in enumerate(zip(spans, ways, strict=True)):
        asked: dict[frozenset[int], set[int]] = {}
        for hidden, position in (step for way in span_ways for step in way):
            asked.setdefault(hidden, set()).add(position)
        for hidden, positions in asked.items():
            question = Question(windows[span.window], tuple(sorted(hidden)), tuple(sorted(positions)))
            questions.append(question)
            owners.append(index)
    tables: list[dict[Step, float]] = [{} for _ in spans]
    for number, log_probabilities, targets in answers(subject, questions, rows):
        question = questions[number]
        truth = log_probabilities[range(len(targets)), targets].tolist()
        for position, value in zip(question.asked, truth, strict=True):
            tables[owners[number]][frozenset(question.hidden), position] = -value
    return tables
