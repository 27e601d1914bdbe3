"""What the loop does with an optimizer, whichever it is: build, schedule, update, write down and restore.

Nothing here waits for the device: the gradient norm comes back as a tensor.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from bothways.errors import CheckpointError, UsageError
from bothways.training.adamw import AdamWSettings, build_adamw
from bothways.training.groups import Group, OptimizerSettings, parameter_groups
from bothways.training.lamb import LambSettings, build_lamb
from bothways.training.muon import MuonSettings, build_muon

OPTIMIZERS: dict[str, tuple[type[OptimizerSettings], Callable[[list[Group], Any], torch.optim.Optimizer]]] = {
    "adamw": (AdamWSettings, build_adamw),
    "lamb": (LambSettings, build_lamb),
    "muon": (MuonSettings, build_muon),
}
"""Kind -> its settings, and what is built from (groups, settings)."""

PREFIX = "optimizer"


def build_optimizer(
    named_parameters: Iterable[tuple[str, nn.Parameter]], settings: OptimizerSettings
) -> torch.optim.Optimizer:
    """Build the optimizer of the settings' kind over the groups of `parameter_groups`."""
    groups = parameter_groups(named_parameters, settings)
    if not groups:
        raise UsageError("nothing to train: every parameter is frozen; leave at least one trainable")
    optimizer = OPTIMIZERS[settings.kind][1](groups, settings)
    for group in optimizer.param_groups:
        group["peak"] = group["lr"]
    return optimizer


def set_learning_rate(optimizer: torch.optim.Optimizer, share: float) -> None:
    """Set every group's learning rate to `share` of its own peak."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * share


def global_norm(parameters: Iterable[nn.Parameter]) -> Tensor:
    """Return the norm of all gradients together, float [] on their device."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    return torch.nn.utils.get_total_norm(gradients) if gradients else torch.zeros(())


def update(optimizer: torch.optim.Optimizer, norm: Tensor, limit: float | None) -> None:
    """Move the weights by gradients whose global `norm` is clipped to `limit`; not at all if it is not finite.

    Clipping is one factor for all gradients, and every rule takes a factor and a veto along, as tensors, under the
    names by which PyTorch's fused kernels know them: nothing waits for the device. None does not clip.
    """
    too_long = torch.ones_like(norm) if limit is None else ((norm + 1e-6) / limit).clamp_min(1.0)
    optimizer.grad_scale = too_long  # type: ignore[attr-defined]
    optimizer.found_inf = (~torch.isfinite(norm)).float()  # type: ignore[attr-defined]
    optimizer.step()


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the optimizer's state by parameter name: `optimizer.<name>.<exp_avg | momentum_buffer | step | ...>`."""
    return {
        f"{PREFIX}.{name}.{key}": value
        for group in optimizer.param_groups
        for name, parameter in zip(group["param_names"], group["params"], strict=True)
        for key, value in optimizer.state.get(parameter, {}).items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Set the optimizer's state to what `optimizer_tensors` returned; names without its prefix are ignored.

    Learning rate, decay and the other settings stay as the optimizer was built. Raises `CheckpointError` when
    the tensors belong to other parameters than the optimizer's.
    """
    found: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith(f"{PREFIX}."):
            parameter, _, key = name.removeprefix(f"{PREFIX}.").rpartition(".")
            found.setdefault(parameter, {})[key] = tensor
    names = [name for group in optimizer.param_groups for name in group["param_names"]]
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for name, parameter in zip(names, parameters, strict=True):
        _check_shapes(name, parameter, found.get(name, {}))
    if unknown := sorted(found.keys() - set(names)):
        raise CheckpointError(
            f"the saved optimizer has a state for {unknown[0]!r}, which this model lacks; "
            "resume with the recipe that wrote the checkpoint"
        )
    # Going through PyTorch's own loading puts each tensor where the fused kernel wants it.
    state = optimizer.state_dict()
    state["state"] = {number: found[name] for number, name in enumerate(names) if name in found}
    optimizer.load_state_dict(state)


def _check_shapes(name: str, parameter: Tensor, saved: Mapping[str, Tensor]) -> None:
    for key, tensor in saved.items():
        if tensor.dim() > 0 and tensor.shape != parameter.shape:
            raise CheckpointError(
                f"the saved {key} of {name!r} has shape {list(tensor.shape)}, the model's "
                f"has {list(parameter.shape)}; resume with the recipe that wrote it"
            )
