import math

import pytest
import torch
from torch import nn

from bothways.config import build
from bothways.errors import CheckpointError, UsageError
from bothways.training.adamw import AdamWSettings
from bothways.training.optimizer import (
    OPTIMIZERS,
    build_optimizer,
    global_norm,
    optimizer_tensors,
    restore_optimizer,
    set_learning_rate,
    update,
)
from bothways.training.settings import TrainingSettings

every_kind = pytest.mark.parametrize("kind", OPTIMIZERS)


def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Embedding(7, 4), nn.LayerNorm(4), nn.Linear(4, 3))


def test_a_frozen_model_is_a_usage_error():
    with pytest.raises(UsageError, match="every parameter is frozen"):
        build_optimizer(model().requires_grad_(False).named_parameters(), AdamWSettings())


def test_betas_come_from_a_yaml_list_and_stay_strict():
    assert build(AdamWSettings, {"betas": [0.9, 0.98]}, "test").betas == (0.9, 0.98)
    for wrong in ([0.9], [0.9, 1.0], ["0.9", 0.98], [0.9, float("nan")]):
        with pytest.raises(UsageError, match="betas"):
            build(AdamWSettings, {"betas": wrong}, "test")


def test_one_step_is_adam_with_decoupled_decay():
    settings = AdamWSettings(learning_rate=0.1, betas=(0.9, 0.98), epsilon=1e-6, weight_decay=0.5)
    weight = nn.Parameter(torch.tensor([[2.0]], dtype=torch.float64))
    optimizer = build_optimizer([("weight", weight)], settings)
    weight.grad = torch.tensor([[3.0]], dtype=torch.float64)
    optimizer.step()
    # Bias correction makes the first step gradient / (|gradient| + epsilon).
    expected = 2.0 - 0.1 * 0.5 * 2.0 - 0.1 * 3.0 / (3.0 + 1e-6)
    assert weight.item() == pytest.approx(expected, abs=1e-12)


def test_the_fused_kernel_is_used_on_the_processor():
    assert all(
        group["fused"] for group in build_optimizer(model().named_parameters(), AdamWSettings()).param_groups
    )


def test_the_schedule_scales_the_peak_of_every_group():
    optimizer = build_optimizer(model().named_parameters(), AdamWSettings(learning_rate=0.2))
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
        AdamWSettings(learning_rate=1.0, epsilon=epsilon, weight_decay=0.0),
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


def settings_of(kind, **values):
    return OPTIMIZERS[kind][0](**values)


def deep_model():
    """A block with matrices, which Muon takes, under what it does not take."""
    torch.manual_seed(0)
    block = nn.Sequential(nn.Linear(4, 6), nn.LayerNorm(6), nn.Linear(6, 4))
    return nn.ModuleDict({"embeddings": nn.Embedding(7, 4), "blocks": nn.ModuleList([block])})


def step(network, optimizer, tokens, scale=1.0, clip=1.0):
    hidden = network["blocks"][0](network["embeddings"](tokens))
    (hidden.square().sum() * scale).backward()
    update(optimizer, global_norm(network.parameters()), clip)
    optimizer.zero_grad()


def state_of(network, optimizer):
    held = dict(network.state_dict()) | optimizer_tensors(optimizer)
    return {name: tensor.clone() for name, tensor in held.items()}


@every_kind
@pytest.mark.parametrize("scale", [math.nan, math.inf])
def test_a_gradient_that_is_not_finite_changes_no_weight_and_no_state(kind, scale):
    network, tokens = deep_model(), torch.arange(5)
    settings = settings_of(kind, learning_rate=0.01, weight_decay=0.1)
    optimizer = build_optimizer(network.named_parameters(), settings)
    step(network, optimizer, tokens)
    before = state_of(network, optimizer)
    step(network, optimizer, tokens, scale)
    after = state_of(network, optimizer)
    assert before.keys() == after.keys()
    assert [name for name in before if not torch.equal(before[name], after[name])] == []
    step(network, optimizer, tokens)
    assert all(torch.isfinite(tensor).all() for tensor in state_of(network, optimizer).values())


@every_kind
def test_a_first_step_that_is_not_finite_counts_for_nothing(kind):
    settings = settings_of(kind, learning_rate=0.01, weight_decay=0.1)
    ends = []
    for scales in ([1.0, 1.0], [math.nan, 1.0, 1.0]):
        network = deep_model()
        optimizer = build_optimizer(network.named_parameters(), settings)
        for scale in scales:
            step(network, optimizer, torch.arange(5), scale)
        ends.append(state_of(network, optimizer))
    assert [name for name in ends[0] if not torch.equal(ends[0][name], ends[1][name])] == []


@every_kind
def test_clipping_moves_as_gradients_of_the_limit_would(kind):
    states = []
    for clip in (0.5, None):
        network = deep_model()
        optimizer = build_optimizer(network.named_parameters(), settings_of(kind))
        network["blocks"][0](network["embeddings"](torch.arange(5))).square().sum().backward()
        norm = global_norm(network.parameters())
        if clip is None:
            for parameter in network.parameters():
                parameter.grad *= 0.5 / (norm + 1e-6)
        update(optimizer, norm, clip)
        states.append(state_of(network, optimizer))
    for name, tensor in states[0].items():
        torch.testing.assert_close(tensor, states[1][name], rtol=1e-4, atol=1e-6, msg=name)


@every_kind
def test_a_parameter_without_a_gradient_stays(kind):
    network = deep_model()
    network["unused"] = nn.Linear(4, 4)
    before = network["unused"].weight.clone()
    optimizer = build_optimizer(network.named_parameters(), settings_of(kind))
    step(network, optimizer, torch.arange(5))
    assert torch.equal(network["unused"].weight, before)
    assert not any("unused" in name for name in optimizer_tensors(optimizer))


@every_kind
@pytest.mark.parametrize("layer_decay", [1.0, 0.5])
def test_every_kind_restored_continues_bit_for_bit(kind, layer_decay):
    settings = settings_of(kind, learning_rate=0.01, layer_decay=layer_decay)
    network = deep_model()
    optimizer = build_optimizer(network.named_parameters(), settings)
    batches = [torch.tensor([number, 3, 6 - number]) for number in range(6)]
    for tokens in batches[:3]:
        step(network, optimizer, tokens)
    middle = state_of(network, optimizer)
    resumed = deep_model()
    resumed.load_state_dict({name: middle[name] for name in resumed.state_dict()})
    second = build_optimizer(resumed.named_parameters(), settings)
    restore_optimizer(second, middle)
    for tokens in batches[3:]:
        step(network, optimizer, tokens)
        step(resumed, second, tokens)
    wanted, found = state_of(network, optimizer), state_of(resumed, second)
    assert wanted.keys() == found.keys()
    assert [name for name in wanted if not torch.equal(wanted[name], found[name])] == []


@pytest.mark.gpu
@every_kind
def test_no_kind_waits_for_the_device(kind):
    network = deep_model().to("cuda")
    optimizer = build_optimizer(network.named_parameters(), settings_of(kind, layer_decay=0.5))
    tokens = torch.arange(5, device="cuda")
    step(network, optimizer, tokens)
    torch.cuda.set_sync_debug_mode("error")
    try:
        for scale in (1.0, math.nan):
            step(network, optimizer, tokens, scale)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@every_kind
def test_the_schedule_reaches_every_parameter_of_every_kind(kind):
    network = deep_model()
    optimizer = build_optimizer(network.named_parameters(), settings_of(kind, learning_rate=0.5))
    before = state_of(network, optimizer)
    set_learning_rate(optimizer, 0.0)
    step(network, optimizer, torch.arange(5))
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    set_learning_rate(optimizer, 1.0)
    step(network, optimizer, torch.arange(5))
    assert not any(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_the_kind_chooses_the_settings_and_adamw_is_meant_without_one():
    def chosen(**values):
        return build(TrainingSettings, {"optimizer": values}, "test").optimizer

    assert chosen(learning_rate=0.5) == AdamWSettings(learning_rate=0.5)
    for kind, (settings, _) in OPTIMIZERS.items():
        assert chosen(kind=kind) == settings()
    with pytest.raises(UsageError, match=r"unknown kind 'adam' of 'optimizer'; did you mean 'adamw'"):
        chosen(kind="adam")
    with pytest.raises(UsageError, match=r"unknown setting 'optimizer\.momentun'; did you mean 'momentum'"):
        chosen(kind="muon", momentun=0.9)
    with pytest.raises(UsageError, match=r"unknown setting 'optimizer\.momentum'"):
        chosen(momentum=0.9)


def train(network, optimizer, steps, seed):
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        tokens = torch.randint(0, 7, (5,), generator=generator)
        network(tokens).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()


def test_a_restored_optimizer_continues_bit_for_bit():
    settings = AdamWSettings(learning_rate=0.01)
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
    optimizer = build_optimizer(network.named_parameters(), AdamWSettings())
    assert optimizer_tensors(optimizer) == {}
    train(network, optimizer, 1, seed=0)
    names = optimizer_tensors(optimizer).keys()
    assert "optimizer.2.weight.exp_avg" in names
    assert len(names) == 3 * len(list(network.parameters()))


def test_settings_of_the_new_recipe_win_over_those_saved():
    network = model()
    optimizer = build_optimizer(network.named_parameters(), AdamWSettings(learning_rate=0.5))
    train(network, optimizer, 1, seed=0)
    second = build_optimizer(network.named_parameters(), AdamWSettings(learning_rate=0.25))
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
    optimizer = build_optimizer(model().named_parameters(), AdamWSettings())
    with pytest.raises(CheckpointError, match=message):
        restore_optimizer(optimizer, {name: torch.zeros(shape)})
