"""AdamW with decoupled weight decay (Loshchilov & Hutter 2019), and the table of what decays.

BERT and XLNet both leave layer normalisation and biases out of the decay (`AdamWeightDecayOptimizer` in the
code released with each). Nothing here waits for the device: the gradient norm comes back as a tensor.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from bothways.config import Settings
from bothways.errors import CheckpointError, UsageError

DECAYS: tuple[tuple[str, str, bool], ...] = (
    # what it is                    name, read from the front; first match wins     decays
    ("attention bias (XLNet)", r"(^|.*[._])(content|position|segment)_bias$", False),
    ("normalisation", r"(^|.*\.)[^.]*norm[^.]*\.(weight|bias)$", False),
    ("bias", r"(^|.*[._])bias$", False),
    ("probe vector (XLNet)", r"(^|.*\.)probe$", True),
)
"""Anything else decays when it is a matrix or an embedding table (two dimensions or more), a vector does not.

XLNet's released code (2019) decays the probe vector, and the attention biases too, see the settings."""

ATTENTION_BIAS = DECAYS[0][0]
PREFIX = "optimizer"


class OptimizerSettings(Settings):
    """How weights follow gradients. The defaults are BERT's (Devlin et al. 2019, appendix A.2)."""

    kind: Literal["adamw"] = "adamw"
    """The rule: Adam with decoupled weight decay."""
    learning_rate: float = Field(default=1e-4, gt=0)
    """Peak step size, per step; the schedule scales it."""
    # Strict pydantic takes no list for a tuple, and YAML has lists only; the two numbers stay strict.
    betas: Annotated[tuple[float, float], Field(strict=False)] = (0.9, 0.999)
    """How slowly the running means of the gradient and of its square forget, each in [0, 1)."""
    epsilon: float = Field(default=1e-6, gt=0)
    """Added to the root of the second moment; 1e-6 in BERT's released code."""
    weight_decay: float = Field(default=0.01, ge=0)
    """Share of a decaying weight removed per step, times the learning rate."""
    clip: float | None = Field(default=1.0, gt=0)
    """Largest global norm of all gradients together; null turns clipping off (as RoBERTa does)."""
    decay_attention_biases: bool = False
    """Whether XLNet's content, position and segment biases decay, as in its released code (2019)."""

    @field_validator("betas")
    @classmethod
    def _are_shares(cls, betas: tuple[float, float]) -> tuple[float, float]:
        if not all(0 <= beta < 1 for beta in betas):
            raise ValueError("both must be at least 0 and below 1")
        return betas


def decays(name: str, parameter: Tensor, settings: OptimizerSettings) -> bool:
    """Say whether weight decay applies to a parameter, by the table `DECAYS` and then by its shape."""
    for what, pattern, answer in DECAYS:
        if re.match(pattern, name, re.IGNORECASE):
            return settings.decay_attention_biases if what == ATTENTION_BIAS else answer
    return parameter.dim() >= 2


def parameter_groups(
    named_parameters: Iterable[tuple[str, nn.Parameter]], settings: OptimizerSettings
) -> list[dict[str, Any]]:
    """Split the trainable parameters into those that decay and those that do not; empty groups are left out.

    `params` holds (name, parameter) pairs, so that the optimizer's state can be saved by name.
    """
    decayed: list[tuple[str, nn.Parameter]] = []
    spared: list[tuple[str, nn.Parameter]] = []
    for name, parameter in named_parameters:
        if parameter.requires_grad:
            (decayed if decays(name, parameter, settings) else spared).append((name, parameter))
    groups = [
        {"params": decayed, "weight_decay": settings.weight_decay},
        {"params": spared, "weight_decay": 0.0},
    ]
    return [group | {"lr": settings.learning_rate} for group in groups if group["params"]]


def build_optimizer(
    named_parameters: Iterable[tuple[str, nn.Parameter]], settings: OptimizerSettings
) -> torch.optim.AdamW:
    """Build AdamW over the groups of `parameter_groups`, in one fused kernel, as `update` needs it."""
    groups = parameter_groups(named_parameters, settings)
    if not groups:
        raise UsageError("nothing to train: every parameter is frozen; leave at least one trainable")
    optimizer = torch.optim.AdamW(
        groups,
        lr=settings.learning_rate,
        betas=settings.betas,
        eps=settings.epsilon,
        weight_decay=settings.weight_decay,
        fused=True,
    )
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


def update(optimizer: torch.optim.AdamW, norm: Tensor, limit: float | None) -> None:
    """Move the weights by gradients whose global `norm` is clipped to `limit`; not at all if it is not finite.

    Clipping is one factor for all gradients, and the fused kernel takes a factor and a veto along, as tensors: there
    is no pass of its own, and nothing waits for the device. None does not clip.
    """
    too_long = torch.ones_like(norm) if limit is None else ((norm + 1e-6) / limit).clamp_min(1.0)
    optimizer.grad_scale = too_long  # type: ignore[attr-defined]
    optimizer.found_inf = (~torch.isfinite(norm)).float()  # type: ignore[attr-defined]
    optimizer.step()


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the optimizer's state by parameter name: `optimizer.<name>.<exp_avg | exp_avg_sq | step>`."""
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
