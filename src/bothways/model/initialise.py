"""The initial values of every parameter, in one place.

| parameter | law | source |
|---|---|---|
| matrices, embeddings | normal, mean 0, deviation `initial_deviation`, cut at two deviations | BERT's released code |
| linear biases, vocabulary bias | 0 | BERT's released code |
| normalisation weight, bias | 1, 0 | Ba et al. 2016 |
| BERT's positions, if `sinusoidal` | sines, cosines of that deviation, wavelengths 2π to 200π | ours |
| what ends in a residual sum, if pre-norm | the same, divided by √(2 · layers) | Radford et al. 2019, section 2.3 |
| XLNet's content, position, segment biases; segment vectors; probe vector | normal, as the matrices | XLNet's code |

XLNet's code draws its matrices from a normal that is not cut; at two deviations the cut removes 5% of the draws.
Its probe vector alone follows TensorFlow's default law there; we use the same normal as `transformers`.

Learned positions that begin as sinusoids stay learned; they only need not discover first that neighbours are alike,
which costs a small BERT most of a short run (docs/lab-notes.md, what a BERT learns in two minutes).
"""

import math

import torch
from torch import nn

from bothways.model.positions import sinusoids

WAVELENGTH_RATIO = 100
"""Between the longest and the shortest wavelength of sinusoidal initial positions."""


@torch.no_grad()
def initialise(module: nn.Module, deviation: float) -> None:
    """Draw every parameter of `module` anew from torch's global generator."""
    norms = {
        id(value)
        for part in module.modules()
        if isinstance(part, nn.LayerNorm)
        for value in part.parameters()
    }
    for name, parameter in module.named_parameters():
        if id(parameter) in norms:
            parameter.fill_(1.0 if name.endswith("weight") else 0.0)
        elif name.rsplit(".", 1)[-1] == "bias":
            parameter.zero_()
        else:
            nn.init.trunc_normal_(parameter, std=deviation, a=-2 * deviation, b=2 * deviation)


@torch.no_grad()
def shrink_residuals(blocks: nn.ModuleList) -> None:
    """Divide the last matrix of every sublayer by √(number of sublayers), so that their sum starts no larger."""
    for name, parameter in blocks.named_parameters():
        if name.endswith(("attention.output.weight", "feed_forward.outer.weight")):
            parameter.div_(math.sqrt(2 * len(blocks)))


@torch.no_grad()
def initialise_sinusoidal(positions: nn.Embedding, deviation: float) -> None:
    """Set learned positions [length, width] to sinusoids whose values have the given standard deviation."""
    length, width = positions.weight.shape
    waves = sinusoids(torch.arange(length, dtype=torch.float32), width, WAVELENGTH_RATIO)
    positions.weight.copy_(waves * deviation * math.sqrt(2))
