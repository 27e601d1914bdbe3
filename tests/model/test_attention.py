"""Attention where nothing is visible, and the explicit path against the fused kernel."""

import dataclasses

import pytest
import torch
from model_cases import every_backbone, is_padding, make_encoder, make_objective, pairs, rng, stream, whole

from bothways.batch import NEVER
from bothways.model.attention import RelativeAttention, SelfAttention, Sight
from bothways.model.backbones import OFFERS
from bothways.model.backbones.transformer_xl import TransformerXLSight
from bothways.model.kernels import ATTENTIONS


@every_backbone
def test_a_query_that_sees_nothing_gets_zero_and_passes_no_gradient(backbone):
    encoder = make_encoder(backbone)
    batch = make_objective("masked", encoder).corrupt(stream(0, bidirectional=False).examples, rng())
    now = torch.zeros(4, 16, dtype=torch.long)
    now[:, 3] = -1
    batch = dataclasses.replace(batch, enters=torch.zeros_like(now), now=now)
    sight = encoder.look(batch, None, torch.float64)
    layer = encoder.blocks[0].attention
    hidden = torch.randn(4, 16, 32, dtype=torch.float64, requires_grad=True)
    mixed = layer(hidden, hidden, sight)
    silent = torch.zeros(32, dtype=torch.float64) if layer.output.bias is None else layer.output.bias
    assert torch.equal(mixed[:, 3], silent.expand(4, 32))
    assert (mixed[:, 2].abs().sum(-1) > 0.01).all()
    (gradient,) = torch.autograd.grad(mixed[:, 3].sum(), hidden)
    assert torch.equal(gradient, torch.zeros_like(gradient))


@every_backbone
def test_rows_of_nothing_but_padding_and_probes_that_fill_a_row_give_no_nan(backbone):
    encoder = make_encoder(backbone)
    examples = pairs()
    examples.tokens[2] = 0
    for name in ("masked", "permutation"):
        objective = make_objective(name, encoder)
        batch = objective.corrupt(examples, rng())
        assert (batch.enters[2] == NEVER).all()
        losses, _ = objective(encoder, batch)
        losses[name].sum.backward()
        gradients = [parameter.grad for parameter in encoder.parameters() if parameter.grad is not None]
        assert all(gradient.isfinite().all() for gradient in gradients)
        assert encoder(batch)[0].isfinite().all()


@every_backbone
def test_the_explicit_path_equals_the_fused_kernel(backbone):
    encoder = make_encoder(backbone)
    batch = make_objective("masked", encoder).corrupt(pairs(), rng())
    text = ~is_padding(batch)
    found = {}
    for name in ATTENTIONS:
        encoder.use_attention(name)
        assert encoder.attention_choice(torch.device("cpu"), torch.float64).name == name
        found[name] = encoder(batch)[0][text]
    explicit, fused = found["explicit"], found["fused"]
    torch.testing.assert_close(explicit, fused, atol=1e-12, rtol=0.0)


@every_backbone
def test_in_bfloat16_the_explicit_path_stays_as_near_to_the_truth_as_the_fused_kernel(backbone):
    encoder = make_encoder(backbone, dtype=torch.float32)
    objective = make_objective("masked", encoder)
    batch = objective.corrupt(pairs(), rng())
    text = ~is_padding(batch)
    truth = encoder(batch)[0][text].detach()
    errors = {}
    for name in ATTENTIONS:
        encoder.use_attention(name)
        with torch.autocast("cpu", torch.bfloat16):
            found = encoder(batch)[0][text].detach()
        errors[name] = (found - truth).abs().mean().item()
    assert 0 < errors["explicit"] < 1.5 * errors["fused"] < 0.1


@every_backbone
@pytest.mark.parametrize("how", ["autocast", "weights"])
def test_a_model_runs_and_learns_in_bfloat16(backbone, how):
    values = {"memory": 8} if "memory" in OFFERS[backbone] else {}
    encoder = make_encoder(backbone, dtype=torch.float32, **values)
    encoder = encoder.to(torch.bfloat16 if how == "weights" else torch.float32)
    objective = make_objective("permutation", encoder)
    memory = None
    for step in range(2):
        batch = objective.corrupt(stream(step, bidirectional=False).examples, rng())
        batch = dataclasses.replace(batch, positions=batch.positions % 16)
        with torch.autocast("cpu", torch.bfloat16, enabled=how == "autocast"):
            losses, memory = objective(encoder, batch, memory)
        assert losses["permutation"].sum.dtype == torch.float32
        losses["permutation"].sum.backward()
    assert all(
        parameter.grad.isfinite().all() for parameter in encoder.parameters() if parameter.grad is not None
    )


def test_attention_dropout_is_its_own_and_only_in_training():
    for layer in (SelfAttention(32, 2, 0.5), RelativeAttention(32, 2, 0.5)):
        for parameter in layer.parameters():
            torch.nn.init.normal_(parameter)
        encoder = make_encoder("transformer_xl", dtype=torch.float32)
        batch = make_objective("masked", encoder).corrupt(stream(0).examples, rng())
        sight = TransformerXLSight(encoder.settings)(batch, None, torch.float32)
        hidden = torch.randn(4, 16, 32)
        assert not torch.equal(layer(hidden, hidden, sight), layer(hidden, hidden, sight))
        layer.eval()
        assert torch.equal(layer(hidden, hidden, sight), layer(hidden, hidden, sight))


def test_what_is_hidden_counts_for_exactly_nothing():
    sees = torch.tensor([[[True, False], [False, False]]])
    sight = Sight.of(sees, torch.float32)
    assert sight.sighted.flatten().tolist() == [1.0, 0.0]
    assert torch.softmax(sight.hiding[0, 0, 0], -1).tolist() == [1.0, 0.0]
    assert Sight.of(None, torch.float32).hiding is None


@every_backbone
@pytest.mark.parametrize("rows", [whole, pairs])
def test_neighbouring_keys_lie_side_by_side_in_every_bias_as_the_kernels_of_a_gpu_want_it(backbone, rows):
    encoder = make_encoder(backbone)
    batch = make_objective("masked", encoder).corrupt(rows(), rng())
    sight = encoder.look(batch, None, torch.float32)
    last = sight.at(batch.asked)
    every = [sight, last, *(each.near for each in (sight, last) if each.near is not None)]
    assert all(each.hiding is None or each.hiding.stride(-1) == 1 for each in every)


@every_backbone
def test_no_forward_pass_makes_tensors_of_constants_for_which_a_gpu_would_wait(backbone, monkeypatch):
    encoder = make_encoder(backbone)
    batch = make_objective("masked", encoder).corrupt(pairs(), rng())

    def refuse(*_args, **_values):
        raise AssertionError("a constant is copied to the device")

    monkeypatch.setattr(torch, "tensor", refuse)
    encoder(batch)
