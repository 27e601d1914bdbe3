"""Transformer-XL as a language model: the recipes have the published constants and train."""

from typing import Any

import numpy as np
import pytest
import torch
from small_text import COMMON, write_text
from tiny_runs import assert_same_bits, metrics, saved_tensors, set_cap

from bothways.assembly import build_model, num_parameters
from bothways.checks import check
from bothways.dry_run import made_up_vocabulary
from bothways.interop.folder import read_model
from bothways.model.heads import AdaptiveHead
from bothways.model.settings import SIZES
from bothways.pretrain import pretrain
from bothways.recipe import resolve
from bothways.recipe_files import names

STEPS = 3
NAMES = [name for name in names() if name.startswith("transformer-xl")]

PUBLISHED = {
    # layers, width, heads, inner size; row and memory; rows a step, steps; when scored: window, memory, clamp
    "transformer-xl-enwik8": ((12, 512, 8, 2048), 512, (22, 400_000), (82, 2100, 820)),
    "transformer-xl-large": ((18, 1024, 16, 4096), 384, (128, 4_000_000), (130, 1600, 1000)),
    "transformer-xl-wt103": ((16, 410, 10, 2100), 150, (60, 200_000), (66, 640, 400)),
}


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return write_text(tmp_path_factory.mktemp("transformer-xl") / "text")


def test_there_is_one_of_every_size_and_two_published_ones() -> None:
    assert set(NAMES) == {"transformer-xl", *PUBLISHED} | {f"transformer-xl-{size}" for size in SIZES}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_constants_are_those_of_the_released_scripts(name: str) -> None:
    recipe = resolve(name)
    backbone, training, evaluation = recipe.backbone, recipe.training, recipe.evaluation
    shape, memory, budget, scored = PUBLISHED[name]
    assert (backbone.layers, backbone.width, backbone.heads, backbone.feed_forward) == shape
    assert (recipe.format.length, recipe.format.reuse, backbone.memory) == (memory,) * 3
    assert (training.batch, training.steps) == budget
    assert (evaluation.window, evaluation.memory, evaluation.clamp) == scored
    assert evaluation.same_length
    assert not backbone.same_length
    dropout = (0.2, 0.2) if name == "transformer-xl-large" else (0.1, 0.0)
    assert (backbone.activation, backbone.dropout, backbone.attention_dropout) == ("relu", *dropout)
    optimizer = training.optimizer
    assert (optimizer.learning_rate, optimizer.weight_decay, optimizer.clip) == (2.5e-4, 0.0, 0.25)
    warmup = 0.004 if name == "transformer-xl-large" else 0
    assert (training.schedule.kind, training.schedule.warmup) == ("cosine", warmup)


def test_the_model_of_whole_words_has_the_published_size() -> None:
    recipe = resolve("transformer-xl-wt103")
    assert recipe.backbone.cutoffs == (20_000, 40_000, 200_000)
    assert recipe.tokenizer.published_vocabulary == 267_735
    with torch.device("meta"):
        model = build_model(recipe, None, made_up_vocabulary(267_735))
    assert round(num_parameters(model) / 1e6) == 151


def test_a_softmax_of_clusters_of_whole_words_trains_resumes_and_is_read_back(text, tmp_path, monkeypatch):
    place = [f"data.train='{text}'", f"data.shards='{text}-clusters'", "backbone.cutoffs=[14, 22]"]
    words = [*COMMON, "format.reuse=32", "backbone.memory=32", *place, f"training.steps={STEPS}"]
    recipe = resolve("transformer-xl-wt103", words)
    whole = pretrain(recipe, tmp_path / "whole", quiet=True)
    set_cap(monkeypatch, STEPS - 1)
    pretrain(recipe, tmp_path / "cut", quiet=True)
    monkeypatch.delenv("BOTHWAYS_MAX_STEPS")
    pretrain(recipe, tmp_path / "cut", quiet=True, resume=True)
    last = f"checkpoints/step-{STEPS:08d}"
    assert_same_bits(saved_tensors(tmp_path / "cut" / last), saved_tensors(tmp_path / "whole" / last))
    model, missing = read_model(whole.checkpoint)
    assert missing == []
    assert isinstance(model.objective.head, AdaptiveHead)
    assert model.objective.head.ranges == [(14, 22), (22, model.vocabulary.size)]
    assert all(np.isfinite(line["loss"]) for line in metrics(tmp_path / "whole"))


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_goes_together_and_trains(name: str, text: Any, tmp_path: Any) -> None:
    whole = resolve(name)
    check(whole)
    assert (whole.objective.kind, whole.format.rows) == ("causal", "plain")
    tokenizer = whole.tokenizer
    place = [f"data.train='{text}'", f"data.shards='{text}-{tokenizer.kind}-{tokenizer.vocabulary}'"]
    words = [*COMMON, "format.reuse=32", "backbone.memory=32", *place, f"training.steps={STEPS}"]
    done = pretrain(resolve(name, words), tmp_path / "run", quiet=True)
    assert done.steps == STEPS
    assert len(metrics(tmp_path / "run")) == STEPS
    assert set(done.held_out) == {"left_to_right_nats"}
