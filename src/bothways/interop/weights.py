"""`model.safetensors`: our parameters under their Hugging Face names, and back."""

from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from bothways.errors import CheckpointError
from bothways.model.names import Names, all_ours, all_theirs

WEIGHTS = "model.safetensors"
BESIDE = "bothways.safetensors"
"""Parameters that have no place in the Hugging Face layout, such as a pair head on XLNet, under our names."""


def write_weights(folder: Path, parameters: Mapping[str, Tensor], names: Names, heads: int) -> None:
    """Write our `parameters` (as `encoder.…`, `objective.…`) into a Hugging Face folder."""
    held = {name: tensor.detach().to("cpu", torch.float32).clone() for name, tensor in parameters.items()}
    theirs = all_theirs(held, names, heads)
    beside = {name: tensor for name, tensor in held.items() if names.theirs(name) is None}
    safetensors.torch.save_file(theirs, folder / WEIGHTS, metadata={"format": "pt"})
    if beside:
        safetensors.torch.save_file(beside, folder / BESIDE)


def read_weights(folder: Path, names: Names, heads: int) -> dict[str, Tensor]:
    """Return a folder's parameters under our names; tensors that we have no use for are left out."""
    try:
        theirs = safetensors.torch.load_file(folder / WEIGHTS)
        beside = safetensors.torch.load_file(folder / BESIDE) if (folder / BESIDE).is_file() else {}
    except FileNotFoundError:
        raise CheckpointError(
            f"{folder} has no {WEIGHTS}; save the model as one safetensors file first "
            "(transformers: save_pretrained with a large max_shard_size)"
        ) from None
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{folder}/{WEIGHTS} cannot be read: {error}; use another copy") from None
    prefix = _prefix(theirs, names)
    whole = {prefix + _modern(name): tensor.float() for name, tensor in theirs.items()}
    return beside | all_ours(whole, names, heads)


def _modern(name: str) -> str:
    """Rename what TensorFlow conversions called `gamma` and `beta`."""
    return name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")


def _prefix(theirs: Mapping[str, Tensor], names: Names) -> str:
    """Return what a bare encoder's names lack: `AutoModel` saves them without `bert.` or `transformer.`."""
    base = names.rows[0][1].split(".")[0] + "."
    return "" if any(name.startswith(base) for name in theirs) else base
