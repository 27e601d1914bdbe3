"""The modern backbone computes what transformers' ModernBERT does: states, logits, losses and every gradient."""

import dataclasses

import pytest
import torch
from model_cases import PAD, VOCABULARY, make_encoder, make_objective, packed, pairs, rng
from parity import compare, every_precision
from torch import nn
from transformers import ModernBertConfig, ModernBertForMaskedLM
from transformers.models.modernbert import modeling_modernbert

from bothways.interop.modern import write_modern

LAYERS = 5
# Their eager attention takes its softmax in float32 whatever the weights are.
every_implementation = pytest.mark.parametrize(
    ("implementation", "dtype"),
    [("sdpa", torch.float32), ("eager", torch.float32), ("sdpa", torch.float64)],
    ids=str,
)


class ExactAngles(nn.Module):
    """Their cosines and sines in the dtype of the states; theirs are in float32 whatever the weights are."""

    def __init__(self, theirs: nn.Module) -> None:
        super().__init__()
        self.thetas = {kind: values["rope_theta"] for kind, values in theirs.config.rope_parameters.items()}
        self.head = theirs.config.hidden_size // theirs.config.num_attention_heads

    def forward(self, hidden, positions, kind):
        speeds = self.thetas[kind] ** (-torch.arange(0, self.head, 2, dtype=hidden.dtype) / self.head)
        angles = (positions[..., None] * speeds).repeat(1, 1, 2)
        return angles.cos(), angles.sin()


def exact_rotation(query, key, cosines, sines, unsqueeze_dim):
    """Their rotation without its way through float32."""
    cosines, sines = cosines.unsqueeze(unsqueeze_dim), sines.unsqueeze(unsqueeze_dim)
    quarter = modeling_modernbert.rotate_half
    return query * cosines + quarter(query) * sines, key * cosines + quarter(key) * sines


@pytest.fixture
def theirs(monkeypatch):
    """Return a function that builds their model beside an encoder of ours, exact in float64."""

    def build(encoder, dtype, implementation):
        config = ModernBertConfig(**write_modern(encoder.settings, VOCABULARY))
        model = ModernBertForMaskedLM._from_config(config, attn_implementation=implementation).to(dtype)
        assert model.config._attn_implementation == implementation
        if dtype == torch.float64:
            model.model.rotary_emb = ExactAngles(model)
            monkeypatch.setattr(modeling_modernbert, "apply_rotary_pos_emb", exact_rotation)
        return model

    return build


@every_implementation
@pytest.mark.parametrize("window", [2, 64])
def test_states_logits_losses_and_gradients_equal_those_of_transformers(
    window, implementation, dtype, theirs
):
    encoder = make_encoder("modern", dtype=dtype, layers=LAYERS, window=window)
    objective = make_objective("masked", encoder)
    batch = objective.corrupt(pairs(), rng())
    compare(encoder, objective, theirs(encoder, dtype, implementation), batch)


@every_precision
def test_positions_are_data_as_in_transformers(dtype, theirs):
    """Their window counts slots whatever positions are, so ours is as wide as the row."""
    encoder = make_encoder("modern", dtype=dtype, layers=LAYERS, window=64)
    objective = make_objective("masked", encoder)
    examples = packed()
    places = examples.positions
    examples.tokens[:, -2:] = PAD
    batch = objective.corrupt(dataclasses.replace(examples, documents=None), rng())
    assert (batch.positions.numpy() == places).all()
    compare(encoder, objective, theirs(encoder, dtype, "sdpa"), batch, position_ids=batch.positions)
