"""The held-out numbers: what a trained model pays, in nats, for text it has not seen.

- leave-one-out: a token given all others of its window;
- joint spans: two to four whole words given the rest, independently and jointly (`joint.py`);
- left to right: a token given those before it, with and without memory (`sequential.py`).

Each stands beside the add-one unigram on the same tokens, with a 95% interval. A measure that an objective
does not define has no number.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from bothways.errors import UsageError
from bothways.evaluate.asking import Question, Subject, answers
from bothways.evaluate.estimate import Estimate, estimate
from bothways.evaluate.joint import JointNats, joint_nats
from bothways.evaluate.sequential import Scored, left_to_right_nats
from bothways.evaluate.settings import EvaluationSettings
from bothways.evaluate.windows import (
    RUN_WINDOWS,
    HeldOutText,
    Span,
    select_runs,
    select_spans,
    select_tokens,
    select_windows,
)
from bothways.model.encoder import Encoder
from bothways.objectives.base import Objective
from bothways.text.tokenizer import Layout
from bothways.vocabulary import Vocabulary

WindowSum: TypeAlias = tuple[int, float, float]


@dataclass(frozen=True)
class Measurement:
    """One held-out number of one model."""

    key: str
    """A stable name, such as `leave_one_out_nats`."""
    title: str
    """What a table calls it."""
    model: Estimate | None
    """Absent where the objective does not define the measure."""
    unigram: Estimate | None
    """The add-one unigram on the same tokens; absent where the training text is not at hand."""
    by_window: tuple[WindowSum, ...] = ()
    """What the model's mean is made of, where that is kept: for each window its number, nats, and what to divide by."""


@dataclass(frozen=True)
class Sample:
    """The held-out text that is scored, the same for every model with its tokenizer."""

    windows: list[np.ndarray]
    tokens: np.ndarray
    """int64 [tokens, 2]: window and position."""
    spans: list[Span]
    runs: list[list[np.ndarray]]

    def span_tokens(self, span: Span) -> np.ndarray:
        return self.windows[span.window][list(span.positions)]


def draw_sample(
    text: HeldOutText, vocabulary: Vocabulary, limit: int, settings: EvaluationSettings
) -> Sample:
    """Choose what is scored; `limit` is the longest window in text tokens (see `Subject.limit`)."""
    settings = settings.capped()
    seed, pool = settings.seed, settings.pool_tokens
    # Runs in which a long memory is full for at least half of the text.
    length = max(RUN_WINDOWS, -(-2 * (settings.memory or 0) // limit))
    windows = select_windows(text, vocabulary, limit=limit, pool_tokens=pool, seed=seed)
    count = settings.left_to_right_tokens
    return Sample(
        windows,
        select_tokens(windows, vocabulary, settings.tokens, seed),
        select_spans(windows, vocabulary, settings.spans, seed),
        select_runs(text, limit=limit, count=count, pool_tokens=pool, seed=seed, windows=length)
        if count
        else [],
    )


def measure(
    subject: Subject, sample: Sample, settings: EvaluationSettings, unigram: np.ndarray | None = None
) -> list[Measurement]:
    """Return every held-out number; `unigram` is float [vocabulary], the nats of `unigram_nats`."""
    found = [_leave_one_out(subject, sample, settings, unigram)]
    if sample.spans:
        found += _joint_spans(subject, sample, settings, unigram)
    if sample.runs:
        found += _left_to_right(subject, sample, settings, unigram)
    return found


def leave_one_out_nats(subject: Subject, sample: Sample, rows: int) -> Scored:
    """Score each token of the sample from all others of its window; one row a token."""
    windows, positions = sample.tokens.T
    asked = zip(windows.tolist(), positions.tolist(), strict=True)
    questions = [Question(sample.windows[window], (position,), (position,)) for window, position in asked]
    nats, truth = np.empty(len(questions)), np.empty(len(questions), dtype=np.int64)
    for number, log_probabilities, targets in answers(subject, questions, rows):
        truth[number] = targets[0]
        nats[number] = -float(log_probabilities[0, truth[number]])
    return Scored(nats, truth, windows)


def make_evaluator(
    valid: HeldOutText, vocabulary: Vocabulary, layout: Layout, settings: EvaluationSettings
) -> Callable[[Encoder, Objective], dict[str, float]]:
    """Return what the training loop calls every so often: (encoder, objective) → numbers.

    The text is drawn at the first call and stays the same. Objectives that answer leave-one-out give
    `leave_one_out_nats`; the others give `left_to_right_nats`.
    """
    few = settings.while_training_tokens
    cheap = settings.model_copy(update={"tokens": few, "left_to_right_tokens": few * 8, "spans": 0})
    drawn: list[Sample] = []

    def evaluate(encoder: Encoder, objective: Objective) -> dict[str, float]:
        subject = Subject(encoder, objective, vocabulary, layout)
        if not drawn:
            drawn.append(draw_sample(valid, vocabulary, subject.limit(cheap.window), cheap))
        if "leave one out" not in objective.answers:
            runs = drawn[0].runs
            scored = left_to_right_nats(subject, runs, remember=False, rows=_sequential_rows(cheap))
            return {"left_to_right_nats": float(scored.nats.mean())}
        return {"leave_one_out_nats": float(leave_one_out_nats(subject, drawn[0], cheap.rows).nats.mean())}

    return evaluate


def _leave_one_out(
    subject: Subject, sample: Sample, settings: EvaluationSettings, unigram: np.ndarray | None
) -> Measurement:
    key, title = "leave_one_out_nats", "leave one out, nats per token"
    if "leave one out" in subject.objective.answers:
        scored = leave_one_out_nats(subject, sample, settings.rows)
        return _measurement(key, title, scored, unigram)
    windows = sample.tokens[:, 0]
    tokens = np.array([sample.windows[window][position] for window, position in sample.tokens])
    without = _measurement(key, title, Scored(np.zeros(len(tokens)), tokens, windows), unigram)
    return replace(without, model=None, by_window=())


def _measurement(key: str, title: str, scored: Scored, unigram: np.ndarray | None) -> Measurement:
    ones = np.ones(len(scored.nats))
    baseline = None if unigram is None else estimate(unigram[scored.tokens], ones, scored.windows)
    model = estimate(scored.nats, ones, scored.windows)
    return Measurement(key, title, model, baseline, window_sums(scored.nats, ones, scored.windows))


def window_sums(nats: np.ndarray, weights: np.ndarray, windows: np.ndarray) -> tuple[WindowSum, ...]:
    """Return for each window that occurs its number, and the sum of nats (float [items]) and of weights in it."""
    numbers, place = np.unique(windows, return_inverse=True)
    sums = (np.bincount(place, weights=values).tolist() for values in (nats, weights))
    return tuple(zip(numbers.tolist(), *sums, strict=True))


def _joint_spans(
    subject: Subject, sample: Sample, settings: EvaluationSettings, unigram: np.ndarray | None
) -> list[Measurement]:
    """Each way of asking for a span, per span and per token."""
    joint = None
    if "joint spans" in subject.objective.answers:
        joint = joint_nats(
            subject,
            sample.windows,
            sample.spans,
            orders=settings.orders,
            seed=settings.seed,
            rows=settings.rows,
        )
    baseline = None
    if unigram is not None:
        baseline = np.array([unigram[sample.span_tokens(span)].sum() for span in sample.spans])
    found = []
    for unit, weights in _span_weights(sample.spans).items():
        for way, title in _WAYS.items():
            nats, windows = _way(joint, way), np.array([span.window for span in sample.spans])
            found.append(
                Measurement(
                    f"{way}_span_nats" + ("" if unit == "span" else "_per_token"),
                    f"{title}, nats per {unit}",
                    None if nats is None else estimate(nats, weights, windows),
                    None if baseline is None else estimate(baseline, weights, windows),
                    () if nats is None else window_sums(nats, weights, windows),
                )
            )
    return found


_WAYS = {
    "independent": "spans at once (independent)",
    "chain": "spans left to right (joint)",
    "orders": "spans in random orders (joint)",
}


def _way(joint: JointNats | None, way: str) -> np.ndarray | None:
    return None if joint is None else getattr(joint, way)


def _span_weights(spans: Sequence[Span]) -> dict[str, np.ndarray]:
    return {"span": np.ones(len(spans)), "token": np.array([len(span.positions) for span in spans])}


def _left_to_right(
    subject: Subject, sample: Sample, settings: EvaluationSettings, unigram: np.ndarray | None
) -> list[Measurement]:
    """Without memory, then with it where the encoder keeps one; both on the same tokens."""
    rows = _sequential_rows(settings)
    found = []
    for key, title, remember in (
        ("left_to_right_nats", "left to right, nats per token", False),
        ("left_to_right_memory_nats", "left to right with memory, nats per token", True),
    ):
        with _looking_back(subject, settings.past if remember else {}):
            possible = "left to right" in subject.objective.answers and (subject.remembers or not remember)
            if not possible:
                found.append(Measurement(key, title, None, None))
                continue
            scored = left_to_right_nats(
                subject, sample.runs, remember=remember, rows=rows, first=settings.first_tokens
            )
        found.append(_measurement(key, title, scored, unigram))
    return found


@contextlib.contextmanager
def _looking_back(subject: Subject, changes: dict[str, Any]) -> Iterator[None]:
    """Let the encoder look back as the settings say, for a while; raise `UsageError` where it cannot."""
    if not changes:
        yield
        return
    if "memory" not in subject.encoder.offers:
        raise UsageError(
            f"{' and '.join(changes)} of the evaluation are about memory, which this model does not keep; "
            "leave them out"
        )
    with subject.encoder.looking_back(**changes):
        yield


def _sequential_rows(settings: EvaluationSettings) -> int:
    """Every token of a row is scored, so fewer rows fill the memory with scores over the vocabulary."""
    return max(1, settings.rows // 4)
