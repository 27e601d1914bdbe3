"""Records of made-up runs, as the verbs write them."""

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from bothways.claims.base import Finding, Measure
from bothways.compare.budget import Budget
from bothways.compare.contamination import Contamination
from bothways.compare.pairs import Pair
from bothways.compare.quality import Cost, Quality
from bothways.compare.record import Fill
from bothways.compare.results import Result, write_results
from bothways.evaluate.estimate import Estimate
from bothways.evaluate.heldout import Measurement
from bothways.evaluate.score import Score
from bothways.finetuning.results import TaskResult
from bothways.finetuning.results import write_results as write_task_results
from bothways.metrics.interval import Interval
from bothways.pages.figures import Figure, Point, Series
from bothways.report.records import Records, Run, Told

NASTY = "<script>alert(1)</script>"


def a_result(recipe: str, seed: int, nats: float, **changes: Any) -> Result:
    found = Measurement(
        "leave_one_out_nats", "leave one out", Estimate(nats, 0.1, 100, 10), Estimate(7.0, 0.1, 100, 10)
    )
    values = {
        "recipe": recipe,
        "seed": seed,
        "digest": "",
        "checkpoint": f"/elsewhere/{recipe.lower()}/checkpoints/step-00000020",
        "parameters": 1000,
        "steps": 20,
        "tokens": 2000,
        "seconds": 120.0,
        "tokens_per_second": 500.0,
        "score": Score([found], windows=10, tokens=5000, window=32, seed=0),
    }
    return Result(**{**values, **changes})


def metrics(*values: float, key: str = "leave_one_out_nats") -> list[dict[str, Any]]:
    """Lines of a log in which each ten steps end with an evaluation, after a minute."""
    return [
        {"step": 10 * n, "loss": 5.0, "tokens": 1000 * n, "seconds": 60.0 * n, "held_out": {key: value}}
        for n, value in enumerate(values, start=1)
    ]


def a_run(name: str, seed: int, *values: float, **changes: Any) -> Run:
    settings = f"name: {name}\nseed: {seed}\ntraining:\n  batch: 16\n"
    known = {"settings": settings, "environment": {"python": "3.11", "gpus": [], "data": {"train_tokens": 9}}}
    return Run(name=name, seed=seed, metrics=metrics(*values), **{**known, **changes})


def a_claim(name: str = "memory", verdict: str = "holds") -> Told:
    figure = Figure(
        "lines", f"Picture of {name}", "distance", "nats", (Series("with", (Point(1, 2.0), Point(2, 1.0))),)
    )
    measures = (Measure("nats with memory", 1.5, 1.4, 1.6, truth=1.25), Measure("nats without", 3.0))
    finding = Finding(measures, verdict, f"Because of {NASTY}", figure)
    return Told(name, f"The sentence of {name}", "What is measured", "a paper, section 2", finding)


def a_task_result(model: str, seed: int, wrong: int) -> TaskResult:
    right = tuple(float(number >= wrong + seed) for number in range(200))
    share = sum(right) / len(right)
    return TaskResult(
        model, "", "sst2", seed, "test", "accuracy", share, 0.0, 1.0, 0.5, 200, 1000, 60.0,
        run=((1.0,) * 200, right), kind="classify",
    )  # fmt: skip


FILLS = (
    Fill("Return a [?] of [?].", "BERT", ("list", NASTY), 0.25),
    Fill("Return a [?] of [?].", "XLNet", ("copy", "it"), 0.5),
)


A_PAIR = Pair("leave_one_out_nats", "BERT", "XLNet", 3, Interval(-1.0, -1.5, -0.5), -1.0, 0.01, 0.00001)
A_QUALITY = Quality("leave_one_out_nats", 5.2, {"BERT": Cost(2000.0, 120.0), "XLNet": Cost(1500.0, 90.0)})


def everything() -> Records:
    seeds = (1, 2, 3)
    nats = {"BERT": 5.0, "XLNet": 4.0}
    return Records(
        folders=("somewhere",),
        results=tuple(
            a_result(name, seed, mean + seed / 10) for name, mean in nats.items() for seed in seeds
        ),
        verdicts=(("a token left out", f"XLNet pays less {NASTY}"),),
        pairs=(A_PAIR,),
        qualities=(A_QUALITY,),
        contamination=(Contamination("sst2", 200, 2),),
        notes=(f"a row was left out {NASTY}",),
        fills=FILLS,
        budgets=(Budget("tokens", 2000),),
        environments=({"python": "3.11"},),
        tasks=tuple(
            a_task_result(name, seed, wrong)
            for name, wrong in {"BERT": 20, "XLNet": 90}.items()
            for seed in seeds
        ),
        claims=(a_claim(), a_claim("heads", "does not hold here"), a_claim("distance", "inconclusive")),
        runs=tuple(
            a_run(name, seed, 6.0, 5.5, mean + seed / 10) for name, mean in nats.items() for seed in seeds
        ),
    )


def write_run(folder: Path, run: Run) -> None:
    folder.mkdir(parents=True)
    (folder / "recipe.yaml").write_text(run.settings)
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in run.metrics))
    (folder / "environment.json").write_text(json.dumps(run.environment))


def write_comparison(folder: Path, **judged: Any) -> None:
    """Two recipes, the first with a run folder as comparisons write it, the second as the demo does."""
    write_results(folder, [a_result("table6/1-bert", 1, 5.0), a_result("XLNet", 1, 4.0)])
    write_run(folder / "table6-1-bert" / "seed-1", a_run("table6/1-bert", 1, 6.0, 5.0))
    write_run(folder / "xlnet", a_run("demo-xlnet", 1, 6.0, 4.0))
    (folder / "comparison.json").write_text(json.dumps(judged))


def write_evaluation(folder: Path) -> None:
    write_task_results(
        folder / "results.jsonl", [a_task_result("BERT", 1, 20), a_task_result("XLNet", 1, 90)]
    )
    write_run(folder / "BERT" / "sst2" / "seed-1", a_run("classify", 1))


def write_claims(folder: Path) -> None:
    lines = [TypeAdapter(Told).dump_json(told).decode() + "\n" for told in (a_claim(), a_claim("heads"))]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "findings.jsonl").write_text("".join(lines))
