"""The plan: which tiny models the claims are measured on, each trained once and kept.

A variant is what a recipe changes in the plan's defaults, with the key `language` the language that it reads, and with
`documents` how much of it. Two claims that name the same settings share their models: a model is known by the digest of
its recipe and its text.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bothways import files
from bothways.checks import check
from bothways.claims.language import Language
from bothways.claims.side_by_side import side_by_side
from bothways.config import build
from bothways.evaluate import Subject
from bothways.pretrain import prepared_text, pretrain
from bothways.recipe import Recipe
from bothways.recipe_files import merge_layers
from bothways.trained import load
from bothways.training.metrics import duration

Say = Callable[[str], None]
Variant = Mapping[str, Any]

DOCUMENTS = 20_000
"""Documents of three sentences that a language is learned from, unless a variant says; longer ones are fewer."""
_OF_TEXT = ("language", "documents")
"""The keys of a variant that are not a recipe's."""
QUICK = 3
"""A quick look trains for a third of the steps."""
ROW = 26
"""Slots of a row: a document of three sentences of eight words between CLS and SEP."""

DEFAULTS: dict[str, Any] = {
    "tokenizer": {"kind": "word"},
    "format": {"kind": "packed", "length": ROW},
    "objective": {"kind": "masked"},
    "backbone": {
        "kind": "bert",
        "layers": 2,
        "width": 64,
        "heads": 4,
        "feed_forward": 256,
        "dropout": 0.0,
        "attention_dropout": 0.0,
        # Between the published 0.02, of a width of 768, and 1/8, that of 64: else relations across a name come late.
        "initial_deviation": 0.05,
        "initial_positions": "sinusoidal",
    },
    "training": {
        "steps": 2000,
        "batch": 32,
        "optimizer": {"learning_rate": 2e-3},
        "device": "cpu",
        "precision": "float32",
        "threads": 1,
        "compile": False,
        "evaluate_every": None,
        "save_every": None,
        "log_every": 50,
        "keep": 1,
    },
}
"""What every variant starts from. All models are of one size, so that only what is claimed differs."""

BACKBONES: dict[str, dict[str, Any]] = {
    "bert": DEFAULTS["backbone"],
    "xlnet": {
        **{name: value for name, value in DEFAULTS["backbone"].items() if name != "initial_positions"},
        "kind": "transformer_xl",
    },
}
"""The tiny encoders, for variants that name another."""

MASKED: dict[str, Any] = {}
CAUSAL: dict[str, Any] = {"objective": {"kind": "causal"}}
ALL_MASKED: dict[str, Any] = {"objective": {"mask_share": 1.0, "random_share": 0.0}}
XLNET: dict[str, Any] = {"objective": {"kind": "permutation"}, "backbone": BACKBONES["xlnet"]}
"""BERT's, GPT's and XLNet's way to learn, on the plan's language: the models that most claims share."""


@dataclass(frozen=True)
class Job:
    """One model to train."""

    recipe: Recipe
    folder: Path
    """Its run folder, known by what decides the model."""


def train(
    variants: Mapping[str, Variant],
    seeds: Sequence[int],
    folder: Path,
    say: Say = lambda _line: None,
    *,
    quick: bool = False,
) -> dict[str, list[Path]]:
    """Return the run folders of every variant, one a seed; those that are not in `folder` yet are trained.

    As many are trained at a time as there are processors. Raises every `BothwaysError` of `pretrain`.
    """
    jobs = {
        name: [job(variant, seed, folder, name=name, quick=quick) for seed in seeds]
        for name, variant in variants.items()
    }
    wanted = {
        each.folder: each for of_variant in jobs.values() for each in of_variant if not each.folder.exists()
    }
    for each in wanted.values():
        prepared_text(each.recipe, lambda _line: None)
    if wanted:
        say(
            f"{len(wanted)} models to train in {folder}; given the same --out, an interrupted command goes on"
        )
    began = time.monotonic()
    titled = {f"{each.recipe.name}, seed {each.recipe.seed}": each for each in wanted.values()}
    for done, (title, _) in enumerate(side_by_side(_train, titled), start=1):
        left = (time.monotonic() - began) / done * (len(wanted) - done)
        say(f"  {done} of {len(wanted)}: {title}" + (f" · about {duration(left)} left" if left else ""))
    return {name: [each.folder for each in of_variant] for name, of_variant in jobs.items()}


def load_subject(run: Path) -> Subject:
    """Return the model that a run ended with."""
    return load(run)[0]


def job(variant: Variant, seed: int, folder: Path, *, name: str = "claims", quick: bool = False) -> Job:
    """Return what a variant and a seed come to, its text written; `name` is what the run calls itself.

    Raises `UsageError` for settings that make no recipe.
    """
    language = Language(**variant.get("language", {}))
    count = variant.get("documents", max(100, DOCUMENTS * 3 // language.sentences))
    text = {**asdict(language), "documents": count}
    settings = {name: value for name, value in variant.items() if name not in _OF_TEXT}
    written = _written(language, count, folder / "languages" / _short(text))
    layers = [DEFAULTS, {"name": name, "seed": seed, "data": written}, settings]
    recipe = build(Recipe, merge_layers(layers), "a claim's variant")
    if quick and recipe.training.steps:
        shorter = recipe.training.model_copy(update={"steps": max(1, recipe.training.steps // QUICK)})
        recipe = recipe.model_copy(update={"training": shorter})
    check(recipe)
    decides = {"recipe": recipe.model_dump(mode="json", exclude={"name", "data"}), "text": text}
    return Job(recipe, folder / "models" / _short(decides))


def _written(language: Language, count: int, place: Path) -> dict[str, Any]:
    """Write `count` documents of a language, where they are not yet, and return the settings of the data."""
    text = place / "text.txt"
    if not text.exists():
        documents = language.documents(np.random.default_rng(0), count)
        # A line a sentence, so that pairs of segments meet where sentences do.
        files.write_text(text, "\n".join(f"{document.text}\n" for document in documents))
    return {"train": str(text), "documents": "paragraph", "shards": str(place / "shards"), "workers": 1}


def _short(value: object) -> str:
    return files.digest(json.dumps(value, sort_keys=True))[:12]


def _train(each: Job) -> None:
    """Train one model into its folder, which is there whole or not at all."""
    with files.folder_written_whole(each.folder) as partial:
        pretrain(each.recipe, partial, quiet=True)
