"""What decays, and how fast each depth learns."""

import pytest
import torch
from torch import nn

from bothways.config import build
from bothways.errors import UsageError
from bothways.training.adamw import AdamWSettings
from bothways.training.groups import decays, depth, num_blocks, parameter_groups


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        ("encoder.embeddings.tokens.weight", (9, 4), True),
        ("encoder.embeddings.positions.weight", (9, 4), True),
        ("encoder.blocks.0.attention.query.weight", (4, 4), True),
        ("encoder.blocks.0.attention.query.bias", (4,), False),
        ("encoder.blocks.0.attention.segments", (2, 2, 2), True),
        ("encoder.blocks.0.attention.content_bias", (2, 2), False),
        ("encoder.blocks.0.attention.position_bias", (2, 2), False),
        ("encoder.blocks.0.attention.segment_bias", (2, 2), False),
        ("encoder.blocks.0.attention_norm.weight", (4,), False),
        ("encoder.blocks.0.attention_norm.bias", (4,), False),
        ("encoder.embeddings.norm.weight", (4,), False),
        ("encoder.embeddings.LayerNorm.weight", (4,), False),
        ("encoder.embeddings.probe", (4,), True),
        ("encoder.look.distances.weight", (32, 4), True),
        ("heads.vocabulary.bias", (9,), False),
        ("heads.pair.weight", (2, 4), True),
        ("scale", (4,), False),
        ("bias", (4, 4), False),
    ],
)
def test_what_decays_is_this_table(name, shape, expected):
    assert decays(name, torch.zeros(shape), AdamWSettings()) is expected


@pytest.mark.parametrize("kind", ["content", "position", "segment"])
def test_attention_biases_decay_on_request_as_in_the_released_xlnet(kind):
    settings = AdamWSettings(decay_attention_biases=True)
    assert decays(f"attention.{kind}_bias", torch.zeros(2, 2), settings)
    assert not decays("attention.query.bias", torch.zeros(4), settings)


def test_groups_hold_every_trainable_parameter_once():
    network = nn.Sequential(nn.Embedding(7, 4), nn.LayerNorm(4), nn.Linear(4, 3))
    network[0].weight.requires_grad_(False)
    groups = parameter_groups(network.named_parameters(), AdamWSettings(weight_decay=0.1))
    assert {group["weight_decay"]: [name for name, _ in group["params"]] for group in groups} == {
        0.1: ["2.weight"],
        0.0: ["1.weight", "1.bias", "2.bias"],
    }


NAMES = (
    "encoder.embeddings.tokens.weight",
    "encoder.embeddings.norm.bias",
    "encoder.embeddings.probe",
    "encoder.look.distances.weight",
    "encoder.projection.weight",
    "encoder.blocks.0.attention.query.weight",
    "encoder.blocks.0.attention_norm.bias",
    "encoder.blocks.11.feed_forward.inner.weight",
    "encoder.final.weight",
    "objective.head.dense.weight",
    "objective.auxiliaries.sentence_pair.pooler.bias",
    "objective.generator.encoder.projection.bias",
    "objective.generator.encoder.blocks.11.attention.query.weight",
)
DEPTHS = (0, 0, 0, 0, 0, 1, 1, 12, 13, 13, 13, 0, 12)


def test_depth_counts_from_the_embeddings_to_the_heads():
    assert num_blocks(NAMES) == 12
    assert [depth(name, 12) for name in NAMES] == list(DEPTHS)


def test_each_depth_learns_at_a_share_of_the_next_whatever_decays():
    named = [(name, nn.Parameter(torch.zeros(2, 2))) for name in NAMES]
    groups = parameter_groups(named, AdamWSettings(learning_rate=0.1, layer_decay=0.8))
    rates = {name: group["lr"] for group in groups for name, _ in group["params"]}
    assert rates == pytest.approx(
        {name: 0.1 * 0.8 ** (13 - place) for name, place in zip(NAMES, DEPTHS, strict=True)}
    )
    # The log shows the rate of the first group.
    assert groups[0]["lr"] == 0.1
    spared = {name for group in groups if not group["is_decaying"] for name, _ in group["params"]}
    assert spared == {name for name in NAMES if name.endswith("bias")}


def test_without_layer_decay_there_are_two_groups():
    named = [(name, nn.Parameter(torch.zeros(2, 2))) for name in NAMES]
    assert len(parameter_groups(named, AdamWSettings())) == 2


@pytest.mark.parametrize("wrong", [0.0, 1.1])
def test_layer_decay_is_a_share(wrong):
    with pytest.raises(UsageError, match="layer_decay"):
        build(AdamWSettings, {"layer_decay": wrong}, "test")


def test_layer_decay_slows_a_layer_under_adam_where_scaling_its_gradient_would_not():
    deep, top = (nn.Parameter(torch.ones(1, 1)) for _ in range(2))
    named = [("encoder.blocks.0.deep.weight", deep), ("objective.top.weight", top)]
    groups = parameter_groups(named, AdamWSettings(learning_rate=0.1, layer_decay=0.5, weight_decay=0.0))
    optimizer = torch.optim.AdamW(groups, eps=1e-12)
    for scale in (1.0, 0.5):
        before = deep.item()
        deep.grad, top.grad = torch.full((1, 1), scale), torch.ones(1, 1)
        optimizer.state.clear()
        optimizer.step()
        assert before - deep.item() == pytest.approx(0.05, rel=1e-4)
    assert top.item() == pytest.approx(0.8, rel=1e-4)
