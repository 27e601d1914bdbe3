"""LAMB against its formulas, in NumPy and double precision."""

import numpy as np
import pytest
import torch
from torch import nn

from bothways.training.lamb import LambSettings, trust_ratios
from bothways.training.optimizer import build_optimizer, set_learning_rate, update

SHAPES = {"dense.weight": (5, 3), "dense.bias": (5,), "norm.weight": (3,), "zero.weight": (2, 2)}
STEPS = 7


def oracle(weights, gradients, rates, settings):
    """Algorithm 2 of You et al. 2020, line by line, with the exclusions of the released code."""
    first, second = ({name: np.zeros_like(value) for name, value in weights.items()} for _ in range(2))
    for t, (grads, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
        norm = np.sqrt(sum((value**2).sum() for value in grads.values())) + 1e-6
        for name, x in weights.items():
            g = grads[name] / max(1.0, norm / settings.clip)
            first[name] = settings.betas[0] * first[name] + (1 - settings.betas[0]) * g
            second[name] = settings.betas[1] * second[name] + (1 - settings.betas[1]) * g**2
            m, v = first[name], second[name]
            if settings.bias_correction:
                m, v = m / (1 - settings.betas[0] ** t), v / (1 - settings.betas[1] ** t)
            r = m / (np.sqrt(v) + settings.epsilon)
            ratio = 1.0
            if x.ndim > 1:
                r = r + settings.weight_decay * x
                length, reach = np.linalg.norm(x), np.linalg.norm(r)
                ratio = length / reach if length > 0 and reach > 0 else 1.0
            weights[name] = x - rate * ratio * r
    return weights


@pytest.mark.parametrize("bias_correction", [True, False])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 3e-6)])
def test_some_steps_are_those_of_the_paper(bias_correction, dtype, tolerance):
    draw = np.random.default_rng(0)
    settings = LambSettings(
        learning_rate=0.1, weight_decay=0.3, clip=2.0, bias_correction=bias_correction, betas=(0.9, 0.98)
    )
    weights = {name: draw.normal(size=shape) for name, shape in SHAPES.items()}
    weights["zero.weight"] *= 0
    gradients = [{name: draw.normal(size=shape) for name, shape in SHAPES.items()} for _ in range(STEPS)]
    shares = np.linspace(1.0, 0.2, STEPS).tolist()
    parameters = {name: nn.Parameter(torch.tensor(value, dtype=dtype)) for name, value in weights.items()}
    optimizer = build_optimizer(parameters.items(), settings)
    for grads, share in zip(gradients, shares, strict=True):
        for name, parameter in parameters.items():
            parameter.grad = torch.tensor(grads[name], dtype=dtype)
        set_learning_rate(optimizer, share)
        norm = torch.tensor(np.sqrt(sum((value**2).sum() for value in grads.values())), dtype=dtype)
        update(optimizer, norm, settings.clip)
    wanted = oracle(weights, gradients, [0.1 * share for share in shares], settings)
    for name, parameter in parameters.items():
        assert parameter.detach().numpy() == pytest.approx(wanted[name], rel=tolerance, abs=tolerance), name


def test_a_step_is_as_long_as_the_weight_whatever_the_gradient():
    for scale in (1e-3, 1.0, 1e3):
        weight = nn.Parameter(torch.tensor([[3.0, 4.0]]))
        settings = LambSettings(learning_rate=0.1, weight_decay=0.0, clip=None)
        optimizer = build_optimizer([("dense.weight", weight)], settings)
        weight.grad = torch.tensor([[1.0, -2.0]]) * scale
        before = weight.detach().clone()
        update(optimizer, torch.tensor(1.0), None)
        assert (weight - before).norm().item() == pytest.approx(0.1 * 5.0, rel=1e-4)


def test_a_ratio_of_nothing_is_one():
    pairs = [((3.0, 4.0), (0.0, 2.0)), ((0.0, 0.0), (1.0, 1.0)), ((1.0, 1.0), (0.0, 0.0))]
    weights, moves = ([torch.tensor(pair[side]) for pair in pairs] for side in (0, 1))
    assert trust_ratios(weights, moves).tolist() == [2.5, 1.0, 1.0]
