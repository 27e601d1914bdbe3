"""Which parameters form a group: what decays, and how fast each depth learns.

BERT and XLNet both leave layer normalisation and biases out of the decay (`AdamWeightDecayOptimizer` in the
code released with each).
"""

import re
from collections.abc import Callable, Iterable
from typing import Annotated, Any

from pydantic import Field, field_validator
from torch import Tensor, nn

from bothways.config import Settings

Group = dict[str, Any]
"""What PyTorch calls a parameter group; `params` holds (name, parameter) pairs until an optimizer takes it over."""

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
BLOCK = re.compile(r"(?:.*\.)?blocks\.(\d+)\.")
EMBEDDINGS = re.compile(r"(?:.*\.)?(?:embeddings|projection|look)\.")


class OptimizerSettings(Settings):
    """How weights follow gradients, whatever the rule. The defaults are BERT's (Devlin et al. 2019, appendix A.2)."""

    kind: str
    """The rule."""
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
    layer_decay: float = Field(default=1.0, gt=0, le=1)
    """Learning rate of each depth as a share of that of the next: heads in full, embeddings least; 1.0 is one rate."""

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


def depth(name: str, blocks: int) -> int:
    """Return how far from the text a parameter lies: 0 embeddings, 1 to `blocks` the blocks, one more all above.

    What all blocks share (MPNet's biases by distance) lies as near as embeddings: the first block needs it.
    """
    if block := BLOCK.match(name):
        return int(block[1]) + 1
    return 0 if EMBEDDINGS.match(name) else blocks + 1


def num_blocks(names: Iterable[str]) -> int:
    """Return how many blocks the names of a model's parameters count."""
    return max((int(block[1]) + 1 for name in names if (block := BLOCK.match(name))), default=0)


def parameter_groups(
    named_parameters: Iterable[tuple[str, nn.Parameter]], settings: OptimizerSettings
) -> list[Group]:
    """Split the trainable parameters by what decays and by their learning rate, the highest rate first.

    A parameter `n` depths below the heads learns at `layer_decay`ⁿ times the rate (layer-wise decay of Yang
    et al. 2019, appendix A). XLNet's released code multiplies the *gradient* by that factor before Adam, and Adam
    divides it out again but for its epsilon; here it is the group's learning rate.

    `params` holds (name, parameter) pairs, so that the optimizer's state can be saved by name.
    """
    named = list(named_parameters)
    blocks = num_blocks(name for name, _ in named)
    groups: dict[tuple[float, bool], list[tuple[str, nn.Parameter]]] = {}
    for name, parameter in named:
        if parameter.requires_grad:
            factor = settings.layer_decay ** (blocks + 1 - depth(name, blocks))
            groups.setdefault((factor, decays(name, parameter, settings)), []).append((name, parameter))
    return [
        {
            "params": groups[factor, is_decaying],
            "lr": settings.learning_rate * factor,
            "weight_decay": settings.weight_decay if is_decaying else 0.0,
            "is_decaying": is_decaying,
        }
        for factor, is_decaying in sorted(groups, reverse=True)
    ]


def split(groups: Iterable[Group], belongs: Callable[[str, Tensor], bool]) -> tuple[list[Group], list[Group]]:
    """Split every group into the parameters that belong and those that do not; empty groups are left out."""
    parts: tuple[list[Group], list[Group]] = ([], [])
    for group in groups:
        for part, wanted in zip(parts, (True, False), strict=True):
            pairs = [pair for pair in group["params"] if belongs(*pair) is wanted]
            if pairs:
                part.append(group | {"params": pairs})
    return parts
