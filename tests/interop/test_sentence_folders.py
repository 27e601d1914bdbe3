"""A classifier of ours is one of transformers: same names, same logits, and back again."""

import json

import numpy as np
import pytest
import torch
import transformers
from task_models import FAMILY_CASES, built_for, our_outputs, their_encoding, their_model
from their_models import BERT, MODERN, SECOND, SENTENCE, XLNET, built

from bothways.interop.folder import load_weights, named_parameters, read_model, write_model
from bothways.interop.heads import HEADS
from bothways.records.types import TextRecord
from bothways.tasks import build_several, build_task
from bothways.tasks.classify import ClassifySettings
from bothways.tasks.regress import RegressSettings
from bothways.tasks.tag import TagSettings

LABELS = ("no", "perhaps", "yes")
SINGLE = [TextRecord("", SENTENCE), TextRecord("", "nobody")]
PAIRS = [TextRecord("", SENTENCE, SECOND), TextRecord("", "fox", "nobody knows why")]
TASKS = {"classify": ClassifySettings(labels=LABELS), "regress": RegressSettings(center=2.5, unit=1.5)}


@pytest.fixture
def written(tokenizers, tmp_path):
    def write(case, settings):
        model = built_for(case, tokenizers[case.tokenizer], settings)
        write_model(tmp_path, model, model.objective.settings, (), facts={"name": "mine"})
        return tmp_path, model

    return write


@pytest.mark.parametrize("records", [SINGLE, PAIRS], ids=["single", "pair"])
@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize("case", FAMILY_CASES, ids=str)
def test_transformers_computes_the_same_logits(case, kind, records, written):
    folder, model = written(case, TASKS[kind])
    architecture = json.loads((folder / "config.json").read_text())["architectures"][0]
    theirs, missing, unexpected = their_model(folder, architecture)
    assert not missing
    assert not unexpected

    firsts, seconds = [record.text for record in records], [record.pair for record in records]
    encoded = their_encoding(folder, firsts, *([seconds] if seconds[0] else []))
    with torch.no_grad():
        logits = theirs(**encoded).logits.numpy()
    np.testing.assert_allclose(np.stack(our_outputs(model, records)), logits, atol=1e-5)


@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize("case", FAMILY_CASES, ids=str)
def test_a_written_task_is_read_back(case, kind, written):
    folder, model = written(case, TASKS[kind])
    again, missing = read_model(folder)
    assert not missing
    assert again.objective.settings == model.objective.settings
    for ours, back in zip(our_outputs(model, PAIRS), our_outputs(again, PAIRS), strict=True):
        assert np.array_equal(ours, back)


def test_the_pipeline_gives_the_labels(written):
    folder, model = written(BERT, TASKS["classify"])
    pipe = transformers.pipeline("text-classification", model=str(folder), device="cpu")
    says = pipe(SENTENCE)[0]
    logits = our_outputs(model, SINGLE)[0]
    assert says["label"] == LABELS[int(logits.argmax())]


def test_a_classifier_begins_as_what_was_pretrained(tokenizers, tmp_path):
    """BERT's pooler was trained by the pair loss; ModernBERT's head is that of its vocabulary; XLNet has neither."""
    for case, beginning in ((BERT, "pooler"), (MODERN, "head"), (XLNET, None)):
        folder = tmp_path / case.backbone
        folder.mkdir()
        paired = case if case is not BERT else type(case)(**{**vars(case), "pair": True})
        pretrained, objective, extras = built(paired, tokenizers[case.tokenizer])
        write_model(folder, pretrained, objective, extras, facts={})
        task = built_for(case, tokenizers[case.tokenizer], TASKS["classify"])
        missing = load_weights(folder, task.encoder, task.objective)
        fresh = {name for name in missing if name.startswith("objective.features")}
        assert bool(fresh) == (beginning is None)


def test_each_of_several_tasks_begins_so_and_all_are_kept(tokenizers, tmp_path):
    pretrained, objective, extras = built(
        type(BERT)(**{**vars(BERT), "pair": True}), tokenizers[BERT.tokenizer]
    )
    (tmp_path / "pretrained").mkdir()
    write_model(tmp_path / "pretrained", pretrained, objective, extras, facts={})
    several = build_several(TASKS, pretrained.vocabulary, pretrained.encoder)
    missing = load_weights(tmp_path / "pretrained", pretrained.encoder, several)
    assert {name.rpartition(".")[0] for name in missing} == {
        "objective.tasks.classify.classifier",
        "objective.tasks.regress.classifier",
    }
    pooler = pretrained.objective.extras["sentence_pair"].head.pooler.weight
    for name in TASKS:
        assert torch.equal(several.task(name).features.dense.weight, pooler)

    model = type(pretrained)(**{**vars(pretrained), "objective": several})
    (tmp_path / "several").mkdir()
    write_model(tmp_path / "several", model, several.settings, (), facts={})
    again, missing = read_model(tmp_path / "several")
    assert not missing
    before, after = (named_parameters(each.encoder, each.objective) for each in (model, again))
    assert all(torch.equal(before[name], after[name]) for name in before)


OTHER_LABELS = ClassifySettings(labels=("yes", "no"))
TAGS = TagSettings(labels=LABELS, entities=False)


def begun(folder, case, settings, tokenizers, name=None):
    """Return a task's network that began with a folder, and whether all, nothing or a part of it is drawn anew."""
    model = built_for(case, tokenizers[case.tokenizer], settings)
    missing = load_weights(folder, model.encoder, model.objective, name)
    own = [f"objective.{name}" for name, _ in model.objective.named_parameters()]
    assert missing in ([], sorted(own))
    return model.objective, not missing


@pytest.mark.parametrize("case", FAMILY_CASES, ids=str)
def test_a_head_goes_on_where_it_means_the_same_and_is_drawn_anew_elsewhere(case, written, tokenizers):
    folder, model = written(case, TASKS["classify"])
    longer = TASKS["classify"].model_copy(update={"length": 16, "dropout": 0.3})
    again, goes_on = begun(folder, case, longer, tokenizers)
    assert goes_on
    assert torch.equal(again.classifier.weight, model.objective.classifier.weight)
    for settings in (OTHER_LABELS, ClassifySettings(labels=LABELS[::-1]), TASKS["regress"], TAGS):
        assert not begun(folder, case, settings, tokenizers)[1]


def test_a_task_goes_on_from_the_one_of_several_that_is_called_and_means_the_same(tokenizers, tmp_path):
    model, _, _ = built(BERT, tokenizers[BERT.tokenizer])
    tasks = {"mood": OTHER_LABELS, "view": TASKS["classify"], "degree": TASKS["regress"]}
    several = build_several(tasks, model.vocabulary, model.encoder)
    write_model(
        tmp_path, type(model)(**{**vars(model), "objective": several}), several.settings, (), facts={}
    )
    mood, goes_on = begun(tmp_path, BERT, OTHER_LABELS, tokenizers, "mood")
    assert goes_on
    assert torch.equal(mood.classifier.weight, several.task("mood").classifier.weight)
    assert torch.equal(mood.features.dense.weight, several.task("mood").features.dense.weight)
    for settings, name in ((OTHER_LABELS, "view"), (OTHER_LABELS, None), (TASKS["classify"], "mood")):
        assert not begun(tmp_path, BERT, settings, tokenizers, name)[1]


def test_somebody_elses_classifier_has_unknown_labels(tokenizers, written):
    folder, _ = written(BERT, TASKS["classify"])
    config = json.loads((folder / "config.json").read_text())
    del config["bothways"]
    (folder / "config.json").write_text(json.dumps(config))
    task = built_for(BERT, tokenizers[BERT.tokenizer], OTHER_LABELS)
    missing = load_weights(folder, task.encoder, task.objective)
    assert missing == ["objective.classifier.bias", "objective.classifier.weight"]


def test_every_task_that_a_family_has_a_class_for_is_in_the_table_by_its_own_name():
    for family, heads in HEADS.items():
        for head in heads.values():
            assert hasattr(transformers, head.architecture), (family, head.architecture)


def test_a_fresh_head_has_as_many_outputs_as_labels(tokenizers):
    model, _, _ = built(XLNET, tokenizers[XLNET.tokenizer])
    task = build_task(ClassifySettings(labels=LABELS), model.vocabulary, model.encoder)
    assert task.classifier.out_features == 3
