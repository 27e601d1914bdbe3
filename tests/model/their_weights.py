"""Our parameters in a transformers model, and its gradients under our names."""

import torch
from torch import Tensor, nn

from bothways.interop.folder import names_of
from bothways.model.encoder import Encoder
from bothways.model.names import all_ours, all_theirs
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
    names, heads = names_of(encoder.settings), encoder.settings.heads
    parameters = {name: value.detach() for name, value in named_parameters(encoder, objective).items()}
    assert [name for name in parameters if names.theirs(name) is None] == []
    state = all_theirs(parameters, names, heads)
    expected = {name for name, _ in theirs.named_parameters()}
    assert set(state) == expected
    theirs.load_state_dict(state, strict=False)
    theirs.eval()


def gradients_of(theirs: nn.Module, encoder: Encoder) -> dict[str, Tensor]:
    """Return the gradients of a transformers model, arranged and named as ours."""
    gradients = {
        name: torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        for name, parameter in theirs.named_parameters()
    }
    return all_ours(gradients, names_of(encoder.settings), encoder.settings.heads)


def largest_difference(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> float:
    """Return the largest absolute difference over tensors of the same names."""
    assert set(ours) == set(theirs)
    return max(float((ours[name] - theirs[name]).abs().max()) for name in ours)
