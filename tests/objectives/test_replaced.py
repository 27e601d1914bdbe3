"""Replaced token detection: what the discriminator sees, what is a replacement, what is drawn, where gradients go."""

import dataclasses

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from model_cases import (
    CLS,
    MASK,
    PAD,
    SEP,
    VOCABULARY,
    drawing,
    every_backbone,
    every_variant,
    is_padding,
    make_encoder,
    make_objective,
    pairs,
    rng,
    stream,
    whole,
)
from scipy import stats

from bothways.batch import Batch
from bothways.checks import refusal
from bothways.model.backbones import BACKBONES
from bothways.model.backbones.bert import BertSettings
from bothways.model.backbones.transformer_xl import TransformerXLSettings
from bothways.model.encoder import Encoder
from bothways.objectives import build_objective
from bothways.objectives.generator import Generator
from bothways.objectives.masking import choose_tokens_repeatedly, goals
from bothways.objectives.replaced import Replaced, ReplacedSettings, written
from bothways.recipe import crossed
from bothways.runtime import choose_precision
from bothways.training.distributed import Place
from bothways.training.settings import TrainingSettings
from bothways.training.step import Stepper
from bothways.training.ways import encoders


def built(backbone: str = "bert", **values) -> tuple[Encoder, Replaced]:
    encoder = make_encoder(backbone)
    return encoder, make_objective("replaced", encoder, **values)


def forward(
    encoder: Encoder, objective: Replaced, batch: Batch, monkeypatch, drawn: torch.Tensor
) -> tuple[dict, torch.Tensor]:
    """Return the losses where the generator draws what it is told, and the tokens that the discriminator sees."""
    seen = []
    monkeypatch.setattr(Generator, "answer", drawing(drawn))
    with encoder.embeddings.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].tokens)):
        losses, _ = objective(encoder, batch)
    of_generator, of_discriminator = seen
    assert torch.equal(of_generator, batch.tokens)
    return losses, of_discriminator


def wrong(batch: Batch) -> torch.Tensor:
    """Return an ordinary token for each target that is another one."""
    return MASK + 1 + (batch.targets - MASK) % (VOCABULARY.size - MASK - 1)


# ---- what the discriminator sees, and what is true of it ----------------------------------------------------------


@every_backbone
def test_the_discriminator_sees_the_text_with_what_was_drawn_in_place_of_what_was_hidden(
    backbone, monkeypatch
):
    encoder, objective = built(backbone)
    examples = pairs()
    batch = objective.corrupt(examples, rng())
    assert (batch.tokens.flatten()[batch.scored] == MASK).all()
    drawn = wrong(batch)
    assert (drawn != batch.targets).all()
    _, seen = forward(encoder, objective, batch, monkeypatch, drawn)
    assert torch.equal(seen.flatten()[batch.scored], drawn)
    kept = torch.ones(seen.numel(), dtype=torch.bool)
    kept[batch.scored] = False
    assert torch.equal(seen.flatten()[kept], torch.from_numpy(examples.tokens).long().flatten()[kept])


@every_backbone
def test_a_hidden_token_that_was_not_drawn_again_changes_nothing_that_the_discriminator_computes(
    backbone, monkeypatch
):
    encoder, objective = built(backbone)
    examples = whole()
    batch = objective.corrupt(examples, rng())
    row, slot = divmod(int(batch.scored[0]), batch.num_slots)
    tokens = examples.tokens.copy()
    tokens[row, slot] = MASK + 1 + (tokens[row, slot] - MASK + 7) % (VOCABULARY.size - MASK - 1)
    other = objective.corrupt(dataclasses.replace(examples, tokens=tokens), rng())
    assert torch.equal(other.tokens, batch.tokens)
    assert other.targets[0] != batch.targets[0]
    drawn = wrong(batch)
    drawn[0] = next(token for token in range(20, 30) if token not in (batch.targets[0], other.targets[0]))
    detection = [
        forward(encoder, objective, each, monkeypatch, drawn)[0]["replaced"].sum for each in (batch, other)
    ]
    assert torch.equal(*detection)


def test_only_what_differs_from_the_truth_counts_as_replaced():
    _, objective = built()
    batch = objective.corrupt(whole(), rng())
    drawn = wrong(batch)
    drawn[::2] = batch.targets[::2]
    shown, is_replaced = written(batch, drawn)
    assert torch.equal(is_replaced.flatten()[batch.scored], torch.arange(len(drawn)) % 2)
    assert is_replaced.sum() == len(drawn) // 2
    assert shown.tokens.flatten()[batch.scored].tolist() == drawn.tolist()


def test_a_generator_that_is_always_right_leaves_nothing_replaced(monkeypatch):
    encoder, objective = built()
    examples = whole()
    batch = objective.corrupt(examples, rng())
    shown, is_replaced = written(batch, batch.targets)
    assert not is_replaced.any()
    assert torch.equal(shown.tokens, torch.from_numpy(examples.tokens).long())
    losses, _ = forward(encoder, objective, batch, monkeypatch, batch.targets)
    logits = objective.detector(encoder(shown)[0])
    torch.testing.assert_close(losses["replaced"].sum, F.softplus(logits).sum(), atol=1e-12, rtol=0.0)


@pytest.mark.parametrize("left", [False, True])
def test_all_but_padding_is_judged_and_special_tokens_too(left, monkeypatch):
    encoder, objective = built("transformer_xl" if left else "bert")
    examples = pairs(left=left)
    batch = objective.corrupt(examples, rng())
    drawn = wrong(batch)
    losses, seen = forward(encoder, objective, batch, monkeypatch, drawn)
    shown, is_replaced = written(batch, drawn)
    assert torch.equal(seen, shown.tokens)
    text = ~is_padding(batch)
    assert ((seen == CLS) | (seen == SEP))[text].sum() == 3 * len(seen)
    chances = objective.detector(encoder(shown)[0]).sigmoid()
    correct = torch.where(is_replaced == 1, chances, 1 - chances)[text]
    torch.testing.assert_close(losses["replaced"].sum, -correct.log().sum(), atol=1e-12, rtol=0.0)
    real = int((examples.tokens != PAD).sum())
    assert objective.counts(batch)["replaced"] == len(correct) == real < seen.numel()


def test_detection_counts_fifty_times_unless_it_is_said_otherwise():
    assert built()[1].weights() == {"replaced": 50.0, "generator": 1.0}
    encoder, objective = built(weight=10.0, pair=True)
    assert objective.weights() == {"replaced": 10.0, "generator": 1.0, "sentence_pair": 1.0}
    losses, _ = objective(encoder, objective.corrupt(pairs(), rng()))
    assert {name: loss.weight for name, loss in losses.items()} == objective.weights()


def test_the_pair_loss_reads_the_discriminator_at_cls(monkeypatch):
    encoder, objective = built(pair=True)
    batch = objective.corrupt(pairs(), rng())
    drawn = wrong(batch)
    losses, _ = forward(encoder, objective, batch, monkeypatch, drawn)
    at_cls = encoder(written(batch, drawn)[0])[0][:, 0]
    logits = objective.extras["sentence_pair"].head(at_cls)
    expected = F.cross_entropy(logits, batch.labels, reduction="sum")
    torch.testing.assert_close(losses["sentence_pair"].sum, expected, atol=1e-12, rtol=0.0)


def test_hidden_spans_are_not_offered_since_the_discriminator_sees_something_there():
    said = refusal(crossed("replaced", "bert", "packed", ["extras=[{kind: span_boundary}]"]))
    assert said.startswith(
        "the extra loss span_boundary needs hidden spans, which objective replaced does not offer"
    )


# ---- the generator ------------------------------------------------------------------------------------------------


@every_variant
def test_both_models_have_the_same_embeddings_and_every_parameter_is_named_once(backbone):
    encoder, objective = built(backbone)
    own = {id(value) for value in objective.parameters()}
    assert own.isdisjoint({id(value) for value in encoder.parameters()})
    assert not any("embeddings" in name for name, _ in objective.named_parameters())
    assert objective.generator.objective.head.transform.dense.out_features == encoder.token_embedding.shape[1]


@every_backbone
def test_detection_teaches_the_generator_nothing_but_through_the_embeddings_they_share(backbone):
    encoder, objective = built(backbone)
    losses, _ = objective(encoder, objective.corrupt(whole(), rng()))
    of_detection = taught(losses["replaced"].sum, encoder, objective)
    of_generator = taught(losses["generator"].sum, encoder, objective)
    assert not any(name.startswith("generator.") for name in of_detection)
    assert not any(name.startswith(("blocks.", "detector.")) for name in of_generator)
    assert "embeddings.tokens.weight" in of_detection & of_generator


def taught(loss: torch.Tensor, encoder: Encoder, objective: Replaced) -> set[str]:
    """Return the names of the parameters that a loss moves."""
    named = dict(encoder.named_parameters()) | dict(objective.named_parameters())
    gradients = torch.autograd.grad(loss, list(named.values()), retain_graph=True, allow_unused=True)
    return {name for name, gradient in zip(named, gradients, strict=True) if gradient is not None}


def test_published_sizes_of_the_generator():
    shapes = {
        (12, 256, 4, 1 / 4): (64, 1, 256),
        (12, 768, 12, 1 / 3): (256, 4, 1024),
        (24, 1024, 16, 1 / 4): (256, 4, 1024),
    }
    for (layers, width, heads, share), (narrow, few, inner) in shapes.items():
        shape = {"layers": layers, "width": width, "heads": heads, "feed_forward": 4 * width}
        found = BertSettings(**shape, embedding_width=128).narrowed(share)
        assert (found.width, found.heads, found.feed_forward) == (narrow, few, inner)
        assert (found.layers, found.embedding_width) == (layers, 128)
    assert BertSettings(size="base").narrowed(1 / 3).embedding_width == 768


@every_backbone
@pytest.mark.parametrize("share", [0.01, 0.25, 0.5, 0.8, 1.0])
@pytest.mark.parametrize("size", ["tiny", "mini", "base"])
def test_a_share_of_any_shape_is_a_shape(backbone, size, share):
    settings = BACKBONES[backbone][0](size=size)
    narrow = settings.narrowed(share)
    assert narrow.width // narrow.heads == 64
    assert 1 <= narrow.heads <= settings.heads
    assert narrow.layers == settings.layers
    assert share < 1 or (narrow.width, narrow.feed_forward) == (settings.width, settings.feed_forward)


def test_a_share_of_heads_of_an_odd_size_has_an_even_width():
    settings = TransformerXLSettings(layers=2, width=410, heads=10, feed_forward=2100)
    assert [settings.narrowed(share).width for share in (0.1, 0.3, 0.5)] == [82, 164, 246]


def test_a_generator_as_wide_as_the_embeddings_needs_no_projection():
    encoder, objective = built(generator_size=1.0)
    assert isinstance(objective.generator.encoder.projection, torch.nn.Identity)
    losses, _ = objective(encoder, objective.corrupt(whole(), rng()))
    assert losses["generator"].sum.isfinite()


def test_the_generator_begins_by_the_law_of_its_backbone():
    shape = {"layers": 8, "width": 64, "heads": 2, "feed_forward": 128}
    encoder = make_encoder("bert", norm="pre", **shape)
    objective = build_objective(ReplacedSettings(generator_size=1.0), [], VOCABULARY, encoder)
    for name, value in objective.named_parameters():
        if value.dim() == 2:
            ends = name.endswith(("attention.output.weight", "feed_forward.outer.weight"))
            assert value.std().item() == pytest.approx(0.02 * 0.88 / (4 if ends else 1), rel=0.15), name
        elif name.endswith("bias"):
            assert (value == 0).all(), name
        else:
            assert (value == 1).all(), name


def test_both_encoders_follow_the_settings_of_training():
    encoder, objective = built()
    both = encoder, objective.generator.encoder
    assert tuple(encoders(encoder, objective)) == both
    settings = TrainingSettings(steps=1, recompute_activations=True, attention="fused")
    place = Place(0, 1, torch.device("cpu"))
    Stepper(encoder, objective, settings, place, choose_precision(place.device, "float32"))
    for part in both:
        assert part.recompute_activations
        assert {block.attention.implementation for block in part.blocks} == {"fused"}


@every_backbone
def test_questions_go_to_the_generator(backbone):
    encoder, objective = built(backbone)
    examples = whole()
    hidden = np.zeros_like(examples.tokens, dtype=bool)
    hidden[:, 5] = True
    batch = objective.cloze(examples, hidden, hidden)
    before = objective.predict(encoder, batch)
    with torch.no_grad():
        for value in (*encoder.blocks.parameters(), *objective.detector.parameters()):
            value.add_(1.0)
    assert torch.equal(objective.predict(encoder, batch), before)
    assert objective.answered_by == "its generator"


# ---- memory -------------------------------------------------------------------------------------------------------


def test_both_encoders_remember_what_each_has_read(monkeypatch):
    encoder = make_encoder("transformer_xl", memory=12)
    objective = make_objective("replaced", encoder)
    memory, own, theirs = None, None, None
    for step in range(3):
        batch = objective.corrupt(stream(step).examples, rng(step))
        drawn = wrong(batch)
        with monkeypatch.context() as patch:
            patch.setattr(Generator, "answer", drawing(drawn))
            losses, memory = objective(encoder, batch, memory)
        _, own = objective.generator(encoder, batch, own)
        hidden, theirs = encoder(written(batch, drawn)[0], theirs)
        expected = objective.detection_nats(hidden, written(batch, drawn)[1], batch)
        torch.testing.assert_close(losses["replaced"].sum, expected, atol=1e-12, rtol=0.0)
        assert [state.shape[2] for state in memory.states] == [16, 16, 32, 32]
        for found, wanted in zip(memory.states, own.states + theirs.states, strict=True):
            torch.testing.assert_close(found, wanted, atol=1e-12, rtol=0.0)
        assert torch.equal(memory.documents, own.documents)


# ---- drawing ------------------------------------------------------------------------------------------------------


def test_tokens_are_drawn_as_the_generator_predicts_them_and_special_ones_never():
    encoder, objective = built(rate=1.0)
    draws = 40_000
    hidden = torch.randn(1, 16, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    logits = objective.generator.objective.head(hidden, encoder.token_embedding)[0]
    ordinary = torch.from_numpy(VOCABULARY.ordinary())
    chances = logits[ordinary].softmax(0)
    torch.manual_seed(0)
    drawn = objective.generator.draw(logits.expand(draws, -1))
    counts = torch.bincount(drawn, minlength=VOCABULARY.size)
    assert counts[: MASK + 1].sum() == 0
    expected = (draws * chances).detach().numpy()
    found = counts[ordinary].numpy()
    assert expected.min() > 5
    assert stats.chisquare(found, expected).pvalue > 0.01
    assert stats.chisquare(found).pvalue < 1e-9


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64], ids=str)
@pytest.mark.parametrize("chance", [0.0, 1 - 2**-24])
def test_the_least_and_the_largest_random_number_draw_a_token_that_can_be(chance, dtype, monkeypatch):
    encoder, objective = built()
    vocabulary = dataclasses.replace(VOCABULARY, is_special=np.arange(VOCABULARY.size) != 40)
    generator = Generator(ReplacedSettings(), 0.5, vocabulary, encoder).to(dtype)
    monkeypatch.setattr(torch, "rand_like", lambda like: torch.full_like(like, chance))
    hidden, targets = torch.randn(100, 16, dtype=dtype), torch.full((100,), 40)
    assert (generator.answer(hidden, encoder.token_embedding.to(dtype), targets)[1] == 40).all()
    assert objective.generator.answer(hidden.double(), encoder.token_embedding, targets)[1].min() > MASK


def test_tokens_are_drawn_from_the_scores_that_the_loss_is_of_and_these_are_computed_once(monkeypatch):
    encoder, objective = built()
    generator = objective.generator
    hidden = torch.randn(100, 16, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    targets = torch.arange(100) % VOCABULARY.size
    logits = generator.objective.head(hidden, encoder.token_embedding)
    computed = []
    generator.objective.head.transform.register_forward_hook(lambda *_: computed.append(None))
    monkeypatch.setattr(generator, "draw", lambda logits: logits.argmax(-1))
    nats, drawn = generator.answer(hidden, encoder.token_embedding, targets)
    assert torch.equal(drawn, logits.argmax(-1))
    torch.testing.assert_close(nats, F.cross_entropy(logits, targets, reduction="sum"), rtol=1e-12, atol=0.0)
    assert len(computed) == 1


def test_drawing_repeats_with_the_state_of_the_global_generator():
    encoder, objective = built()
    batch = objective.corrupt(whole(), rng())

    def detection(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return objective(encoder, batch)[0]["replaced"].sum

    assert torch.equal(detection(0), detection(0))
    assert not torch.equal(detection(0), detection(1))


# ---- hiding as the released code does -----------------------------------------------------------------------------


def test_drawing_slots_that_may_repeat_hides_fewer_of_them_all_alike():
    tokens = np.full((2000, 128), MASK + 1, dtype=np.int32)
    tokens[:, 0], tokens[:, 100:] = CLS, PAD
    goal = goals(tokens, VOCABULARY, 0.15)
    chosen = choose_tokens_repeatedly(tokens == MASK + 1, goal, rng())
    assert not chosen[tokens <= MASK].any()
    counts = chosen.sum(axis=1)
    assert (goal == 15).all()
    assert counts.max() <= 15
    assert counts.mean() == pytest.approx(99 * (1 - (1 - 1 / 99) ** 15), rel=0.005)
    assert stats.chisquare(chosen.sum(axis=0)[1:100]).pvalue > 0.01


def test_a_long_row_meant_to_hide_15_percent_hides_the_share_of_the_released_code():
    tokens = np.full((300, 512), MASK + 1, dtype=np.int32)
    chosen = choose_tokens_repeatedly(tokens > MASK, goals(tokens, VOCABULARY, 0.15), rng())
    assert chosen.mean() == pytest.approx(0.139, abs=0.001)


def test_a_row_without_ordinary_tokens_hides_none():
    tokens = np.array([[CLS, SEP, PAD], [CLS, 9, SEP]], dtype=np.int32)
    chosen = choose_tokens_repeatedly(tokens > MASK, goals(tokens, VOCABULARY, 0.15), rng())
    assert chosen.tolist() == [[False, False, False], [False, True, False]]


def test_what_stays_as_it_is_for_the_generator_is_written_anew_all_the_same():
    _, objective = built(rate=0.5, mask_share=0.5)
    examples = whole()
    batch = objective.corrupt(examples, rng())
    truth = torch.from_numpy(examples.tokens).long().flatten()[batch.scored]
    stays = batch.tokens.flatten()[batch.scored] == truth
    assert 0 < stays.sum() < len(stays)
    assert torch.equal(batch.targets, truth)
    assert torch.equal(written(batch, wrong(batch))[1].flatten()[batch.scored], torch.ones_like(truth))
