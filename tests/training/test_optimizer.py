import math

import pytest
import torch
from torch import nn

from bothways.config import build
from bothways.errors import CheckpointError, UsageError
from bothways.training.optimizer import (
    OptimizerSettings,
    build_optimizer,
    decays,
    global_norm,
    optimizer_tensors,
    parameter_groups,
    restore_optimizer,
    set_learning_rate,
    update,
)


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
        ("heads.vocabulary.bias", (9,), False),
        ("heads.pair.weight", (2, 4), True),
        ("scale", (4,), False),
        ("bias", (4, 4), False),
    ],
)
def test_what_decays_is_this_table(name, shape, expected):
    assert decays(name, torch.zeros(shape), OptimizerSettings()) is expected


@pytest.mark.parametrize("kind", ["content", "position", "segment"])
def test_attention_biases_decay_on_request_as_in_the_released_xlnet(kind):
    settings = OptimizerSettings(decay_attention_biases=True)
    assert decays(f"attention.{kind}_bias", torch.zeros(2, 2), settings)
    assert not decays("attention.query.bias", torch.zeros(4), settings)


def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Embedding(7, 4), nn.LayerNorm(4), nn.Linear(4, 3))


def test_groups_hold_every_trainable_parameter_once():
    network = model()
    network[0].weight.requires_grad_(False)
    groups = parameter_groups(network.named_parameters(), OptimizerSettings(weight_decay=0.1))
    assert {group["weight_decay"]: [name for name, _ in group["params"]] for group in groups} == {
        0.1: ["2.weight"],
        0.0: ["1.weight", "1.bias", "2.bias"],
    }


def test_a_frozen_model_is_a_usage_error():
    with pytest.raises(UsageError, match="every parameter is frozen"):
        build_optimizer(model().requires_grad_(False).named_parameters(), OptimizerSettings())


def test_betas_come_from_a_yaml_list_and_stay_strict():
    assert build(OptimizerSettings, {"betas": [0.9, 0.98]}, "test").betas == (0.9, 0.98)
    for wrong in ([0.9], [0.9, 1.0], ["0.9", 0.98], [0.9, float("nan")]):
        with pytest.raises(UsageError, match="betas"):
            build(OptimizerSettings, {"betas": wrong}, "test")


def test_one_step_is_adam_with_decoupled_decay():
    settings = OptimizerSettings(learning_rate=0.1, betas=(0.9, 0.98), epsilon=1e-6, weight_decay=0.5)
    weight = nn.Parameter(torch.tensor([[2.0]], dtype=torch.float64))
    optimizer = build_optimizer([("weight", weight)], settings)
    weight.grad = torch.tensor([[3.0]], dtype=torch.float64)
    optimizer.step()
    # Bias correction makes the first step gradient / (|gradient| + epsilon).
    expected = 2.0 - 0.1 * 0.5 * 2.0 - 0.1 * 3.0 / (3.0 + 1e-6)
    assert weight.item() == pytest.approx(expected, abs=1e-12)


def test_the_fused_kernel_is_used_on_the_processor():
    assert all(
        group["fused"]
        for group in build_optimizer(model().named_parameters(), OptimizerSettings()).param_groups
    )


def test_the_schedule_scales_the_peak_of_every_group():
    optimizer = build_optimizer(model().named_parameters(), OptimizerSettings(learning_rate=0.2))
    optimizer.param_groups[0]["peak"] = 0.1
    set_learning_rate(optimizer, 0.5)
    assert [group["lr"] for group in optimizer.param_groups] == [0.05, 0.1]


def with_gradients(*values):
    parameters = [nn.Parameter(torch.zeros(1)) for _ in values]
    for parameter, value in zip(parameters, values, strict=True):
        parameter.grad = None if value is None else torch.tensor([value])
    return parameters


def moved(gradients, limit, norm=None, epsilon=1e3):
    """Take one update of plain parameters; with a huge epsilon Adam moves in proportion to the gradient."""
    parameters = with_gradients(*gradients)
    optimizer = build_optimizer(
        [(f"p{number}.weight", parameter) for number, parameter in enumerate(parameters)],
        OptimizerSettings(learning_rate=1.0, epsilon=epsilon, weight_decay=0.0),
    )
    update(optimizer, global_norm(parameters) if norm is None else torch.tensor(norm), limit)
    return [parameter.item() for parameter in parameters], optimizer


def test_the_norm_is_that_of_all_gradients_together():
    assert global_norm(with_gradients(3.0, None, 4.0)).item() == 5.0
    assert math.isnan(global_norm(with_gradients(float("nan"), 1.0)).item())
    assert math.isinf(global_norm(with_gradients(float("inf"), 1.0)).item())
    assert global_norm(with_gradients(None)).item() == 0.0


def test_clipping_scales_all_gradients_by_one_factor():
    clipped, _ = moved([3.0, None, 4.0], 1.0)
    plain, _ = moved([0.6, None, 0.8], None)
    assert clipped == pytest.approx(plain, rel=1e-4)
    assert clipped[0] < 0


@pytest.mark.parametrize("limit", [None, 10.0])
def test_small_gradients_and_no_limit_leave_gradients_as_they_are(limit):
    assert moved([3.0, 4.0], limit)[0] == pytest.approx([-3e-3, -4e-3], rel=1e-2)


@pytest.mark.parametrize("norm", [math.nan, math.inf])
def test_a_norm_that_is_not_finite_moves_nothing_and_counts_no_step(norm):
    weights, optimizer = moved([3.0, 4.0], 1.0, norm)
    assert weights == [0.0, 0.0]
    assert all(float(state["step"]) == 0 for state in optimizer.state.values())
    assert all(not state["exp_avg"].any() for state in optimizer.state.values())


def train(network, optimizer, steps, seed):
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        tokens = torch.randint(0, 7, (5,), generator=generator)
        network(tokens).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()


def test_a_restored_optimizer_continues_bit_for_bit():
    settings = OptimizerSettings(learning_rate=0.01)
    network = model()
    optimizer = build_optimizer(network.named_parameters(), settings)
    train(network, optimizer, 3, seed=1)
    weights = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    tensors = {name: tensor.clone() for name, tensor in optimizer_tensors(optimizer).items()}
    train(network, optimizer, 3, seed=2)

    resumed = model()
    resumed.load_state_dict(weights)
    second = build_optimizer(resumed.named_parameters(), settings)
    restore_optimizer(second, tensors | {"memory.0": torch.zeros(2)})
    train(resumed, second, 3, seed=2)
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name])
    for name, tensor in optimizer_tensors(optimizer).items():
        assert torch.equal(tensor, optimizer_tensors(second)[name])


def test_the_state_is_named_by_parameter():
    network = model()
    optimizer = build_optimizer(network.named_parameters(), OptimizerSettings())
    assert optimizer_tensors(optimizer) == {}
    train(network, optimizer, 1, seed=0)
    names = optimizer_tensors(optimizer).keys()
    assert "optimizer.2.weight.exp_avg" in names
    assert len(names) == 3 * len(list(network.parameters()))


def test_settings_of_the_new_recipe_win_over_those_saved():
    network = model()
    optimizer = build_optimizer(network.named_parameters(), OptimizerSettings(learning_rate=0.5))
    train(network, optimizer, 1, seed=0)
    second = build_optimizer(network.named_parameters(), OptimizerSettings(learning_rate=0.25))
    restore_optimizer(second, optimizer_tensors(optimizer))
    assert {group["lr"] for group in second.param_groups} == {0.25}


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("optimizer.3.weight.exp_avg", (2, 2), "which this model lacks"),
        ("optimizer.2.weight.exp_avg", (9, 9), "shape"),
    ],
)
def test_another_models_state_is_refused(name, shape, message):
    optimizer = build_optimizer(model().named_parameters(), OptimizerSettings())
    with pytest.raises(CheckpointError, match=message):
        restore_optimizer(optimizer, {name: torch.zeros(shape)})
