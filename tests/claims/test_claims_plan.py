from pathlib import Path

import numpy as np
import pytest
import torch
from claims_cases import BRIEF

from bothways.claims import acceptability, plan
from bothways.claims.discrepancy import shift
from bothways.claims.improved_training import VARIANTS, hidden_in_pairs
from bothways.claims.language import Language
from bothways.claims.practice import accuracy_of
from bothways.claims.reader import Blank, Reader
from bothways.claims.registry import CLAIMS
from bothways.errors import UsageError

pytestmark = pytest.mark.usefixtures("brief_plan")


def test_equal_settings_are_one_model_whatever_the_variant_is_called(tmp_path):
    plain = plan.job({}, 1, tmp_path, name="plain")
    said = plan.job({"objective": {"rate": 0.15}}, 1, tmp_path, name="said")
    assert plain.folder == said.folder
    others = [
        plan.job({"objective": {"rate": 0.3}}, 1, tmp_path),
        plan.job({}, 2, tmp_path),
        plan.job({}, 1, tmp_path, quick=True),
        plan.job({"language": {"shared_topic": True}}, 1, tmp_path),
        plan.job({"documents": 300}, 1, tmp_path),
        plan.job({"documents": 300, "training": {"static_epochs": 1}}, 1, tmp_path),
    ]
    assert len({each.folder for each in [plain, *others]}) == 7


def test_a_variant_reads_as_many_documents_as_it_says(tmp_path):
    for count in (150, 300):
        text = Path(plan.job({"documents": count}, 1, tmp_path).recipe.data.train).read_text()
        assert len(text.split("\n\n")) == count


def test_every_claim_names_variants_that_can_be_trained_and_is_registered_under_its_name(tmp_path):
    for name, claim in CLAIMS.items():
        assert claim.name == name
        for variant in claim.variants.values():
            assert plan.job(variant, 1, tmp_path).recipe.training.threads == 1


def test_a_setting_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(UsageError, match="did you mean 'rate'"):
        plan.job({"objective": {"ratte": 0.3}}, 1, tmp_path)


def test_a_document_fills_a_row_whole(tmp_path):
    text = (plan._written(Language(), 400, tmp_path), tmp_path / "text.txt")[1].read_text().split("\n\n")
    assert all(len(document.split()) == plan.ROW - 2 for document in text[:-1])
    assert text[0].count("\n") == 2


def test_models_are_trained_once_and_answer_in_words(tmp_path):
    said = []
    twice = {"a": BRIEF, "b": {**BRIEF, "objective": {"rate": 0.15}}}
    folders = plan.train(twice, [1], tmp_path, said.append)
    assert folders["a"] == folders["b"]
    assert len(said) == 2
    assert plan.train(twice, [1], tmp_path, said.append) == folders
    assert len(said) == 2

    reader = Reader.of(folders["a"][0])
    document = Language().questions(1)[0]
    blanks = [Blank(document.words, (3, 4), (3, 4)), Blank(document.words, (4,), (4,))]
    tables = reader.predict(blanks)
    assert np.exp(tables[0]).sum(axis=1) == pytest.approx([1, 1], abs=1e-5)
    truth = reader.encode(document.words)
    assert reader.nats(blanks)[0] == pytest.approx(-tables[0][[0, 1], truth[[3, 4]]].sum())
    other = [*document.words[:3], "Monday", *document.words[4:]]
    assert reader.predict([Blank(other, (3, 4), (4,))])[0] == pytest.approx(tables[0][1:], abs=1e-5)


def test_hidden_words_of_held_out_pairs_cost_the_same_each_time_they_are_asked(tmp_path):
    variant = VARIANTS["pairs and next sentence"] | BRIEF
    (folder,) = plan.train({"pairs": variant}, [1], tmp_path)["pairs"]
    nats = hidden_in_pairs(folder)
    assert nats == hidden_in_pairs(folder)
    assert nats == pytest.approx(np.log(len(Language().vocabulary)), abs=0.5)


def test_a_causal_model_says_what_each_word_costs_after_those_before_it(tmp_path):
    folder = plan.train({"causal": plan.CAUSAL | BRIEF}, [1], tmp_path)["causal"][0]
    reader, documents = Reader.of(folder), Language().questions(3)
    nats = reader.left_to_right(documents)
    assert nats.shape == (3, 24)
    # Documents come back in their own order: each alone costs the same.
    assert nats[1:2] == pytest.approx(reader.left_to_right(documents[1:2]), abs=1e-5)


def test_in_one_layer_of_two_streams_hiding_a_word_does_not_move_its_own_state(tmp_path):
    backbone = plan.BACKBONES["xlnet"] | {"layers": 1}
    permuted = plan.XLNET | BRIEF | {"backbone": backbone}
    folders = plan.train({"masked": BRIEF, "permuted": permuted}, [1], tmp_path)
    moved = {}
    for name, (folder,) in folders.items():
        reader = Reader.of(folder)
        texts = [reader.encode(document.words) for document in Language().questions(4)]
        moved[name] = shift(reader.subject, texts, [3, 9, 12, 20])
    assert np.abs(moved["permuted"].own).max() < 1e-6
    assert moved["masked"].own.min() > 1e-3
    assert moved["permuted"].others.min() > 0


def test_an_encoder_learns_which_sentences_are_possible(tmp_path, monkeypatch):
    monkeypatch.setattr(acceptability, "STEPS", 4)
    ((run,),) = plan.train({"a": BRIEF}, [1], tmp_path).values()
    heads = []
    monkeypatch.setattr(
        acceptability,
        "accuracy_of",
        lambda task, *rest: (heads.append(dict(task.named_parameters())), accuracy_of(task, *rest))[1],
    )
    assert 0 < acceptability.accuracy(run) < 1
    torch.rand(3)  # whatever was drawn before, the head begins alike
    acceptability.accuracy(run)
    assert heads[0].keys() == heads[1].keys()
    assert all(torch.equal(heads[0][name], heads[1][name]) for name in heads[0])
