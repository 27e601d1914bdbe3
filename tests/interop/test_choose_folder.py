"""A model of choices is one of transformers where the family has a class: same logits, and back again."""

import json

import numpy as np
import pytest
import torch
import transformers
from task_models import FAMILY_CASES, built_for, our_outputs, their_encoding, their_model
from their_models import BERT, GPT2, SECOND, SENTENCE

from bothways.interop.folder import read_model, write_model
from bothways.records.types import ChoiceRecord
from bothways.tasks.choose import ChooseSettings

CASES = [case for case in FAMILY_CASES if case is not GPT2]
CHOICES = ("fox", "lazy dogs near Zürich", "nobody")
WITH_PASSAGE = ChoiceRecord("", SENTENCE, "who jumps over", CHOICES, 0)
WITHOUT = ChoiceRecord("", "", SECOND, CHOICES, 1)


@pytest.fixture
def written(tokenizers, tmp_path):
    def write(case, **settings):
        model = built_for(case, tokenizers[case.tokenizer], ChooseSettings(choices=3, **settings))
        write_model(tmp_path, model, model.objective.settings, (), facts={"name": "mine"})
        return tmp_path, model

    return write


def architecture_in(folder):
    return json.loads((folder / "config.json").read_text()).get("architectures")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_transformers_computes_the_same_logits(case, written):
    folder, model = written(case)
    (architecture,) = architecture_in(folder)
    assert architecture.endswith("ForMultipleChoice")
    theirs, missing, unexpected = their_model(folder, architecture)
    assert not missing
    assert not unexpected
    auto = transformers.AutoModelForMultipleChoice.from_pretrained(folder, local_files_only=True)
    assert type(auto) is type(theirs)

    firsts = [SENTENCE] * 3 + [SECOND] * 3
    seconds = [f"who jumps over {choice}" for choice in CHOICES] + list(CHOICES)
    encoded = their_encoding(folder, firsts, seconds)
    with torch.no_grad():
        logits = theirs(**{name: value.unflatten(0, (2, 3)) for name, value in encoded.items()}).logits
    ours = np.stack(our_outputs(model, [WITH_PASSAGE, WITHOUT]))
    np.testing.assert_allclose(ours, logits.numpy(), atol=1e-5)
    assert np.ptp(ours) > 1e-2


@pytest.mark.parametrize("head", ["linear", "answer_network"])
@pytest.mark.parametrize("case", FAMILY_CASES, ids=str)
def test_a_written_model_of_choices_is_read_back(case, head, written):
    folder, model = written(case, head=head)
    again, missing = read_model(folder)
    assert not missing
    assert again.objective.settings == model.objective.settings
    for ours, back in zip(our_outputs(model, [WITHOUT]), our_outputs(again, [WITHOUT]), strict=True):
        assert np.array_equal(ours, back)


@pytest.mark.parametrize(
    ("case", "settings"), [(GPT2, {}), (BERT, {"head": "answer_network"})], ids=["gpt2", "answer network"]
)
def test_what_transformers_has_no_class_for_is_written_under_our_names(case, settings, written):
    folder, _ = written(case, **settings)
    assert architecture_in(folder) is None
    assert json.loads((folder / "config.json").read_text())["model_type"].startswith("bothways_")
    assert (folder / "bothways.safetensors").is_file()
    assert "no class for this model" in (folder / "README.md").read_text()
