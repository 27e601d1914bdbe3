"""The relatives of BERT, from text to a folder: they train, resume bit for bit, and are read back."""

import pytest
import torch
from small_text import COMMON, write_text
from tiny_runs import assert_same_bits, metrics, saved_tensors, set_cap

from bothways import trained
from bothways.interop.folder import read_model
from bothways.pretrain import pretrain
from bothways.recipe import resolve

STEPS = 3
PACKED = ["format.kind=packed", "extras=[]"]
RELATIVES = {
    "roberta": ["roberta-tiny"],
    "bert with whole words": ["bert-wwm-tiny"],
    "electra": ["bert-tiny", "backbone.embedding_width=16"],
    "gpt2": ["bert-tiny", *PACKED, "backbone.num_segments=0", "backbone.norm=pre", "backbone.head=plain"],
}


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    return write_text(tmp_path_factory.mktemp("relatives") / "text")


def run(named, text, out, **options):
    recipe, *words = RELATIVES[named]
    place = [f"data.train='{text}'", f"data.shards='{text}-{named}'", f"training.steps={STEPS}"]
    return pretrain(resolve(recipe, [*words, *COMMON, *place]), out, quiet=True, **options)


@pytest.mark.parametrize("named", RELATIVES)
def test_a_relative_trains_resumes_bit_for_bit_and_fills_blanks(named, text, tmp_path, monkeypatch):
    whole = run(named, text, tmp_path / "whole")
    assert whole.steps == STEPS
    set_cap(monkeypatch, STEPS - 1)
    assert run(named, text, tmp_path / "cut").steps == STEPS - 1
    monkeypatch.delenv("BOTHWAYS_MAX_STEPS")
    done = run(named, text, tmp_path / "cut", resume=True)
    last = f"checkpoints/step-{STEPS:08d}"
    assert metrics(done.folder, "held_out") == metrics(whole.folder, "held_out")
    assert_same_bits(saved_tensors(done.folder / last), saved_tensors(whole.folder / last))
    model, missing = read_model(done.checkpoint)
    assert missing == []
    assert all(torch.isfinite(value).all() for value in model.encoder.state_dict().values())
    assert len(trained.fill(done.folder, "alpha [?] river [?] .").independent) == 2
