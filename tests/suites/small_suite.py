"""A suite of two rows to learn and one to ask, over tiny files, for tiny models."""

from pathlib import Path
from typing import Any

from small_tasks import BAD, GOOD, pretrained_folder, records, write_csv

from bothways.suites.plan import Plan, planned

SUITE = """
title: small
average: [mood, marks]
rows:
  mood:
    about: Is it good?
    task: {kind: classify, length: 16, metric: f1_accuracy, positive: good}
    also: [f1, accuracy]
    files:
      - {train: elsewhere/train.csv, test: elsewhere/test.csv}
      - {train: mood/train.csv, dev: mood/dev.csv, test: mood/test.csv, note: half of it is made up}
  marks:
    about: How good is it?
    task: {kind: regress, length: 16}
    training: {batch: 8}
    files:
      - {train: marks/train.csv, test: marks/test.csv}
  grammar:
    about: Which sentence is likelier?
    task: {kind: minimal_pairs}
    also: [pseudo]
    files:
      - {test: grammar}
  absent:
    about: What is not there?
    task: {kind: classify}
    files:
      - {train: absent.csv, test: absent-too.csv}
published:
  - {model: Published, source: a paper, scores: {mood: {accuracy: 99.5}, marks: {correlation: 88.25}}}
"""
WORDS = (
    "training.threads=1",
    "training.precision=float32",
    "training.batch=4",
    "training.steps=2",
    "training.optimizer.learning_rate=3e-3",
)


def write_data(folder: Path) -> Path:
    """Write the files of the suite's rows but the last, and the suite beside them."""
    for name in ("mood", "marks", "grammar"):
        (folder / name).mkdir(parents=True)
    for part, count in (("train", 24), ("dev", 6), ("test", 12)):
        write_csv(folder / "mood" / f"{part}.csv", records(count))
        marks = [
            f"{record.text},{1.5 * (record.label == 'good') + number / 99}"
            for number, record in enumerate(records(count))
        ]
        (folder / "marks" / f"{part}.csv").write_text(
            "text,score\n" + "\n".join(marks) + "\n", encoding="utf-8"
        )
    for paradigm, (good, bad) in {"first": (GOOD, BAD), "second": (BAD, GOOD)}.items():
        pairs = (
            f'{{"sentence_good": "{one}", "sentence_bad": "{two}"}}'
            for one, two in zip(good, bad, strict=True)
        )
        (folder / "grammar" / f"{paradigm}.jsonl").write_text("\n".join(pairs) + "\n", encoding="utf-8")
    (folder / "small.yaml").write_text(SUITE, encoding="utf-8")
    return folder


def write_models(folder: Path) -> list[str]:
    """Write two tiny models that may be compared."""
    return [
        str(pretrained_folder(folder / "one")),
        str(pretrained_folder(folder / "two", "transformer_xl", objective="permutation", memory=8, seed=1)),
    ]


def plan_of(place: Path, models: list[str], *words: str, **options: Any) -> Plan:
    data = place / "data"
    given = {"suite": str(data / "small.yaml"), "data": data, "out": place / "out"} | options
    learned = given.get("rows") != ["grammar"]
    return planned(models, [*(WORDS if learned else ()), *words], **given)
