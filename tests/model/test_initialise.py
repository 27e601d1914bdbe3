"""The table of initial values, parameter by parameter."""

import dataclasses

import pytest
import torch
from model_cases import VOCABULARY, every_backbone

from bothways.model.backbones import BACKBONES, NAMES, build_encoder
from bothways.model.backbones.bert import BertSettings
from bothways.model.backbones.modern import ModernSettings
from bothways.model.backbones.mpnet import MPNetSettings
from bothways.model.backbones.transformer_xl import TransformerXLSettings
from bothways.model.initialise import initialise
from bothways.model.names import all_ours, all_theirs, to_ours, to_theirs
from bothways.model.settings import SIZES
from bothways.objectives import build_objective
from bothways.objectives.masked import MaskedSettings
from bothways.objectives.sentence_pair import SentencePairSettings

ZERO = {
    "bert": {"attention.query.bias", "feed_forward.inner.bias", "embeddings.norm.bias", "head.bias"},
    "transformer_xl": {"feed_forward.inner.bias", "attention_norm.bias", "head.bias"},
    "mpnet": {"attention.query.bias", "feed_forward.inner.bias", "embeddings.norm.bias", "head.bias"},
    "modern": {"head.bias"},
}
DRAWN = {
    "bert": {
        "embeddings.tokens.weight",
        "embeddings.positions.weight",
        "attention.query.weight",
        "pooler.weight",
    },
    "transformer_xl": {
        "embeddings.tokens.weight",
        "embeddings.probe",
        "attention.content_bias",
        "attention.position_bias",
        "attention.segment_bias",
        "attention.segments",
        "attention.distance.weight",
    },
    "mpnet": {
        "embeddings.tokens.weight",
        "embeddings.positions.weight",
        "look.distances.weight",
        "attention.query.weight",
    },
    "modern": {
        "embeddings.tokens.weight",
        "attention.query.weight",
        "feed_forward.gate.weight",
        "transform.dense.weight",
    },
}


def initialised(backbone: str) -> dict[str, torch.Tensor]:
    encoder = build_encoder(BACKBONES[backbone][0](size="tiny"), VOCABULARY)
    objective = build_objective(MaskedSettings(), [SentencePairSettings()], VOCABULARY, encoder)
    torch.manual_seed(0)
    parameters = {}
    for module in (encoder, objective):
        for parameter in module.parameters():
            torch.nn.init.constant_(parameter, torch.nan)
        initialise(module, 0.02)
        parameters |= dict(module.named_parameters())
    return parameters


@every_backbone
def test_every_parameter_follows_its_law(backbone):
    parameters = initialised(backbone)
    for law in (ZERO, DRAWN):
        assert all(any(name.endswith(end) for name in parameters) for end in law[backbone])
    for name, value in parameters.items():
        if "norm.weight" in name:
            assert (value == 1).all(), name
        elif name.endswith(".bias"):
            assert (value == 0).all(), name
        else:
            assert any(name.endswith(end) for end in DRAWN[backbone]) or name.endswith(".weight"), name
            assert 0.01 < value.abs().max() <= 0.04, name
            if value.numel() > 1000:
                # A normal cut at two deviations keeps 0.88 of its deviation.
                assert value.std().item() == pytest.approx(0.02 * 0.88, rel=0.05), name
                assert abs(value.mean().item()) < 0.001, name
    assert all((parameters[name] == 0).all() for name in parameters if name.endswith(tuple(ZERO[backbone])))


@every_backbone
def test_a_head_shares_the_token_embedding_and_adds_only_a_bias_of_its_own(backbone):
    names = [
        name for name, value in initialised(backbone).items() if len(VOCABULARY.is_special) in value.shape
    ]
    assert sorted(names) == ["embeddings.tokens.weight", "head.bias"]


@pytest.mark.parametrize("layout", ["same", "transposed", "heads_out", "heads_in", "vector"])
def test_every_layout_can_be_undone(layout):
    tensor = torch.randn(6) if layout == "vector" else torch.randn(6, 4 if layout != "heads_in" else 6)
    assert torch.equal(to_ours(to_theirs(tensor, layout, 2), layout, 2), tensor)


@pytest.mark.parametrize("named", list(NAMES))
def test_names_are_found_in_both_directions(named):
    for row in NAMES[named].rows:
        ours, theirs = (name.replace("{i}", "11") for name in row[:2])
        assert NAMES[named].theirs(ours) == (theirs, row[2])
        assert NAMES[named].ours(theirs) == (ours, row[2])
    assert NAMES[named].theirs("encoder.unheard.of") is None


@pytest.mark.parametrize(
    ("named", "parts", "fused", "is_transposed"),
    [
        (
            "gpt2",
            ["attention.query", "attention.key", "attention.value"],
            "transformer.h.3.attn.c_attn",
            True,
        ),
        (
            "modern",
            ["attention.query", "attention.key", "attention.value"],
            "model.layers.3.attn.Wqkv",
            False,
        ),
        ("modern", ["feed_forward.inner", "feed_forward.gate"], "model.layers.3.mlp.Wi", False),
    ],
)
def test_some_of_our_tensors_are_one_of_theirs(named, parts, fused, is_transposed):
    ours = {f"encoder.blocks.3.{part}.weight": torch.randn(4, 6) for part in parts}
    # Whatever order they come in.
    theirs = all_theirs(dict(reversed(ours.items())), NAMES[named], heads=2)
    assert set(theirs) == {f"{fused}.weight"}
    stacked = torch.cat(list(ours.values()))
    assert torch.equal(theirs[f"{fused}.weight"], stacked.t() if is_transposed else stacked)
    again = all_ours(theirs, NAMES[named], heads=2)
    assert again.keys() == ours.keys()
    assert all(torch.equal(again[name], ours[name]) for name in ours)


@every_backbone
@pytest.mark.parametrize("size", list(SIZES))
def test_a_size_fills_in_the_shape_and_gives_way_to_what_is_said(backbone, size):
    settings = BACKBONES[backbone][0](size=size)
    assert {name: getattr(settings, name) for name in SIZES[size]} == SIZES[size]
    assert settings.width == 64 * settings.heads
    assert settings.feed_forward == 4 * settings.width
    assert BACKBONES[backbone][0](size=size, layers=1).layers == 1


@every_backbone
def test_a_width_that_does_not_split_into_heads_is_refused(backbone):
    kind = BACKBONES[backbone][0]
    for heads in (3, 32):
        if 32 % heads or kind.head_multiple == 2:
            with pytest.raises(ValueError, match=f"32 does not split into {heads} heads"):
                kind(layers=1, width=32, heads=heads, feed_forward=8)


def test_transformer_xl_may_have_heads_of_an_odd_size_but_no_odd_width():
    """Its published model of WikiText-103 has ten heads of 41."""
    assert TransformerXLSettings(layers=1, width=410, heads=10, feed_forward=8).width == 410
    with pytest.raises(ValueError, match="width 41 is odd"):
        TransformerXLSettings(layers=1, width=41, heads=1, feed_forward=8)
    with pytest.raises(ValueError, match="an even size"):
        BertSettings(layers=1, width=410, heads=10, feed_forward=8)


@pytest.mark.parametrize("kind", [BertSettings, MPNetSettings])
def test_sinusoidal_initial_positions_have_the_deviation_and_make_neighbours_alike(kind):
    settings = kind(layers=1, width=64, heads=2, feed_forward=64, initial_positions="sinusoidal")
    positions = build_encoder(settings, VOCABULARY).embeddings.positions.weight.detach()
    assert positions[100:].std() == pytest.approx(settings.initial_deviation, rel=0.15)
    alike = torch.nn.functional.cosine_similarity(positions[:1], positions).tolist()
    assert alike[1] > alike[2] > alike[4] > alike[8]


@pytest.mark.parametrize("kind", ["bert", "modern"])
def test_what_ends_in_a_residual_sum_begins_smaller_in_a_deep_pre_norm_encoder(kind):
    shape = {"layers": 8, "width": 64, "heads": 2, "feed_forward": 128}
    torch.manual_seed(0)
    settings = BertSettings(**shape, norm="pre") if kind == "bert" else ModernSettings(**shape)
    encoder = build_encoder(settings, VOCABULARY)
    deviations = {name: value.std().item() for name, value in encoder.named_parameters() if value.dim() == 2}
    for name, deviation in deviations.items():
        ends = name.endswith(("attention.output.weight", "feed_forward.outer.weight"))
        assert deviation == pytest.approx(0.02 * 0.88 / (4 if ends else 1), rel=0.08), name
    assert (encoder.final.norm.weight == 1).all()


def test_positions_after_the_padding_begin_at_two_with_roberta_vocabulary():
    settings = BertSettings(size="tiny", positions_after_padding=True)
    embeddings = build_encoder(settings, dataclasses.replace(VOCABULARY, pad=1, unk=0)).embeddings
    assert embeddings.first_position == 2
    assert embeddings.positions.weight.shape == (514, 128)
