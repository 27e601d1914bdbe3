"""XLNet predicts the last 1/K of each order only, since the first tokens have too little context: is that easier?

A predicted token costs a row of the query stream, so all models get the same compute in rows and not in steps: K = 1
takes fewer steps, and predicts more in each. The curves are the runs' own held-out numbers.
"""

from collections.abc import Mapping
from pathlib import Path

from bothways.claims.base import Claim, Finding, Models
from bothways.claims.leave_one_out import nats, true_nats
from bothways.claims.plan import DEFAULTS, ROW, XLNET
from bothways.claims.verdict import difference, in_words, judge, measured
from bothways.pages.figures import Figure, Point, Series
from bothways.training.metrics import read_metrics

ONE_IN = (1, 2, 6, 7)
"""K; 1 predicts all tokens, 6 and 7 are the published choices."""
MARGIN = 0.01
"""Nats a word by which K = 6 must be better than K = 1."""
_CURVE = 10  # held-out numbers of each run


def _name(one_in: int) -> str:
    return f"K = {one_in}"


def _rows(one_in: int) -> float:
    """Return how many rows of the two streams a step computes for each row of text."""
    return ROW * (1 + 1 / one_in)


def _variant(one_in: int) -> dict[str, object]:
    steps = round(DEFAULTS["training"]["steps"] * _rows(6) / _rows(one_in))
    return {
        **XLNET,
        "objective": {"kind": "permutation", "one_in": one_in},
        "training": {"steps": steps, "evaluate_every": steps // _CURVE},
    }


def _curve(run: Path, one_in: int) -> dict[float, float]:
    """Return the held-out nats of a run by the rows computed until then, in millions."""
    batch: int = DEFAULTS["training"]["batch"]
    return {
        record["step"] * batch * _rows(one_in) / 1e6: record["held_out"]["leave_one_out_nats"]
        for record in read_metrics(run / "metrics.jsonl")
        if "held_out" in record
    }


def _series(name: str, curves: list[Mapping[float, float]]) -> Series:
    return Series(name, tuple(Point(x, sum(each[x] for each in curves) / len(curves)) for x in curves[0]))


def measure(models: Models) -> Finding:
    """Ask the models of every K for every word, and draw how they came to it."""
    truth = true_nats()
    found = {one_in: [nats(run) for run in models.folders[_name(one_in)]] for one_in in ONE_IN}
    gain = difference(found[1], found[6])
    because = (
        f"at equal compute K = 6 pays {in_words(gain, 'nats a word')} less than predicting all (more than {MARGIN} is "
        "asked for)"
    )
    figure = Figure(
        "lines",
        "How models of equal compute learn, by K",
        "rows of both streams computed, millions",
        "nats a word, all others shown",
        tuple(
            _series(_name(one_in), [_curve(run, one_in) for run in models.folders[_name(one_in)]])
            for one_in in ONE_IN
        ),
        (("the best possible", truth),),
    )
    measures = tuple(measured(f"{_name(one_in)}, nats a word", found[one_in], truth) for one_in in ONE_IN)
    return Finding(measures, judge(gain, MARGIN, quick=models.quick), because, figure)


CLAIM = Claim(
    name="partial_prediction",
    sentence="Predicting only the last part of each order makes the optimisation easier.",
    experiment=(
        "Permutation models that predict all tokens, or one in 2, 6 or 7, at equal compute: learning curves and what "
        "every word costs in the end."
    ),
    source="Yang et al. 2019, section 2.3",
    measure=measure,
    variants={_name(one_in): _variant(one_in) for one_in in ONE_IN},
)
