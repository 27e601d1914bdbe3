"""A step of our ELECTRA is a step of transformers' two: states, logits, both losses and the gradient of their sum."""

import pytest
import torch
import torch.nn.functional as F
from model_cases import LENGTH, PAD, SIZE, drawing, is_padding, make_encoder, make_objective, pairs, rng
from their_weights import largest_difference, named_parameters
from torch import Tensor, nn
from transformers import ElectraConfig, ElectraForMaskedLM, ElectraForPreTraining

from bothways.interop import generator
from bothways.interop.folder import names_of
from bothways.model.names import all_ours, all_theirs
from bothways.objectives.generator import Generator
from bothways.objectives.replaced import written

# Measured: 8e-6 and 7e-15, of gradients as large as 100.
TOLERANCE = {torch.float32: 5e-5, torch.float64: 1e-13}
every_precision = pytest.mark.parametrize("dtype", list(TOLERANCE), ids=str)


def config(settings, embedding_width: int) -> ElectraConfig:
    return ElectraConfig(
        vocab_size=SIZE,
        embedding_size=embedding_width,
        hidden_size=settings.width,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        intermediate_size=settings.feed_forward,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        max_position_embeddings=LENGTH,
        pad_token_id=PAD,
    )


def filled(model: nn.Module, parameters: dict[str, Tensor], settings) -> nn.Module:
    """Load our weights into a model of transformers; nothing may be left over."""
    state = all_theirs(
        {name: value.detach() for name, value in parameters.items()}, names_of(settings), settings.heads
    )
    assert set(state) == {name for name, _ in model.named_parameters()}
    model.load_state_dict(state, strict=False)
    return model.eval()


def gradients(model: nn.Module, settings) -> dict[str, Tensor]:
    theirs = {name: value.grad for name, value in model.named_parameters() if value.grad is not None}
    return all_ours(theirs, names_of(settings), settings.heads)


@every_precision
@pytest.mark.parametrize("embedding_width", [24, 32], ids=["narrow", "as wide as the states"])
def test_a_step_of_electra_equals_that_of_transformers(embedding_width, dtype, monkeypatch):
    encoder = make_encoder("electra", dtype=dtype, max_positions=LENGTH, embedding_width=embedding_width)
    objective = make_objective("replaced", encoder, generator_size=0.5)
    narrow = objective.generator.encoder.settings
    parameters, inner = generator.split(named_parameters(encoder, objective))
    detector = ElectraForPreTraining(config(encoder.settings, embedding_width)).to(dtype)
    masked = ElectraForMaskedLM(config(narrow, embedding_width)).to(dtype)
    filled(detector, parameters, encoder.settings)
    filled(masked, inner, narrow)
    close = {"atol": TOLERANCE[dtype], "rtol": 0.0}

    batch = objective.corrupt(pairs(), rng())
    text = ~is_padding(batch)
    assert not text.all()
    drawn = batch.targets.roll(1)
    shown, is_replaced = written(batch, drawn)
    assert is_replaced.any()
    monkeypatch.setattr(Generator, "answer", drawing(drawn))
    losses, _ = objective(encoder, batch)
    means = {name: losses[name].sum / count for name, count in objective.counts(batch).items()}
    sum(loss.weight * means[name] for name, loss in losses.items()).backward()

    inputs = {"attention_mask": text.long(), "token_type_ids": batch.segments}
    their_words = masked(input_ids=batch.tokens, **inputs).logits.flatten(0, 1)[batch.scored]
    their_mean = F.cross_entropy(their_words, batch.targets)
    their_answers = detector(input_ids=shown.tokens, **inputs).logits[text]
    # Their own loss makes the labels, and so itself, float32.
    their_detection = F.binary_cross_entropy_with_logits(their_answers, is_replaced[text].to(dtype))
    (their_mean + 50 * their_detection).backward()

    states = detector.electra(input_ids=shown.tokens, **inputs).last_hidden_state
    hidden = encoder(shown)[0]
    torch.testing.assert_close(hidden[text], states[text], **close)
    torch.testing.assert_close(objective.detector(hidden)[text], their_answers, **close)
    asked = objective.generator(encoder, batch)[0].flatten(0, 1)[batch.scored]
    words = objective.generator.objective.head(asked, encoder.token_embedding)
    torch.testing.assert_close(words, their_words, **close)
    for name, theirs in (("generator", their_mean), ("replaced", their_detection)):
        torch.testing.assert_close(means[name], theirs, **close)

    ours = {name: value.grad for name, value in named_parameters(encoder, objective).items()}
    found, of_generator = gradients(detector, encoder.settings), gradients(masked, narrow)
    for name in [name for name in found if name.startswith("encoder.embeddings.")]:
        found[name] = found[name] + of_generator[name]
    assert largest_difference(ours, found | generator.as_part(of_generator)) < TOLERANCE[dtype]
