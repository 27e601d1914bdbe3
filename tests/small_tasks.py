"""Tiny encoders, tokenizers and labelled records, for everything that is said about tasks."""

from functools import cache
from pathlib import Path
from typing import Any

import torch
from model_cases import BACKBONE_CASES

from bothways.interop.configs import FAMILIES, family_of
from bothways.interop.folder import Model, write_model
from bothways.model.backbones import BACKBONES, build_encoder, offers_of
from bothways.objectives import OBJECTIVES, build_objective
from bothways.records.types import TextRecord
from bothways.tasks import TaskSettings, build_task
from bothways.tasks.rows import Reader
from bothways.text.tokenizer import TokenizerSettings, train_tokenizer, vocabulary_of

GOOD, BAD = ["a fine day", "warm and bright", "she was glad"], ["a dark day", "cold and grey", "he was sad"]
LINES = [
    f"{start} {end} in town {number} ." for start in GOOD + BAD for end in GOOD + BAD for number in range(3)
]
SHAPE = {"layers": 2, "width": 32, "heads": 2, "feed_forward": 48, "dropout": 0.0, "attention_dropout": 0.0}


@cache
def tokenizer() -> Any:
    return train_tokenizer(LINES, TokenizerSettings(kind="wordpiece"))


def records(count: int = 24) -> list[TextRecord]:
    """Texts whose words say their label."""
    chosen = [
        (text, label)
        for pair in zip(GOOD, BAD, strict=True)
        for text, label in zip(pair, ("good", "bad"), strict=True)
    ]
    return [
        TextRecord(f"train.csv, row {number}", f"{text} {'in town ' * (number % 4)}", label=label)
        for number, (text, label) in enumerate(chosen * (1 + count // len(chosen)))
    ][:count]


def make_model(
    named: str,
    settings: TaskSettings | None = None,
    *,
    objective: str = "masked",
    seed: int = 0,
    **values: Any,
) -> Model:
    """Return a tiny model of a backbone case with random weights, of a task where its settings are given."""
    kind, variant = BACKBONE_CASES[named]
    vocabulary = vocabulary_of(tokenizer())
    torch.manual_seed(seed)
    encoder = build_encoder(BACKBONES[kind][0](**{**SHAPE, **variant, **values}), vocabulary)
    layout = FAMILIES[family_of(encoder.settings)].layout
    if settings is None:
        trained: Any = build_objective(OBJECTIVES[objective][0](), [], vocabulary, encoder)
    else:
        known = {"layout": layout, "is_causal": objective == "causal"}
        trained = build_task(settings.model_copy(update=known), vocabulary, encoder)
    with torch.no_grad():
        for module in (encoder, trained):
            for name, parameter in module.named_parameters():
                parameter.normal_(1.0 if "norm" in name and name.endswith("weight") else 0.0, 0.2)
    return Model(encoder.eval(), trained.eval(), tokenizer(), vocabulary, layout)


def make_reader(model: Model) -> Reader:
    has_segments = "segments" in offers_of(model.encoder.settings)
    return Reader(
        model.tokenizer, model.vocabulary, model.layout, has_segments, model.objective.settings.length
    )


def pretrained_folder(folder: Path, named: str = "bert", *, objective: str = "masked", **values: Any) -> Path:
    """Write a tiny model that was not really pretrained."""
    model = make_model(named, objective=objective, **values)
    folder.mkdir(parents=True)
    write_model(folder, model, model.objective.settings, (), facts={"name": "tiny"})
    return folder


def write_csv(path: Path, rows: list[TextRecord]) -> Path:
    """Write texts and labels as a table."""
    lines = ["text,label", *(f"{record.text},{record.label}" for record in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
