"""A model of vectors is an encoder of transformers and a folder of sentence-transformers; several tasks share one."""

import dataclasses
import json

import numpy as np
import pytest
import torch
import transformers
from task_models import FAMILY_CASES, built_for, our_outputs, their_encoding, their_model
from their_models import BERT, GPT2, SECOND, SENTENCE, XLNET

from bothways.interop.folder import named_parameters, read_model, write_model
from bothways.interop.sentence_transformers import pooling_of
from bothways.records.types import TextRecord
from bothways.tasks import build_several
from bothways.tasks.choose import ChooseSettings
from bothways.tasks.classify import ClassifySettings
from bothways.tasks.embed import EmbedSettings

TEXTS = [SENTENCE, "nobody", SECOND]
RECORDS = [TextRecord("", text) for text in TEXTS]


@pytest.fixture
def written(tokenizers, tmp_path):
    def write(case, **settings):
        model = built_for(case, tokenizers[case.tokenizer], EmbedSettings(**settings))
        write_model(tmp_path, model, model.objective.settings, (), facts={"name": "mine"})
        return tmp_path, model

    return write


def encoder_of(folder):
    """Return the encoder as `AutoModel` loads it; a pooler that was not trained may be missing."""
    (architecture,) = json.loads((folder / "config.json").read_text())["architectures"]
    theirs, missing, unexpected = their_model(folder, "AutoModel")
    assert type(theirs).__name__ == architecture
    assert all(name.startswith("pooler.") for name in missing)
    assert not unexpected
    return theirs


def vectors_of(model):
    return np.concatenate(our_outputs(model, RECORDS))


@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize("case", FAMILY_CASES, ids=str)
def test_the_states_of_transformers_give_the_same_vectors(case, pooling, written):
    folder, model = written(case, pooling=pooling)
    encoded = their_encoding(folder, TEXTS)
    with torch.no_grad():
        states = encoder_of(folder)(**encoded).last_hidden_state
    mask = encoded["attention_mask"].bool()
    of_text = [row[real] for row, real in zip(states, mask, strict=True)]
    at = -1 if case in (GPT2, XLNET) else 0
    theirs = [each.mean(0) if pooling == "mean" else each[at] for each in of_text]
    np.testing.assert_allclose(vectors_of(model), torch.stack(theirs), atol=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize("case", FAMILY_CASES, ids=str)
def test_sentence_transformers_gives_the_same_vectors(case, pooling, written):
    library = pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
    folder, model = written(case, pooling=pooling, length=12)
    theirs = library.SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    assert theirs.max_seq_length == 12
    long = " ".join([SENTENCE] * 4)
    ours = np.concatenate(our_outputs(model, [TextRecord("", text) for text in (*TEXTS, long)]))
    np.testing.assert_allclose(ours, theirs.encode([*TEXTS, long]), atol=1e-5)


def test_the_files_of_sentence_transformers_say_how_states_are_pooled(written):
    folder, _ = written(BERT, length=24)
    modules = json.loads((folder / "modules.json").read_text())
    assert [(each["path"], each["type"].rsplit(".", 1)[1]) for each in modules] == [
        ("", "Transformer"),
        ("1_Pooling", "Pooling"),
    ]
    pooling = json.loads((folder / "1_Pooling" / "config.json").read_text())
    assert pooling == {
        "word_embedding_dimension": 32,
        "pooling_mode_cls_token": False,
        "pooling_mode_mean_tokens": True,
        "pooling_mode_lasttoken": False,
    }
    assert json.loads((folder / "sentence_bert_config.json").read_text())["max_seq_length"] == 24
    assert (folder / "config_sentence_transformers.json").is_file()
    assert "SentenceTransformer" in (folder / "README.md").read_text()


def test_a_cls_that_stands_last_is_the_last_token():
    cls = EmbedSettings(pooling="cls")
    assert pooling_of(cls) == "cls_token"
    for changes in ({"layout": "cls_last"}, {"is_causal": True}):
        assert pooling_of(cls.model_copy(update=changes)) == "lasttoken"
    assert pooling_of(EmbedSettings(layout="cls_last")) == "mean_tokens"


@pytest.mark.parametrize("case", FAMILY_CASES, ids=str)
def test_a_written_model_of_vectors_is_read_back(case, written):
    folder, model = written(case)
    again, missing = read_model(folder)
    assert not missing
    assert again.objective.settings == model.objective.settings
    assert np.array_equal(vectors_of(model), vectors_of(again))


@pytest.mark.parametrize("case", [BERT, GPT2, XLNET], ids=str)
def test_the_encoder_that_several_tasks_share_is_one_of_transformers_and_their_heads_stand_beside(
    case, tokenizers, tmp_path
):
    alone = built_for(case, tokenizers[case.tokenizer], EmbedSettings())
    known = {"layout": alone.layout, "is_causal": case is GPT2}
    tasks = {
        "vectors": EmbedSettings(**known),
        "mood": ClassifySettings(labels=("bad", "good"), head="answer_network", **known),
        "choice": ChooseSettings(**known),
    }
    several = build_several(tasks, alone.vocabulary, alone.encoder)
    model = dataclasses.replace(alone, objective=several)
    write_model(tmp_path, model, several.settings, (), facts={})

    encoded = their_encoding(tmp_path, TEXTS)
    with torch.no_grad():
        states = encoder_of(tmp_path)(**encoded).last_hidden_state
    mask = encoded["attention_mask"][..., None]
    np.testing.assert_allclose(vectors_of(alone), (states * mask).sum(1) / mask.sum(1), atol=1e-5)

    again, missing = read_model(tmp_path)
    assert not missing
    before, after = (named_parameters(each.encoder, each.objective) for each in (model, again))
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert transformers.AutoConfig.from_pretrained(tmp_path).model_type in ("bert", "gpt2", "xlnet")
