"""Muon and AdamW in one optimizer do what PyTorch's two do apart."""

import pytest
import torch
from tiny_runs import MODELS, make_run
from torch import nn

from bothways.training.muon import MuonSettings, is_matrix
from bothways.training.optimizer import build_optimizer, set_learning_rate, update

SETTINGS = MuonSettings(learning_rate=0.02, weight_decay=0.1, momentum=0.9, betas=(0.9, 0.98), iterations=4)
SHAPES = {
    "encoder.embeddings.tokens.weight": (9, 4),
    "encoder.blocks.0.attention.query.weight": (4, 4),
    "encoder.blocks.0.attention.query.bias": (4,),
    "encoder.blocks.0.attention.content_bias": (2, 2),
    "encoder.blocks.0.attention_norm.weight": (4,),
    "encoder.blocks.0.feed_forward.inner.weight": (8, 4),
    "objective.head.dense.weight": (4, 4),
}
MATRICES = ["encoder.blocks.0.attention.query.weight", "encoder.blocks.0.feed_forward.inner.weight"]


def draw_parameters():
    generator = torch.Generator().manual_seed(0)
    return {name: nn.Parameter(torch.randn(shape, generator=generator)) for name, shape in SHAPES.items()}


def draw_gradients(parameters, seed):
    generator = torch.Generator().manual_seed(seed)
    for parameter in parameters.values():
        parameter.grad = torch.randn(parameter.shape, generator=generator)


def test_the_steps_are_those_of_both_optimizers_apart():
    ours, theirs = draw_parameters(), draw_parameters()
    optimizer = build_optimizer(ours.items(), SETTINGS)
    muon = torch.optim.Muon(
        [theirs[name] for name in MATRICES],
        lr=0.02,
        weight_decay=0.1,
        momentum=0.9,
        ns_steps=4,
        adjust_lr_fn="match_rms_adamw",
    )
    decaying = ["encoder.embeddings.tokens.weight", "objective.head.dense.weight"]
    spared = [name for name in SHAPES if name not in MATRICES + decaying]
    adamw = torch.optim.AdamW(
        [
            {"params": [theirs[name] for name in decaying], "weight_decay": 0.1},
            {"params": [theirs[name] for name in spared], "weight_decay": 0.0},
        ],
        lr=0.02,
        betas=(0.9, 0.98),
        eps=SETTINGS.epsilon,
        fused=True,
    )
    for step in range(5):
        rate = 1.0 - step / 10
        set_learning_rate(optimizer, rate)
        for group in muon.param_groups + adamw.param_groups:
            group["lr"] = 0.02 * rate
        draw_gradients(ours, step)
        draw_gradients(theirs, step)
        update(optimizer, torch.tensor(1.0), None)
        muon.step()
        adamw.step()
    for name, parameter in ours.items():
        assert torch.equal(parameter, theirs[name]), name


@pytest.mark.parametrize("model", MODELS)
def test_muon_takes_the_matrices_of_the_blocks_and_nothing_else(model, tmp_path):
    encoder = make_run(model, tmp_path, steps=1).encoder
    named = [(f"encoder.{name}", parameter) for name, parameter in encoder.named_parameters()]
    taken = {name.split(".", 3)[3] for name, parameter in named if is_matrix(name, parameter)}
    attention = {f"attention.{part}.weight" for part in ("query", "key", "value", "output")}
    inner = {"feed_forward.inner.weight", "feed_forward.outer.weight"}
    assert taken == attention | inner | ({"attention.distance.weight"} if model == "xlnet" else set())


@pytest.mark.parametrize("names", [MATRICES, ["objective.head.dense.weight"]])
def test_either_rule_may_have_nothing_to_do(names):
    parameters = {name: value for name, value in draw_parameters().items() if name in names}
    before = {name: value.detach().clone() for name, value in parameters.items()}
    optimizer = build_optimizer(parameters.items(), SETTINGS)
    draw_gradients(parameters, 1)
    update(optimizer, torch.tensor(1.0), None)
    assert not any(torch.equal(before[name], value) for name, value in parameters.items())
