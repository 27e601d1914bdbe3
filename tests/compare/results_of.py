"""Results with chosen numbers, for everything that is said about them."""

import numpy as np

from bothways.compare.results import Result
from bothways.evaluate import Estimate, Score
from bothways.evaluate.estimate import estimate
from bothways.evaluate.heldout import Measurement, window_sums
from bothways.finetuning.results import TaskResult


def result_of(recipe, seed, measurements=(), **more):
    score = Score(list(measurements), 1, 10, 32, 0)
    return Result(
        recipe=recipe,
        seed=seed,
        digest="",
        checkpoint="",
        parameters=10,
        steps=1,
        tokens=100,
        seconds=1.0,
        tokens_per_second=100.0,
        score=score,
        **more,
    )


def measured(nats, windows, key="leave_one_out_nats", weights=None):
    """Return a measurement of tokens that cost `nats` in `windows`."""
    nats, windows = np.asarray(nats, dtype=float), np.asarray(windows)
    weights = np.ones(len(nats)) if weights is None else np.asarray(weights)
    return Measurement(key, key, estimate(nats, weights, windows), None, window_sums(nats, weights, windows))


def plain(mean, key="leave_one_out_nats"):
    """Return a measurement of which nothing but the mean is known."""
    return Measurement(key, key, Estimate(mean, None, 10, 1), None)


def task_of(model, seed, right, part="test", task="mood"):
    """Return a result in accuracy: `right` says of each example, of class 1, whether it was."""
    return TaskResult(
        model=model,
        digest="",
        task=task,
        seed=seed,
        part=part,
        metric="accuracy",
        score=float(np.mean(right)),
        low=0.0,
        high=1.0,
        baseline=0.5,
        examples=len(right),
        trained_on=10,
        seconds=1.0,
        run=(tuple([1.0] * len(right)), tuple(map(float, right))),
        kind="classify",
    )
