"""An ELECTRA is two models in one folder: transformers loads either; we read back both, or the one that is there."""

import dataclasses
import json

import pytest
import safetensors.torch
import torch
import transformers
from model_cases import BERT_VARIANTS
from test_folder import TOLERANCE, encode, loaded, parts
from their_models import DISCRIMINATOR, DISCRIMINATOR_PAIR, SECOND, SENTENCE, our_logits
from tiny_runs import assert_same_bits

from bothways.batch import Batch
from bothways.errors import CheckpointError
from bothways.interop.folder import describe, named_parameters, read_model, write_model
from bothways.objectives.masked import MaskedSettings
from bothways.objectives.replaced import ReplacedSettings
from bothways.text.tokenizer import vocabulary_of, write_tokenizer
from bothways.trained import fill
from bothways.training import checkpoint

both = pytest.mark.parametrize("case", [DISCRIMINATOR, DISCRIMINATOR_PAIR], ids=str)


def detected(model, encoded):
    """Return our detector's scores [slots] of one encoded row."""
    tokens = encoded["input_ids"]
    places = torch.arange(tokens.shape[1])[None]
    nothing = torch.zeros(0, dtype=torch.int64)
    batch = Batch(tokens, encoded["token_type_ids"], places, scored=nothing, targets=nothing)
    with torch.no_grad():
        return model.objective.detector(model.encoder(batch)[0])[0]


def written_by_generator(model, encoded):
    """Return the generator's scores [slots, vocabulary]."""
    tokens = encoded["input_ids"]
    every = torch.arange(tokens.shape[1])
    batch = Batch(tokens, encoded["token_type_ids"], every[None], scored=every, targets=tokens[0])
    with torch.no_grad():
        states, _ = model.objective.generator(model.encoder, batch)
        return model.objective.generator.objective.head(states[0], model.encoder.token_embedding)


@both
def test_transformers_loads_both_with_every_key_and_the_same_logits(case, written):
    folder, model = written(case)
    discriminator, *keys = loaded(folder, "ElectraForPreTraining")
    assert keys == [set(), set()]
    generator, *keys = loaded(folder / "generator", "ElectraForMaskedLM")
    assert keys == [set(), set()]
    assert type(loaded(folder / "generator", "AutoModelForMaskedLM")[0]) is type(generator)
    for place, name in ((folder, "ElectraForPreTraining"), (folder / "generator", "ElectraForMaskedLM")):
        assert json.loads((place / "config.json").read_text())["architectures"] == [name]
    for texts in ((SENTENCE,), (SENTENCE, SECOND)):
        encoded = encode(folder, *texts)
        assert {name: value.tolist() for name, value in encode(folder / "generator", *texts).items()} == {
            name: value.tolist() for name, value in encoded.items()
        }
        with torch.no_grad():
            assert (discriminator(**encoded).logits[0] - detected(model, encoded)).abs().max() < TOLERANCE
            found = written_by_generator(model, encoded)
            assert (generator(**encoded).logits[0] - found).abs().max() < TOLERANCE


@both
def test_both_come_back_with_every_weight_and_setting_and_the_same_bytes(case, written, tmp_path):
    folder, model = written(case)
    again, missing = read_model(folder)
    assert missing == []
    assert_same_bits(named_parameters(*parts(again)), named_parameters(*parts(model)))
    about = describe(folder)
    assert about.objective == ReplacedSettings()
    (tmp_path / "copy").mkdir()
    write_model(tmp_path / "copy", again, about.objective, about.extras, facts={"name": "a | b", "seed": 1})
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    assert len(files) == (11 if case.pair else 10)
    for path in files:
        assert (tmp_path / "copy" / path).read_bytes() == (folder / path).read_bytes(), path


def test_the_generator_is_a_masked_model_of_its_own(written):
    folder, model = written(DISCRIMINATOR)
    alone, missing = read_model(folder / "generator")
    assert missing == []
    assert describe(folder / "generator").objective == MaskedSettings(mask_share=1.0, random_share=0.0)
    assert alone.encoder.settings == model.objective.generator.encoder.settings
    encoded = encode(folder, SENTENCE)
    assert torch.equal(our_logits(alone, encoded), written_by_generator(model, encoded))


def test_the_cards_say_how_to_load_each_and_that_code_runs(written, monkeypatch):
    folder, _ = written(DISCRIMINATOR)
    for place, name in ((folder, "ElectraForPreTraining"), (folder / "generator", "ElectraForMaskedLM")):
        code = (place / "README.md").read_text().split("```python\n")[1].split("```")[0]
        monkeypatch.chdir(place)
        scope = {}
        exec(code, scope)
        assert type(scope["model"]).__name__ == name
    assert "its generator does" in (folder / "README.md").read_text()
    assert "# generator of a \\| b" in (folder / "generator/README.md").read_text()


def test_the_manifest_of_a_checkpoint_covers_the_generator(written, tmp_path):
    folder, model = written(DISCRIMINATOR)
    about = describe(folder)

    def write(place):
        write_model(place, model, about.objective, about.extras, facts={})

    checkpoint.save(tmp_path / "saved", write, {}, {})
    listed = json.loads((tmp_path / "saved/MANIFEST.json").read_text())["files"]
    assert {"generator/model.safetensors", "generator/config.json", "generator/tokenizer.json"} <= set(listed)
    checkpoint.verify(tmp_path / "saved")
    path = tmp_path / "saved/generator/model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    with pytest.raises(CheckpointError, match=r"generator/model\.safetensors has sha256"):
        checkpoint.verify(tmp_path / "saved")


def theirs(tokenizer, folder, kind, **values):
    """Write a random model of transformers, as its authors published them: without a word of ours."""
    torch.manual_seed(0)
    config = transformers.ElectraConfig(
        vocab_size=vocabulary_of(tokenizer).size, embedding_size=24, hidden_size=32, num_hidden_layers=2,
        num_attention_heads=2, intermediate_size=48, max_position_embeddings=40, initializer_range=0.2, **values,
    )  # fmt: skip
    model = getattr(transformers, kind)(config).eval()
    model.save_pretrained(folder)
    write_tokenizer(tokenizer, "cls_first", folder, None)
    return model


def test_a_discriminator_of_others_is_read_and_its_generator_reported_as_missing(tokenizers, tmp_path):
    model = theirs(tokenizers["wordpiece"], tmp_path, "ElectraForPreTraining")
    ours, missing = read_model(tmp_path)
    assert ours.objective.name == "replaced"
    assert set(missing) == {name for name in named_parameters(*parts(ours)) if ".generator." in name}
    encoded = encode(tmp_path, SENTENCE, SECOND)
    with torch.no_grad():
        assert (model(**encoded).logits[0] - detected(ours, encoded)).abs().max() < TOLERANCE


def test_questions_to_a_discriminator_without_its_generator_are_refused_not_guessed(tokenizers, tmp_path):
    theirs(tokenizers["wordpiece"], tmp_path, "ElectraForPreTraining")
    with pytest.raises(CheckpointError, match=r"lacks its generator \(\d+ tensors of objective\.generator\)"):
        fill(tmp_path, "the [?] fox")


def test_a_generator_of_others_is_read_as_a_masked_model(tokenizers, tmp_path):
    theirs(tokenizers["wordpiece"], tmp_path, "ElectraForMaskedLM")
    ours, missing = read_model(tmp_path)
    assert (ours.objective.name, missing) == ("masked", [])


def test_on_a_backbone_without_a_class_the_generator_is_kept_beside(written, monkeypatch):
    monkeypatch.setitem(BERT_VARIANTS, "pre-norm", {"norm": "pre"})
    plain = dataclasses.replace(DISCRIMINATOR, variant=None)
    relative = dataclasses.replace(DISCRIMINATOR, variant="pre-norm")
    other = dataclasses.replace(DISCRIMINATOR, backbone="transformer_xl", variant=None)
    for case in (plain, relative, other):
        folder, model = written(case, str(case))
        assert not (folder / "generator").exists()
        assert "architectures" not in json.loads((folder / "config.json").read_text())
        assert "no class for this model" in (folder / "README.md").read_text()
        beside = safetensors.torch.load_file(folder / "bothways.safetensors")
        assert {name for name in beside if not name.startswith("objective.")} <= {
            "encoder.final.norm.weight",
            "encoder.final.norm.bias",
        }
        assert {name for name in named_parameters(*parts(model)) if name.startswith("objective.")} <= set(
            beside
        )
        again, missing = read_model(folder)
        assert missing == []
        assert_same_bits(named_parameters(*parts(again)), named_parameters(*parts(model)))
