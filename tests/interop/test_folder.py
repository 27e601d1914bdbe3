"""What we write, transformers loads; what it writes, we load; anything else is refused in one line."""

import dataclasses
import json
import logging
import sys

import pytest
import safetensors.torch
import torch
import transformers
from model_cases import BERT_VARIANTS
from their_models import (
    BERT,
    BERT_PAIR,
    CASES,
    CROSSED,
    ELECTRA,
    GPT2,
    MODERN,
    MPNET,
    ROBERTA,
    SECOND,
    SENTENCE,
    XLNET,
    XLNET_PAIR,
    built,
    our_logits,
)
from tiny_runs import assert_same_bits

from bothways.errors import BothwaysError, CheckpointError, DataError
from bothways.interop.configs import FAMILIES, backbone_of, family_of
from bothways.interop.folder import describe, named_parameters, read_model, write_model
from bothways.interop.weights import read_weights
from bothways.model.backbones import BACKBONES, NAMES
from bothways.model.backbones.bert import BertSettings
from bothways.model.backbones.modern import ModernSettings
from bothways.model.backbones.mpnet import MPNetSettings
from bothways.model.backbones.transformer_xl import TransformerXLSettings
from bothways.objectives.permutation import PermutationSettings
from bothways.text.tokenizer import vocabulary_of, write_tokenizer
from bothways.trained import fill, score

every_case = pytest.mark.parametrize("case", CASES, ids=str)
TOLERANCE = 1e-5


def loaded(folder, architecture):
    """Load a folder into transformers; return the model and the names that it missed or did not expect."""
    kind = getattr(transformers, architecture)
    model, info = kind.from_pretrained(folder, local_files_only=True, output_loading_info=True)
    return model.eval(), set(info["missing_keys"]), set(info["unexpected_keys"])


def encode(folder, *texts):
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    return tokenizer(*texts, return_tensors="pt")


def their_logits(model, encoded):
    with torch.no_grad():
        out = model(**encoded)
    return (out.prediction_logits if "prediction_logits" in out else out.logits)[0]


# ---- ours in transformers ---------------------------------------------------------------------------------------


@every_case
def test_transformers_loads_what_we_write_with_every_key_and_the_same_logits(case, written):
    folder, model = written(case)
    theirs, missing, unexpected = loaded(folder, case.architecture)
    assert (missing, unexpected) == (set(), set())
    config = json.loads((folder / "config.json").read_text())
    assert config["architectures"] == [case.architecture]
    for texts in ((SENTENCE,), (SENTENCE, SECOND)):
        encoded = encode(folder, *texts)
        difference = their_logits(theirs, encoded) - our_logits(model, encoded)
        assert difference.abs().max() < TOLERANCE


def test_the_automatic_classes_load_bert(written):
    folder, model = written(BERT_PAIR)
    theirs, missing, unexpected = loaded(folder, "AutoModelForMaskedLM")
    assert missing == set()
    assert unexpected == {
        f"{layer}.{part}"
        for layer in ("bert.pooler.dense", "cls.seq_relationship")
        for part in ("weight", "bias")
    }
    encoded = encode(folder, SENTENCE)
    assert (their_logits(theirs, encoded) - our_logits(model, encoded)).abs().max() < TOLERANCE
    folder, _ = written(BERT, "without pair")
    _, missing, _ = loaded(folder, "AutoModel")
    assert missing == {"pooler.dense.weight", "pooler.dense.bias"}
    assert "`AutoModel` reports the pooler as missing" in (folder / "README.md").read_text()


def test_the_pair_head_is_the_one_of_transformers(written):
    folder, model = written(BERT_PAIR)
    theirs, _, _ = loaded(folder, "BertForPreTraining")
    encoded = encode(folder, SENTENCE, SECOND)
    with torch.no_grad():
        hidden = theirs.bert(**encoded).last_hidden_state[:, 0]
        wanted = theirs(**encoded).seq_relationship_logits
        ours = model.objective.extras["sentence_pair"].head(hidden)
    torch.testing.assert_close(ours, wanted, rtol=0, atol=TOLERANCE)


@every_case
def test_the_card_says_how_to_load_the_model_and_that_code_runs(case, written, monkeypatch):
    folder, _ = written(case)
    card = (folder / "README.md").read_text()
    assert "| seed | 1 |" in card
    assert "# a \\| b" in card
    code = card.split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(folder)
    scope = {}
    exec(code, scope)
    assert type(scope["model"]).__name__ == case.architecture


# ---- theirs in ours ---------------------------------------------------------------------------------------------


def their_bert(vocabulary, **values):
    config = transformers.BertConfig(
        vocab_size=vocabulary.size, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=48, max_position_embeddings=40, initializer_range=0.2, **values,
    )  # fmt: skip
    return transformers.BertForPreTraining(config)


def their_roberta(vocabulary, **values):
    config = transformers.RobertaConfig(
        vocab_size=vocabulary.size, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=48, max_position_embeddings=40, initializer_range=0.2, type_vocab_size=1,
        pad_token_id=vocabulary.pad, layer_norm_eps=1e-5, **values,
    )  # fmt: skip
    return transformers.RobertaForMaskedLM(config)


def their_electra(vocabulary, **values):
    config = transformers.ElectraConfig(
        vocab_size=vocabulary.size, embedding_size=24, hidden_size=32, num_hidden_layers=2,
        num_attention_heads=2, intermediate_size=48, max_position_embeddings=40, initializer_range=0.2, **values,
    )  # fmt: skip
    return transformers.ElectraForMaskedLM(config)


def their_mpnet(vocabulary, **values):
    config = transformers.MPNetConfig(
        vocab_size=vocabulary.size, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=48, max_position_embeddings=42, initializer_range=0.2, layer_norm_eps=1e-5,
        pad_token_id=vocabulary.pad, **values,
    )  # fmt: skip
    return transformers.MPNetForMaskedLM(config)


def their_gpt2(vocabulary, **values):
    config = transformers.GPT2Config(
        vocab_size=vocabulary.size, n_embd=32, n_layer=2, n_head=2, n_positions=40, initializer_range=0.2,
        pad_token_id=vocabulary.pad, **values,
    )  # fmt: skip
    return transformers.GPT2LMHeadModel(config)


def their_modern(vocabulary, **values):
    config = transformers.ModernBertConfig(**{
        "vocab_size": vocabulary.size, "hidden_size": 32, "num_hidden_layers": 5, "num_attention_heads": 2,
        "intermediate_size": 48, "initializer_range": 0.2, "local_attention": 4,
        "pad_token_id": vocabulary.pad, **values,
    })  # fmt: skip
    return transformers.ModernBertForMaskedLM(config)


def their_xlnet(vocabulary, **values):
    config = transformers.XLNetConfig(
        vocab_size=vocabulary.size, d_model=32, n_layer=2, n_head=2, d_inner=48,
        ff_activation="gelu", initializer_range=0.2, **values,
    )  # fmt: skip
    return transformers.XLNetLMHeadModel(config)


@pytest.fixture
def theirs(tokenizers, tmp_path):
    """Write a random model of transformers beside one of our tokenizers, as a function."""

    def write(family, **values):
        torch.manual_seed(0)
        make, kind, layout = {
            "bert": (their_bert, "wordpiece", "cls_first"),
            "roberta": (their_roberta, "bpe", "cls_first"),
            "electra": (their_electra, "wordpiece", "cls_first"),
            "mpnet": (their_mpnet, "mpnet", "cls_first"),
            "gpt2": (their_gpt2, "bpe", "cls_first"),
            "xlnet": (their_xlnet, "unigram", "cls_last"),
            "modern": (their_modern, "bpe", "cls_first"),
        }[family]
        tokenizer = tokenizers[kind]
        model = make(vocabulary_of(tokenizer), **values).eval()
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if name.endswith("bias"):
                    parameter.normal_(0, 0.2)
        folder = tmp_path / family
        model.save_pretrained(folder)
        has_segments = family in ("bert", "electra", "xlnet")
        write_tokenizer(tokenizer, layout, folder, None, has_segments=has_segments)
        return folder, model

    return write


@pytest.mark.parametrize("family", ["bert", "roberta", "electra", "gpt2", "mpnet", "xlnet", "modern"])
def test_we_load_what_transformers_writes_with_the_same_logits(family, theirs):
    folder, model = theirs(family)
    ours, missing = read_model(folder)
    assert missing == []
    named = {"xlnet": "permutation", "gpt2": "causal", "mpnet": "mpnet"}
    assert ours.objective.name == named.get(family, "masked")
    assert ours.layout == ("cls_last" if family == "xlnet" else "cls_first")
    for texts in ((SENTENCE,), (SENTENCE, SECOND)):
        encoded = encode(folder, *texts)
        assert (their_logits(model, encoded) - our_logits(ours, encoded)).abs().max() < TOLERANCE


def test_the_tokenizer_of_gpt2_tells_no_segments_which_it_would_read_as_tokens(written):
    folder, _ = written(GPT2)
    assert set(encode(folder, SENTENCE, SECOND)) == {"input_ids", "attention_mask"}


@pytest.mark.parametrize(
    "case",
    [
        dataclasses.replace(GPT2, objective="masked"),
        dataclasses.replace(BERT, objective="causal"),
        dataclasses.replace(BERT, objective="replaced"),
        dataclasses.replace(ROBERTA, objective="causal"),
        dataclasses.replace(MODERN, objective="causal"),
        dataclasses.replace(MPNET, tokenizer="wordpiece"),
        dataclasses.replace(XLNET, objective="causal"),
    ],
    ids=str,
)
def test_transformers_refuses_what_it_would_compute_in_another_way_and_we_read_it_back(case, written):
    folder, model = written(case)
    config = json.loads((folder / "config.json").read_text())
    assert "architectures" not in config
    assert config["model_type"] == f"bothways_{case.backbone}"
    for automatic in (transformers.AutoModel, transformers.AutoModelForMaskedLM):
        with pytest.raises(ValueError, match=f"model type `bothways_{case.backbone}`.* does not recognize"):
            automatic.from_pretrained(folder, local_files_only=True)
    assert "`transformers` has no class for this model" in (folder / "README.md").read_text()
    assert_comes_back(folder, model)
    assert encode(folder, SENTENCE)["input_ids"].shape[1] > 5


def assert_comes_back(folder, model):
    again, missing = read_model(folder)
    assert missing == []
    assert_same_bits(named_parameters(*parts(again)), named_parameters(*parts(model)))
    assert again.encoder.settings == model.encoder.settings
    assert (again.objective.name, again.layout) == (model.objective.name, model.layout)


@pytest.mark.parametrize(
    "case", [dataclasses.replace(each, objective="causal") for each in (BERT, MODERN, XLNET)], ids=str
)
def test_a_folder_from_before_such_models_had_a_type_of_ours_is_still_read(case, written):
    folder, model = written(case)
    family = FAMILIES[family_of(model.encoder.settings)]
    config = json.loads((folder / "config.json").read_text())
    before = {"model_type": family.model_type, "bothways": config["bothways"]}
    before |= family.write(model.encoder.settings, model.vocabulary)
    (folder / "config.json").write_text(json.dumps(before))
    assert_comes_back(folder, model)
    if case.backbone == "transformer_xl":
        change(folder, sees_memory_length=True)
        assert read_model(folder)[0].encoder.settings.same_length


@pytest.mark.parametrize("family", ["roberta", "electra", "gpt2", "mpnet", "modern"])
def test_a_bare_encoder_of_a_relative_of_bert_is_loaded_whole(family, theirs):
    folder, model = theirs(family)
    before = theirs_under_our_names(folder, family)
    model.base_model.save_pretrained(folder)
    after = theirs_under_our_names(folder, family)
    assert {name for name in before if name.startswith("encoder.")} == set(after)
    assert_same_bits(after, {name: before[name] for name in after})


def theirs_under_our_names(folder, family):
    return read_weights(folder, NAMES[family], heads=2)


def test_distances_are_clamped_as_transformers_clamps_them(theirs, tmp_path):
    folder, model = theirs("xlnet", clamp_len=3)
    ours, _ = read_model(folder)
    assert ours.encoder.settings.clamp == 3
    encoded = encode(folder, SENTENCE, SECOND)
    found = our_logits(ours, encoded)
    assert (their_logits(model, encoded) - found).abs().max() < TOLERANCE
    change(folder, clamp_len=-1)
    assert (our_logits(read_model(folder)[0], encoded) - found).abs().max() > 0.01
    again = tmp_path / "again"
    again.mkdir()
    write_model(again, ours, PermutationSettings(), [], facts={})
    back, _, _ = loaded(again, "XLNetLMHeadModel")
    assert (their_logits(back, encoded) - found).abs().max() < TOLERANCE


@pytest.mark.parametrize(
    "values",
    [
        {"layer_types": ["full_attention", *["sliding_attention"] * 4]},
        {"layer_types": ["full_attention", "sliding_attention"] * 2 + ["full_attention"]},
        {"global_attn_every_n_layers": 1},
        {"global_rope_theta": 500.0, "local_rope_theta": 50.0, "local_attention": 7},
        {"rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 50.0}}},
    ],
    ids=lambda values: next(iter(values)),
)
def test_modernbert_with_other_layers_and_rotary_positions_is_read_as_it_was_meant(values, theirs):
    folder, model = theirs("modern", **values)
    encoded = encode(folder, SENTENCE, SECOND)
    found = our_logits(read_model(folder)[0], encoded)
    assert (their_logits(model, encoded) - found).abs().max() < TOLERANCE


def test_modernbert_is_read_from_a_config_of_before_version_5(theirs):
    folder, model = theirs("modern", global_attn_every_n_layers=2, global_rope_theta=500.0)
    path = folder / "config.json"
    config = json.loads(path.read_text())
    old = {"global_attn_every_n_layers": 2, "global_rope_theta": 500.0, "position_embedding_type": "absolute"}
    for new in ("layer_types", "rope_parameters"):
        del config[new]
    path.write_text(json.dumps(config | old))
    ours, missing = read_model(folder)
    assert missing == []
    assert ours.encoder.settings.windows == [None, 2, None, 2, None]
    assert (ours.encoder.settings.global_theta, ours.encoder.settings.local_theta) == (500.0, 10_000.0)
    encoded = encode(folder, SENTENCE)
    assert (their_logits(model, encoded) - our_logits(ours, encoded)).abs().max() < TOLERANCE
    change(folder, local_rope_theta=None)  # there: as in global layers
    assert read_model(folder)[0].encoder.settings.local_theta == 500.0


def test_a_bare_encoder_is_loaded_and_what_it_lacks_is_named(theirs):
    folder, model = theirs("bert")
    model.bert.save_pretrained(folder)
    ours, missing = read_model(folder)
    assert [name for name in missing if "transform" not in name] == ["objective.head.bias"]
    assert_same_bits(
        {"tokens": ours.encoder.token_embedding.detach()},
        {"tokens": model.bert.embeddings.word_embeddings.weight.detach()},
    )


@pytest.mark.parametrize("family", ["bert", "roberta", "mpnet", "xlnet", "modern"])
def test_a_bare_encoder_answers_no_questions(family, theirs, tmp_path):
    folder, model = theirs(family)
    fill(folder, "the [?] fox")
    model.base_model.save_pretrained(folder)
    (tmp_path / "text.txt").write_text(SENTENCE)
    for ask in (lambda: fill(folder, "the [?] fox"), lambda: score(folder, str(tmp_path / "text.txt"))):
        with pytest.raises(CheckpointError, match="lacks its head over the vocabulary") as error:
            ask()
        assert "bothways pretrain --from" in str(error.value)


def test_the_names_of_old_tensorflow_conversions_are_understood(theirs):
    folder, _ = theirs("bert")
    wanted = named_parameters(*parts(read_model(folder)[0]))
    path = folder / "model.safetensors"
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): tensor
        for name, tensor in safetensors.torch.load_file(path).items()
    }
    assert any("gamma" in name for name in old)
    safetensors.torch.save_file(old, path)
    again, missing = read_model(folder)
    assert missing == []
    assert_same_bits(named_parameters(*parts(again)), wanted)


def parts(model):
    return model.encoder, model.objective


# ---- there and back ---------------------------------------------------------------------------------------------


@every_case
def test_a_round_trip_returns_every_weight_and_setting(case, written, tmp_path):
    folder, model = written(case)
    again, missing = read_model(folder)
    assert missing == []
    assert_same_bits(named_parameters(*parts(again)), named_parameters(*parts(model)))
    assert again.encoder.settings == model.encoder.settings
    assert again.layout == model.layout
    assert not again.encoder.training
    assert not again.objective.training
    about = describe(folder)
    (tmp_path / "copy").mkdir()
    write_model(tmp_path / "copy", again, about.objective, about.extras, facts={"name": "a | b", "seed": 1})
    for path in folder.iterdir():
        assert (tmp_path / "copy" / path.name).read_bytes() == path.read_bytes(), path.name


def test_what_has_no_place_in_transformers_is_kept_beside(written):
    folder, _ = written(XLNET_PAIR)
    beside = safetensors.torch.load_file(folder / "bothways.safetensors")
    assert all(name.startswith("objective.extras.sentence_pair.") for name in beside)
    again, _ = read_model(folder)
    assert again.objective.extras["sentence_pair"].weight == 0.5
    assert not (written(XLNET, "plain")[0] / "bothways.safetensors").exists()


@pytest.mark.parametrize(
    "settings",
    [
        BertSettings(size="tiny", dropout=0.2, attention_dropout=0.3, max_positions=77, activation="relu"),
        TransformerXLSettings(size="mini", dropout=0.2, attention_dropout=0.3, memory=77, norm_epsilon=1e-5),
        TransformerXLSettings(size="mini", memory=0),
        TransformerXLSettings(size="mini", memory=9, cutoffs=[20, 40]),
        *(BertSettings(size="tiny", max_positions=77, **settings) for settings in BERT_VARIANTS.values()),
        BertSettings(size="tiny", embedding_width=128),
        BertSettings(size="tiny", norm="pre", initial_positions="sinusoidal"),
        BertSettings(size="tiny", num_segments=1, activation="relu", positions_after_padding=True),
        TransformerXLSettings(size="mini", memory=9, clamp=400, same_length=True, activation="relu"),
        MPNetSettings(size="mini", dropout=0.2, attention_dropout=0.3, max_positions=77, activation="relu"),
        ModernSettings(size="mini", dropout=0.2, attention_dropout=0.3, window=5, global_every=2),
        ModernSettings(size="base", global_every=4, global_theta=500.0, local_theta=50.0, norm_epsilon=1e-6),
        ModernSettings(size="tiny", global_every=7),
        ModernSettings(size="tiny", num_segments=2, window=9),
        ModernSettings(size="tiny", activation="relu"),
    ],
)
def test_settings_come_back_from_their_configuration(settings, written, tmp_path):
    vocabulary = written(BERT)[1].vocabulary
    name = family_of(settings)
    family = FAMILIES[name]
    config = {"model_type": family.model_type, **family.write(settings, vocabulary)}
    found, again = backbone_of(json.loads(json.dumps(config)), tmp_path)
    # The size is a name for a shape, and the shape comes back.
    assert (found, again.model_copy(update={"size": None})) == (
        name,
        settings.model_copy(update={"size": None}),
    )


def test_settings_decide_which_family_a_model_of_bert_belongs_to():
    found = {named: family_of(BertSettings(size="tiny", **values)) for named, values in BERT_VARIANTS.items()}
    assert found == {named: named for named in BERT_VARIANTS}
    assert family_of(BertSettings(size="tiny")) == "bert"
    assert family_of(TransformerXLSettings(size="tiny")) == "transformer_xl"
    # What transformers has no class for is kept under a name of ours.
    for values in ({"norm": "pre"}, {"num_segments": 1}, {"embedding_width": 64, "activation": "relu"}):
        assert family_of(BertSettings(size="tiny", **values)) == "bert_variant"
    assert family_of(ModernSettings(size="tiny")) == "modern"
    for values in ({"num_segments": 2}, {"activation": "relu"}):
        assert family_of(ModernSettings(size="tiny", **values)) == "modern_variant"
    for values in ({"cutoffs": (9,)}, {"memory": 9, "same_length": True}):
        assert family_of(TransformerXLSettings(size="tiny", **values)) == "transformer_xl_variant"


@pytest.mark.parametrize("kind", BACKBONES)
def test_every_backbone_has_a_family_for_what_transformers_does_not_compute(kind):
    family = FAMILIES[family_of(BACKBONES[kind][0](size="tiny"), is_theirs=False)]
    assert family.architecture is None
    assert family.model_type not in transformers.CONFIG_MAPPING


@pytest.mark.parametrize(
    ("case", "values"),
    [(BERT_PAIR, {"norm": "pre"}), (dataclasses.replace(MODERN, pair=True), {"num_segments": 2})],
    ids=str,
)
def test_a_variant_that_transformers_has_no_class_for_comes_back_and_says_so(
    case, values, written, monkeypatch
):
    monkeypatch.setitem(BERT_VARIANTS, "another", values)
    folder, model = written(dataclasses.replace(case, variant="another"))
    assert_comes_back(folder, model)
    assert "`transformers` has no class for this model" in (folder / "README.md").read_text()


def test_a_model_with_adaptive_softmax_comes_back_and_says_that_it_is_no_xlnet(tokenizers, tmp_path):
    case = dataclasses.replace(XLNET, objective="causal")
    model, objective, _ = built(case, tokenizers["unigram"], cutoffs=[20, 40])
    write_model(tmp_path, model, objective, [], facts={})
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["model_type"] == "bothways_transformer_xl"
    assert "architectures" not in config
    assert "`transformers` has no class for this model" in (tmp_path / "README.md").read_text()
    assert_comes_back(tmp_path, model)


# ---- refusals ---------------------------------------------------------------------------------------------------


def change(folder, **values):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def refused(folder, kind=CheckpointError):
    """Return the one line with which a folder is refused."""
    with pytest.raises(BothwaysError) as error:
        read_model(folder)
    assert type(error.value) is kind
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("case", "key", "value"),
    [
        (BERT, "position_embedding_type", "relative_key_query"),
        (BERT, "is_decoder", True),
        (BERT, "tie_word_embeddings", False),
        (BERT, "type_vocab_size", 1),
        (BERT, "hidden_act", "silu"),
        (XLNET, "attn_type", "uni"),
        (XLNET, "untie_r", False),
        (XLNET, "same_length", True),
        (XLNET, "tie_word_embeddings", False),
        (CROSSED, "model_type", "t5"),
        (ROBERTA, "type_vocab_size", 2),
        (ROBERTA, "hidden_act", "relu"),
        (ELECTRA, "hidden_act", "gelu_new"),
        (MPNET, "relative_attention_num_buckets", 16),
        (MPNET, "tie_word_embeddings", False),
        (GPT2, "scale_attn_by_inverse_layer_idx", True),
        (GPT2, "scale_attn_weights", False),
        (MODERN, "norm_bias", True),
        (MODERN, "mlp_bias", True),
        (MODERN, "decoder_bias", False),
        (MODERN, "hidden_activation", "relu"),
        (MODERN, "classifier_activation", "relu"),
        (MODERN, "layer_types", ["sliding_attention", "full_attention"]),
        (MODERN, "rope_parameters", {"full_attention": {"rope_type": "yarn", "rope_theta": 1.0}}),
    ],
)
def test_variants_that_would_compute_something_else_are_refused(case, key, value, written):
    folder, _ = written(case)
    change(folder, **{key: value})
    said = refused(folder)
    assert str(folder) in said
    assert repr(value) in said


@pytest.mark.parametrize(
    ("family", "key", "value", "named"),
    [
        ("bert", "hidden_size", None, "setting 'width' is None"),
        ("roberta", "pad_token_id", None, "pad_token_id=None is not a whole number"),
        ("roberta", "max_position_embeddings", None, "max_position_embeddings=None is not a whole number"),
        ("roberta", "max_position_embeddings", 1, "setting 'max_positions' is"),
        ("mpnet", "max_position_embeddings", "many", "max_position_embeddings='many' is not a whole number"),
        ("gpt2", "n_embd", None, "n_embd=None is not a whole number"),
        ("xlnet", "clamp_len", "far", "clamp_len='far' is not a whole number"),
        ("xlnet", "d_model", 33, "width 33 does not split into 2 heads"),
        ("modern", "num_hidden_layers", None, "num_hidden_layers=None is not a whole number of at least 1"),
        ("modern", "global_attn_every_n_layers", 0, "global_attn_every_n_layers=0 is not a whole number"),
        ("modern", "local_attention", None, "local_attention=None is not a whole number"),
        ("modern", "rope_parameters", [1], "rope_parameters=[1] does not say what holds for full_attention"),
        ("modern", "rope_parameters", {"full_attention": 1}, "does not say what holds for full_attention"),
    ],
)
def test_entries_of_others_that_make_no_sense_are_refused_by_name(family, key, value, named, theirs):
    folder, _ = theirs(family)
    change(folder, **{key: value})
    said = refused(folder)
    assert said.startswith(f"{folder}/config.json cannot be used: ")
    assert named in said
    assert len(said) < len(str(folder)) + 200


def test_an_entry_that_is_not_there_is_named_and_no_clamp_is_none(theirs):
    folder, _ = theirs("xlnet", clamp_len=3)
    for value in (None, 0, -1):
        change(folder, clamp_len=value)
        assert describe(folder).settings.clamp is None
    path = folder / "config.json"
    config = json.loads(path.read_text())
    del config["d_model"]
    path.write_text(json.dumps(config))
    assert "it has no 'd_model'" in refused(folder)


def test_broken_folders_are_refused_in_one_line(written, tmp_path):
    assert "has no config.json" in refused(tmp_path / "nothing")
    folder, _ = written(BERT)
    weights, config = folder / "model.safetensors", folder / "config.json"
    whole, text = weights.read_bytes(), config.read_text()
    weights.write_bytes(whole[: len(whole) // 2])
    assert "model.safetensors cannot be read" in refused(folder)
    weights.unlink()
    (folder / "pytorch_model.bin").write_bytes(b"not even looked at")
    assert "has no model.safetensors; save the model as one safetensors file first" in refused(folder)
    weights.write_bytes(whole)
    for broken in ("", "[]", '{"bothways": 3}', text.replace("cls_first", "cls_middle")):
        config.write_text(broken)
        assert "config.json" in refused(folder)
    config.write_text(text.replace('"kind": "masked"', '"kind": "telepathy"'))
    assert "names 'telepathy', which this Bothways does not know" in refused(folder)
    config.write_text(text)
    (folder / "tokenizer.json").write_text("{}")
    assert "is not a tokenizer.json" in refused(folder, DataError)


def test_weights_of_another_shape_are_refused_by_name(written):
    folder, _ = written(BERT)
    change(folder, intermediate_size=64)
    assert "has shape [48, 32], this model needs [64, 32]" in refused(folder)
    change(folder, intermediate_size=48, num_hidden_layers=3)
    assert "lacks encoder.blocks.2." in refused(folder)


def test_code_in_a_folder_is_never_run(written, monkeypatch):
    folder, _ = written(BERT)
    (folder / "evil.py").write_text("raise SystemExit('this code ran')\n")
    change(
        folder,
        auto_map={"AutoModel": "evil.Model", "AutoTokenizer": "evil.Tokenizer"},
        trust_remote_code=True,
    )
    monkeypatch.syspath_prepend(folder)
    model, _ = read_model(folder)
    assert model.objective.name == "masked"
    assert "evil" not in sys.modules
    assert not (folder / "__pycache__").exists()


@pytest.fixture(autouse=True)
def _quiet_transformers():
    logging.getLogger("transformers").setLevel(logging.ERROR)
