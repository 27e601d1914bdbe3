"""Every model of the family trains from text, is evaluated, resumes bit for bit, and is read back from its folder."""

import logging

import numpy as np
import pytest
import torch
import transformers
from small_text import COMMON, write_text
from tiny_runs import assert_same_bits, metrics, saved_tensors, set_cap

from bothways import trained
from bothways.batch import Examples
from bothways.errors import UsageError
from bothways.interop.folder import read_model
from bothways.pretrain import pretrain
from bothways.recipe import resolve

STEPS = 3
TINY = [*COMMON, "tokenizer.kind=wordpiece", "tokenizer.lowercase=true", f"training.steps={STEPS}"]
STREAM = ["format.reuse=16", "backbone.memory=24"]
EVALUATION = ["tokens=20", "spans=4", "left_to_right_tokens=50", "words=4", "window=32"]

CASES = {
    "gpt": ("gpt-tiny", []),
    "gpt with a prefix": ("gpt-tiny", ["objective.prefix=0.5"]),
    "gpt on pairs": ("bert-tiny", ["objective.kind=causal", "extras=[]"]),
    "causal with memory": ("xlnet-tiny", ["objective.kind=causal", *STREAM]),
    "causal on relative positions, packed": (
        "xlnet-tiny",
        ["objective.kind=causal", "format.kind=packed", "backbone.memory=0"],
    ),
    "electra": ("electra-tiny", []),
    "electra as released": ("electra-tiny", ["objective.select=repeatable", "objective.mask_share=0.85"]),
    "electra on packed rows": ("electra-tiny", ["format.kind=packed"]),
    "electra with memory": (
        "xlnet-tiny",
        ["objective.kind=replaced", "extras=[{kind: sentence_pair}]", "training.micro_batch=4", *STREAM],
    ),
    "spanbert": ("spanbert-tiny", []),
    "spanbert on pairs": ("spanbert-tiny", ["format.kind=pairs", "extras.0.longest=3"]),
    "mpnet": ("mpnet-tiny", ["tokenizer.specials=mpnet"]),
    "mpnet on bert's encoder and pairs": ("bert-tiny", ["objective.kind=mpnet"]),
    "spanbert with memory": (
        "xlnet-tiny",
        [
            "objective.kind=masked",
            "objective.select=span",
            "extras=[{kind: span_boundary}, {kind: sentence_pair}]",
            *STREAM,
        ],
    ),
    "modern": ("modern-tiny", ["backbone.window=4"]),
    "modern on pairs": (
        "modern-tiny",
        ["format.kind=pairs", "backbone.num_segments=2", "extras=[{kind: sentence_pair}]"],
    ),
    "modern from left to right": ("modern-tiny", ["objective.kind=causal", "backbone.window=4"]),
}


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    return write_text(tmp_path_factory.mktemp("family") / "text")


def run(named, text, out, **options):
    name, words = CASES[named]
    place = [f"data.train='{text}'", f"data.shards='{text}-shards'"]
    return pretrain(resolve(name, [*TINY, *words, *place]), out, quiet=True, **options)


@pytest.mark.parametrize("named", CASES)
def test_it_trains_resumes_bit_for_bit_and_is_scored(named, text, tmp_path, monkeypatch):
    whole = run(named, text, tmp_path / "whole")
    assert whole.steps == STEPS
    assert all(np.isfinite(line["loss"]) for line in metrics(whole.folder))
    answers = read_model(whole.checkpoint)[0].objective.answers
    knows_both_sides = "leave one out" in answers
    assert set(whole.held_out) >= {"leave_one_out_nats" if knows_both_sides else "left_to_right_nats"}
    set_cap(monkeypatch, STEPS - 1)
    assert run(named, text, tmp_path / "cut").steps == STEPS - 1
    monkeypatch.delenv("BOTHWAYS_MAX_STEPS")
    done = run(named, text, tmp_path / "cut", resume=True)
    last = f"checkpoints/step-{STEPS:08d}"
    assert metrics(done.folder, "held_out") == metrics(whole.folder, "held_out")
    assert_same_bits(saved_tensors(done.folder / last), saved_tensors(whole.folder / last))
    found = {item.key: item.model for item in trained.score(whole.folder, str(text), EVALUATION).measurements}
    assert (found["leave_one_out_nats"] is not None) == knows_both_sides
    assert (found["left_to_right_nats"] is not None) == ("left to right" in answers)
    assert (found["orders_span_nats"] is not None) == ("orders" in answers)


def test_a_trained_gpt_is_a_gpt2_of_transformers_with_the_same_scores(text, tmp_path):
    logging.getLogger("transformers").setLevel(logging.ERROR)
    folder = run("gpt", text, tmp_path / "run").checkpoint
    theirs, info = transformers.AutoModelForCausalLM.from_pretrained(
        folder, local_files_only=True, output_loading_info=True
    )
    assert type(theirs) is transformers.GPT2LMHeadModel
    assert info["missing_keys"] == info["unexpected_keys"] == set()
    encoded = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)(
        "alpha river sleeps", return_tensors="pt"
    )
    model, _ = read_model(folder)
    tokens = encoded["input_ids"].numpy()
    nothing = np.zeros_like(tokens)
    batch = model.objective.left_to_right(Examples(tokens, nothing, np.arange(tokens.shape[1])[None]))
    with torch.no_grad():
        hidden, _ = model.encoder(batch)
        ours = model.objective.head(hidden, model.encoder.token_embedding)
        torch.testing.assert_close(theirs.eval()(**encoded).logits, ours, rtol=0, atol=1e-5)


def test_an_electra_is_asked_through_its_generator_and_says_so(text, tmp_path):
    done = run("electra", text, tmp_path / "run")
    score = trained.score(done.folder, str(text), EVALUATION)
    assert any("its generator" in line for line in score.lines())
    filled = trained.fill(done.folder, "alpha [?] river")
    assert filled.lines()[-1] == "filled by its generator"
    assert trained.fill(done.checkpoint / "generator", "alpha [?] river").joint == filled.joint
    assert "| questions are answered by | its generator |" in (done.checkpoint / "README.md").read_text()


def test_an_electra_goes_on_from_another_with_both_its_models(text, tmp_path):
    first = run("electra", text, tmp_path / "first")
    second = run("electra", text, tmp_path / "second", start_from=first.checkpoint)
    fresh = run("electra", text, tmp_path / "fresh")
    assert second.steps == fresh.steps
    begun, _ = read_model(first.checkpoint)
    losses = [metrics(each.folder)[0]["generator"] for each in (fresh, second)]
    assert begun.objective.name == "replaced"
    assert losses[1] < losses[0]


def test_a_causal_model_fills_no_blanks(text, tmp_path):
    done = run("gpt", text, tmp_path / "run")
    with pytest.raises(UsageError, match="reads from left to right"):
        trained.fill(done.folder, "alpha [?] river")
