"""Our parameters in a transformers model, and its gradients under our names."""

import torch
from torch import Tensor, nn

from bothways.model.backbones import NAMES
from bothways.model.encoder import Encoder
from bothways.model.names import to_ours, to_theirs
from bothways.objectives.base import Objective


def named_parameters(encoder: Encoder, objective: Objective) -> dict[str, nn.Parameter]:
    """Return every parameter under the name that checkpoints give it."""
    return {
        f"{prefix}.{name}": parameter
        for prefix, module in (("encoder", encoder), ("objective", objective))
        for name, parameter in module.named_parameters()
    }


def copy_into(theirs: nn.Module, encoder: Encoder, objective: Objective) -> None:
    """Load our weights into a transformers model through the table of names; nothing may be left over."""
    names, heads = NAMES[encoder.settings.kind], encoder.settings.heads
    state = {}
    for name, parameter in named_parameters(encoder, objective).items():
        found = names.theirs(name)
        assert found is not None, name
        state[found[0]] = to_theirs(parameter.detach(), found[1], heads)
    expected = {name for name, _ in theirs.named_parameters()}
    assert set(state) == expected
    theirs.load_state_dict(state, strict=False)
    theirs.eval()


def gradients_of(theirs: nn.Module, encoder: Encoder) -> dict[str, Tensor]:
    """Return the gradients of a transformers model, arranged and named as ours."""
    names, heads = NAMES[encoder.settings.kind], encoder.settings.heads
    gradients = {}
    for name, parameter in theirs.named_parameters():
        found = names.ours(name)
        assert found is not None, name
        gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        gradients[found[0]] = to_ours(gradient, found[1], heads)
    return gradients


def largest_difference(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> float:
    """Return the largest absolute difference over tensors of the same names."""
    assert set(ours) == set(theirs)
    return max(float((ours[name] - theirs[name]).abs().max()) for name in ours)
