"""What `--dry-run` foresees, and that it leaves nothing behind."""

import json

import pytest
import torch
import transformers
from small_text import tree, words_for, write_text

from bothways.cli import main
from bothways.dry_run import dry_run
from bothways.errors import DataError, UsageError
from bothways.recipe import resolve


def estimate(name, *words):
    return dry_run(resolve(name, ["training.precision=float32", "training.threads=1", *words]))


def test_parameters_are_counted_on_the_real_model():
    found = estimate("bert-tiny", "tokenizer.vocabulary=1000")
    with torch.device("meta"):
        shape = {
            "hidden_size": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 512,
        }
        theirs = transformers.BertForPreTraining(transformers.BertConfig(vocab_size=1000, **shape))
    assert found.parameters == sum(parameter.numel() for parameter in theirs.parameters())
    assert found.vocabulary == 1000
    assert estimate("bert-tiny").vocabulary == 8000


def test_the_budget_decides_steps_tokens_and_time():
    steps = estimate("xlnet-tiny", "training.steps=1000", "training.batch=32")
    assert (steps.rows_per_step, steps.tokens_per_step) == (32, 32 * 128)
    assert (steps.steps, steps.tokens) == (1000, 1000 * 32 * 128)
    assert steps.seconds == pytest.approx(steps.tokens / steps.tokens_per_second)
    assert 100 < steps.tokens_per_second < 1e7
    tokens = estimate("xlnet-tiny", "training.tokens=1000000", "training.batch=32")
    assert tokens.steps == -(-1_000_000 // (32 * 128))
    minutes = estimate("xlnet-tiny", "training.steps=null", "training.minutes=3.0")
    assert (minutes.steps, minutes.tokens, minutes.seconds) == (None, None, 180.0)
    assert "budget      by the clock" in minutes.lines()
    epochs = estimate("xlnet-tiny", "training.epochs=2.5", "training.batch=32")
    assert (epochs.steps, epochs.tokens, epochs.seconds, epochs.epochs) == (None, None, None, 2.5)
    assert epochs.tokens_per_step == 32 * 128
    said = [line for line in epochs.lines() if line.startswith(("budget", "time"))]
    assert said[0] == "budget      2.5 passes over the text, whose steps are counted when it is prepared"
    assert said[1].startswith("time        unknown until then, at ")


def test_rows_that_grow_are_counted_in_the_unit_of_the_budget_and_said():
    words = ["format.length=128", "training.batch=8", "training.schedule.length=[[0.0, 0.25], [0.9, 1.0]]"]
    steps = estimate("bert-tiny", *words, "training.steps=1000")
    assert steps.steps == 1000
    assert steps.tokens == pytest.approx(900 * 8 * 32 + 100 * 8 * 128, rel=0.001)
    assert "rows        of 32 tokens at first, 128 from 90% of the budget on" in steps.lines()
    tokens = estimate("bert-tiny", *words, "training.tokens=1024000")
    assert tokens.steps == pytest.approx(921_600 / (8 * 32) + 102_400 / (8 * 128), rel=0.01)
    assert tokens.tokens == pytest.approx(1_024_000, rel=0.001)
    assert tokens.seconds == pytest.approx(1_024_000 / tokens.tokens_per_second, rel=0.01)


def test_memory_is_what_weights_and_activations_need():
    small, large = (estimate("bert-tiny", f"training.micro_batch={rows}") for rows in (8, 16))
    fixed = 16 * small.parameters
    assert fixed < small.memory < large.memory
    assert large.memory - fixed == pytest.approx(2 * (small.memory - fixed), rel=1e-6)
    # Two layers, their inputs, four maps and two softmaxes of 64 x 64: some 10 to 100 floats a slot and width.
    assert 10 < (small.memory - fixed) / (8 * 64 * 128 * 4) < 300


@pytest.mark.parametrize("model", ["bert", "xlnet"])
def test_a_dry_run_writes_nothing(model, tmp_path, monkeypatch, capsys):
    text = write_text(tmp_path / "text", files=2)
    before = tree(tmp_path)
    monkeypatch.chdir(tmp_path)
    words = words_for(model, text, tmp_path / "shards")
    assert main(["pretrain", *words, "--out", "run", "--dry-run"]) == 0
    said = capsys.readouterr().out
    for word in ("parameters", "a step", "budget", "memory", "time", "runs on", "nothing was written"):
        assert word in said
    assert main(["pretrain", *words, "--out", "run", "--dry-run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["steps"] == resolve(words[0]).training.steps
    assert tree(tmp_path) == before


def test_a_dry_run_finds_what_a_run_would_stumble_over(tmp_path):
    with pytest.raises(UsageError, match="longer than the 512 positions"):
        estimate("bert-tiny", "format.length=1024")
    with pytest.raises(DataError, match="no text at"):
        estimate("bert-tiny", f"data.train={tmp_path}/nothing")
    with pytest.raises(DataError, match="no text in"):
        estimate("bert-tiny", "data.train=embedded", f"data.valid={tmp_path}")
    with pytest.raises(UsageError, match="micro-batches of 7"):
        estimate("bert-tiny", "training.micro_batch=7")
    with pytest.raises(UsageError, match="half forward and half backward; set training"):
        estimate("xlnet-tiny", "training.batch=31")
    with pytest.raises(DataError, match="no tokenizer at"):
        estimate("bert-tiny", f"tokenizer.path={tmp_path}/nothing")


def test_a_dry_run_looks_at_the_model_to_start_from(tmp_path, capsys):
    code = main(["pretrain", "bert-tiny", "--from", str(tmp_path / "nothing"), "--dry-run"])
    assert code == 4
    assert "is not a folder" in capsys.readouterr().err
