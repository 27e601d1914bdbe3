"""The initial values of every parameter, in one place.

| parameter | law | source |
|---|---|---|
| matrices, embeddings | normal, mean 0, deviation `initial_deviation`, cut at two deviations | BERT's released code |
| linear biases, vocabulary bias | 0 | BERT's released code |
| normalisation weight, bias | 1, 0 | Ba et al. 2016 |
| XLNet's content, position, segment biases; segment vectors; probe vector | normal, as the matrices | XLNet's code |

XLNet's code draws its matrices from a normal that is not cut; at two deviations the cut removes 5% of the draws.
Its probe vector alone follows TensorFlow's default law there; we use the same normal as `transformers`.
"""

import torch
from torch import nn


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
