"""Whatever goes wrong: one clear line, the right exit code, and nothing lost."""

import contextlib
import json
import math
import resource
import signal
import subprocess
import sys
import time

import pytest
from processes import child_environment
from small_text import command, copied, failing, flip, is_root, train, tree, write_text
from tiny_runs import assert_same_bits, checkpoints, metrics, saved_tensors, set_cap

from bothways import files
from bothways.cli import main
from bothways.training.metrics import read_metrics

SHORT = ("training.steps=6", "training.save_every=2", "training.keep=3")
STEPS = ["step-00000002", "step-00000004", "step-00000006"]


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    return write_text(tmp_path_factory.mktemp("faults") / "text")


@pytest.fixture(scope="module")
def whole(text):
    """A finished run with three checkpoints; tests copy it."""
    return train("xlnet", text, text.parent / "whole", *SHORT).folder


# ---- damaged files ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "model.safetensors",
        "tokenizer.json",
        "training_state/tensors.safetensors",
        "training_state/state.json",
        "MANIFEST.json",
    ],
)
def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(name, text, whole, tmp_path, capsys):
    out = copied(whole, tmp_path / "run")
    place = 0.5 if name != "MANIFEST.json" else 0.0
    flip(out / "checkpoints/step-00000006" / name, place)
    assert main(command("xlnet", text, out, *SHORT, "--resume")) == 0
    said = capsys.readouterr().err
    (sentence,) = [line for line in said.splitlines() if "skipped" in line]
    assert "skipped step-00000006" in sentence
    assert name in sentence
    assert name == "MANIFEST.json" or (files.sha256(whole / "checkpoints/step-00000006" / name) in sentence)
    assert "going on from step-00000004" in said
    assert checkpoints(out) == STEPS
    assert_same_bits(
        saved_tensors(out / "checkpoints" / STEPS[-1]), saved_tensors(whole / "checkpoints" / STEPS[-1])
    )
    assert metrics(out) == metrics(whole)
    assert (out / "checkpoints/damaged-step-00000006").is_dir()
    assert (out / "checkpoints/best.json").read_text() == (whole / "checkpoints/best.json").read_text()


def test_an_incomplete_checkpoint_is_passed_over(text, whole, tmp_path, capsys):
    out = copied(whole, tmp_path / "run")
    (out / "checkpoints/step-00000006/MANIFEST.json").unlink()
    (out / "checkpoints/step-00000004/model.safetensors").unlink()
    assert main(command("xlnet", text, out, *SHORT, "--resume")) == 0
    said = capsys.readouterr().err
    assert "skipped step-00000006: checkpoint" in said
    assert "is incomplete: MANIFEST.json, which is written last, is not there" in said
    assert "lacks model.safetensors" in said
    assert "going on from step-00000002" in said
    assert metrics(out) == metrics(whole)


def test_with_no_whole_checkpoint_a_resumed_run_begins_anew(text, whole, tmp_path, capsys):
    out = copied(whole, tmp_path / "run")
    for name in STEPS:
        flip(out / "checkpoints" / name / "config.json")
    assert main(command("xlnet", text, out, *SHORT, "--resume")) == 0
    said = capsys.readouterr().err
    assert f"{out} has no complete checkpoint yet; beginning anew" in said
    assert said.count("skipped step-") == 3
    assert metrics(out) == metrics(whole)


@pytest.mark.parametrize(
    "name", ["tokenizer.json", "train/shard-00000.bin", "train/shard-00000.idx", "valid/shard-00000.bin"]
)
def test_damaged_text_is_found_before_the_first_step(name, text, whole, tmp_path, capsys):
    shards = copied(f"{text}-xlnet", tmp_path / "shards")
    expected = files.sha256(shards / name)
    flip(shards / name)
    code, said = failing(capsys, *command("xlnet", text, tmp_path / "run", *SHORT, f"data.shards='{shards}'"))
    assert code == 3
    assert str(shards / name) in said
    assert expected in said
    assert files.sha256(shards / name) in said
    assert not (tmp_path / "run" / "metrics.jsonl").exists()


# ---- the disk ---------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def largest_file(size):
    """Let this process write no file beyond `size` bytes, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_loses_nothing(text, whole, tmp_path, monkeypatch, capsys):
    out = tmp_path / "run"
    set_cap(monkeypatch, 2)
    assert main([*command("xlnet", text, out, *SHORT), "--quiet"]) == 0
    monkeypatch.delenv("BOTHWAYS_MAX_STEPS")
    before = tree(out / "checkpoints")
    with largest_file(100_000):
        code, said = failing(capsys, *command("xlnet", text, out, *SHORT), "--resume", "--quiet")
    assert code == 2
    assert f"cannot save {out}/checkpoints/step-00000004: " in said
    assert "bytes are needed and" in said
    assert "earlier checkpoints are intact; free some space and resume" in said
    assert tree(out / "checkpoints") == before
    assert main([*command("xlnet", text, out, *SHORT), "--resume", "--quiet"]) == 0
    assert [line["step"] for line in metrics(out)] == [1, 2, 3, 4, 5, 6]
    assert_same_bits(
        saved_tensors(out / "checkpoints" / STEPS[-1]), saved_tensors(whole / "checkpoints" / STEPS[-1])
    )


def test_a_place_that_cannot_be_written_is_named(text, tmp_path, capsys):
    (tmp_path / "file").write_text("not a folder")
    code, said = failing(capsys, *command("xlnet", text, tmp_path / "file" / "run", *SHORT))
    assert code == 2
    assert f"cannot write {tmp_path}/file/run" in said
    assert "--out" in said


@pytest.mark.skipif(is_root(), reason="the super-user may write everywhere")
def test_a_read_only_folder_is_named(text, tmp_path, capsys):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    code, said = failing(capsys, *command("xlnet", text, locked / "run", *SHORT))
    assert code == 2
    assert "Permission denied; choose a folder you may write to with --out" in said


def test_a_refused_folder_is_explained(text, tmp_path, monkeypatch, capsys):
    def refuse(*args, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("bothways.training.run_folder.Path.mkdir", refuse)
    code, said = failing(capsys, *command("xlnet", text, tmp_path / "run", *SHORT))
    assert code == 2
    assert "Permission denied; choose a folder you may write to with --out" in said


# ---- wrong requests ---------------------------------------------------------------------------------------------


def empty(folder):
    folder.mkdir()
    (folder / "empty.txt").write_text(" \n")
    return folder


WRONG = {
    "an unknown key": (["training.optimizer.learning_rat=1e-3"], 2, "did you mean 'learning_rate'?"),
    "an unknown section": (["trainin.steps=3"], 2, "did you mean 'training'?"),
    "a row beyond the positions": (
        ["format.length=1024"],
        2,
        "set format.length=512 or backbone.max_positions=1024",
    ),
    "axes that do not fit": (["format.kind=stream"], 2, "set backbone.kind=transformer_xl"),
    "two budgets": (["training.tokens=9"], 2, "give exactly one of steps, tokens, minutes, epochs"),
    "rows that do not split": (["training.micro_batch=3"], 2, "rows a step are no micro-batches of 3"),
    "a vocabulary beyond the text": (
        ["tokenizer.vocabulary=30000"],
        3,
        "tokenizer.vocabulary=30000 is larger than the text supports",
    ),
    "a share beyond one": (["objective.rate=2.0"], 2, "less than or equal to 1"),
    "shares beyond one together": (["objective.mask_share=0.95"], 2, "exceed 1 together"),
    "runs of no word": (["objective.longest=0"], 2, "greater than or equal to 1"),
    "a negative weight": (["extras.0.weight=-1.0"], 2, "greater than or equal to 0"),
    "a vocabulary of nothing": (["tokenizer.vocabulary=4"], 2, "greater than or equal to 16"),
    "a window without room": (["evaluation.window=2"], 2, "greater than or equal to 4"),
    "one target in none": (
        ["objective.kind=permutation", "objective.one_in=0"],
        2,
        "greater than or equal to 1",
    ),
    "going on and starting from": (["--resume", "--from", "/not/there"], 2, "leave out --from"),
    "a file that is not there": (["data.train=/not/there"], 3, "no text at /not/there"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_request_is_one_line_and_leaves_nothing(name, text, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words, wanted, sentence = WRONG[name]
    fresh = [f"data.shards={tmp_path}/shards"] if name.startswith("a vocabulary") else []
    code, said = failing(capsys, *command("bert", text, tmp_path / "run", *SHORT, *fresh, *words))
    assert code == wanted
    assert sentence in said
    assert not (tmp_path / "run").exists()


def test_text_without_a_word_is_refused(tmp_path, capsys):
    code, said = failing(capsys, *command("bert", empty(tmp_path / "nothing"), tmp_path / "run", *SHORT))
    assert code == 3
    assert "the training text is empty; give data.train more text" in said
    assert not (tmp_path / "run").exists()


def test_no_text_at_all_is_a_wrong_command(tmp_path, capsys):
    code, said = failing(capsys, "pretrain", "bert-tiny", "--out", tmp_path / "run")
    assert code == 2
    assert "there is no text to train on; give a file or a folder with --data, or --data embedded" in said


def test_a_loss_that_stays_infinite_has_its_own_exit_code(text, tmp_path, capsys):
    wild = ("training.optimizer.learning_rate=1e30", "training.optimizer.clip=null", "training.patience=2")
    code, said = failing(capsys, *command("bert", text, tmp_path / "run", *SHORT, *wild))
    assert code == 5
    assert "training diverged: 2 steps in a row" in said
    assert "with a lower training.optimizer.learning_rate" in said


# ---- a run that is going on -------------------------------------------------------------------------------------


def test_a_running_run_holds_its_folder_and_ends_well_when_it_is_asked_to(
    text, tmp_path, capsys, monkeypatch
):
    out = tmp_path / "run"
    endless = command("xlnet", text, out, "training.steps=100000", "training.log_every=1")
    with subprocess.Popen(
        [sys.executable, "-m", "bothways", *endless, "--json"],
        env=child_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        while not read_metrics(out / "metrics.jsonl"):
            assert child.poll() is None
            time.sleep(0.01)
        code, said = failing(capsys, *endless)
        assert code == 2
        assert f"{out} is in use by process {child.pid}" in said
        child.send_signal(signal.SIGTERM)
        printed, complaint = child.communicate(timeout=60)
    assert child.returncode == 75
    assert printed == ""
    (name,) = checkpoints(out)
    step = int(name.removeprefix("step-"))
    assert f"stopped by SIGTERM after step {step:,}, all is saved" in complaint
    assert [line["step"] for line in metrics(out)] == list(range(1, step + 1))
    set_cap(monkeypatch, step + 2)
    assert main(["pretrain", str(out / "recipe.yaml"), "--resume", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["steps"] == step + 2
    lines = metrics(out)
    assert [line["step"] for line in lines] == list(range(1, step + 3))
    assert all(math.isfinite(line["loss"]) for line in lines)
