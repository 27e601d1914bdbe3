"""A killed run that is resumed continues bit for bit, from text to checkpoint."""

import dataclasses
import math
import re
import signal
import subprocess
import sys
import time

import pytest
from processes import child_environment
from small_text import command, train, write_text
from tiny_runs import (
    MODELS,
    assert_same_bits,
    checkpoints,
    make_run,
    metrics,
    quietly,
    resumed,
    saved_state,
    saved_tensors,
    set_cap,
)

from bothways import runtime
from bothways.training import run_folder
from bothways.training.going_on import used
from bothways.training.optimizer import OPTIMIZERS
from bothways.training.schedule import ScheduleSettings

LONG = (
    "training.steps=40",
    "training.save_every=7",
    "training.log_every=3",
    "training.evaluate_every=20",
    "training.keep=9",
)
"""Logged, evaluated and saved at different steps, so that a resume begins in the middle of an interval."""


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    return write_text(tmp_path_factory.mktemp("resume") / "text")


def killed_at_some_moment(arguments, out):
    """Start a run and kill it once it has saved twice."""
    with subprocess.Popen(
        [sys.executable, "-m", "bothways", *arguments, "--quiet"], env=child_environment()
    ) as child:
        while not (out / "checkpoints/step-00000014").exists():
            assert child.poll() is None, "the run ended before it could be killed"
            time.sleep(0.005)
        child.kill()
    return child.returncode


def killed_within_a_save(arguments, out):
    """Start a run that kills itself in its third save, when some files are written and others are not."""
    program = """
import os, signal, sys
from bothways import files
from bothways.cli import main
flush = files.sync_file
def die(path):
    if "step-00000021" in str(path) and path.name == "tokenizer.json":
        os.kill(os.getpid(), signal.SIGKILL)
    flush(path)
files.sync_file = die
main(sys.argv[1:])
"""
    return subprocess.run(
        [sys.executable, "-c", program, *arguments, "--quiet"], env=child_environment()
    ).returncode


@pytest.mark.parametrize(
    ("model", "kill"), [("bert", killed_within_a_save), ("xlnet", killed_at_some_moment)], ids=MODELS
)
def test_a_run_that_was_killed_goes_on_bit_for_bit(model, kill, text, tmp_path):
    train(model, text, tmp_path / "whole", *LONG)
    out = tmp_path / "killed"
    assert kill(command(model, text, out, *LONG), out) == -signal.SIGKILL
    assert "step-00000040" not in checkpoints(out)
    train(model, text, out, *LONG, resume=True)
    assert metrics(out) == metrics(tmp_path / "whole")
    assert checkpoints(out) == checkpoints(tmp_path / "whole")
    for name in checkpoints(out):
        mine, whole = (folder / "checkpoints" / name for folder in (out, tmp_path / "whole"))
        assert_same_bits(saved_tensors(mine), saved_tensors(whole))
        assert saved_state(mine) == saved_state(whole)
    names = {name.split(":")[1].split(".")[0] for name in saved_tensors(mine)}
    assert names >= {"optimizer", "rank0"} | ({"memory"} if model == "xlnet" else set())
    best, wanted = run_folder.best(out), run_folder.best(tmp_path / "whole")
    assert (best.folder.name, best.value) == (wanted.folder.name, wanted.value)
    assert not list((out / "checkpoints").glob(".*"))


@pytest.mark.parametrize("model", MODELS)
def test_every_step_can_be_resumed_from(model, tmp_path, monkeypatch):
    settings = {"steps": 6, "log_every": 4, "save_every": 1, "keep": 9, "micro_batch": 4}
    quietly(make_run(model, tmp_path / "whole", **settings))
    final = "checkpoints/step-00000006"
    for step in (1, 3, 5):
        folder = tmp_path / str(step)
        set_cap(monkeypatch, step)
        quietly(make_run(model, folder, **settings | {"save_every": step, "log_every": 99}))
        monkeypatch.delenv("BOTHWAYS_MAX_STEPS")
        source = tmp_path / f"whole/checkpoints/step-{step:08d}"
        state = resumed(make_run(model, folder, **settings), source)
        assert state.step == 6
        assert_same_bits(saved_tensors(folder / final), saved_tensors(tmp_path / "whole" / final))
        assert saved_state(folder / final) == saved_state(tmp_path / "whole" / final)


@pytest.mark.parametrize("budget", [{"steps": 7}, {"tokens": 1700}], ids=["steps", "tokens"])
@pytest.mark.parametrize("model", MODELS)
def test_a_run_that_pauses_goes_on_as_if_it_had_not(model, budget, tmp_path):
    settings = budget | {"log_every": 3, "keep": 1, "micro_batch": 4}
    whole = quietly(make_run(model, tmp_path / "whole", **settings))
    folder, budget_ = tmp_path / "parts", make_run(model, tmp_path, **settings).settings.budget
    state = quietly(dataclasses.replace(make_run(model, folder, **settings), until=0.3))
    assert 0 < state.step < whole.step
    for until in (0.3, 0.7, 1.0):
        (last,) = (folder / "checkpoints").glob("step-*")
        run = dataclasses.replace(make_run(model, folder, **settings), until=until)
        state = resumed(run, last)
        assert used(folder, budget_) >= until
    assert state == dataclasses.replace(whole, seconds=state.seconds)
    final = f"checkpoints/step-{whole.step:08d}"
    assert_same_bits(saved_tensors(folder / final), saved_tensors(tmp_path / "whole" / final))
    assert saved_state(folder / final) == saved_state(tmp_path / "whole" / final)
    assert metrics(folder) == metrics(tmp_path / "whole")


def test_a_pause_by_the_clock_is_judged_and_one_by_steps_is_not(tmp_path):
    def judge():
        return {"leave_one_out_nats": 1.0}

    for budget, count in (({"minutes": 60.0}, 1), ({"steps": 1000}, 0)):
        run = make_run(
            "bert", tmp_path / str(count), evaluate=judge, log_every=1000, evaluate_every=None, **budget
        )
        quietly(dataclasses.replace(run, until=1e-6))
        assert len(metrics(tmp_path / str(count))) == count


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("model", MODELS)
def test_every_optimizer_goes_on_bit_for_bit(model, kind, tmp_path, monkeypatch):
    optimizer = OPTIMIZERS[kind][0](learning_rate=3e-3, layer_decay=0.9)
    settings = {"steps": 6, "save_every": 3, "keep": 9, "optimizer": optimizer}
    quietly(make_run(model, tmp_path / "whole", **settings))
    set_cap(monkeypatch, 3)
    quietly(make_run(model, tmp_path / "part", **settings))
    monkeypatch.delenv("BOTHWAYS_MAX_STEPS")
    resumed(make_run(model, tmp_path / "part", **settings), tmp_path / "part/checkpoints/step-00000003")
    last = "checkpoints/step-00000006"
    assert_same_bits(saved_tensors(tmp_path / "part" / last), saved_tensors(tmp_path / "whole" / last))
    assert metrics(tmp_path / "part") == metrics(tmp_path / "whole")


@pytest.mark.parametrize("budget", [{"steps": 6}, {"tokens": 1000}])
def test_a_run_goes_on_bit_for_bit_from_within_a_batch_warmup(budget, tmp_path, monkeypatch):
    growing = ScheduleSettings(batch=((0.0, 0.25), (0.3, 0.5), (0.6, 1.0)))
    settings = budget | {"save_every": 1, "keep": 99, "micro_batch": 2, "schedule": growing}
    whole = quietly(make_run("bert", tmp_path / "whole", **settings))
    last = f"checkpoints/step-{whole.step:08d}"
    for step in (1, whole.step // 2, whole.step - 1):
        folder = tmp_path / str(step)
        set_cap(monkeypatch, step)
        quietly(make_run("bert", folder, **settings))
        monkeypatch.delenv("BOTHWAYS_MAX_STEPS")
        resumed(make_run("bert", folder, **settings), folder / f"checkpoints/step-{step:08d}")
        assert_same_bits(saved_tensors(folder / last), saved_tensors(tmp_path / "whole" / last))
        assert metrics(folder) == metrics(tmp_path / "whole")


def test_a_budget_in_epochs_is_as_many_steps_and_goes_on_bit_for_bit(text, tmp_path, monkeypatch, capsys):
    words = ("training.epochs=0.3", "training.schedule.warmup=2", "training.save_every=2", "training.keep=9")
    whole = train("bert", text, tmp_path / "whole", *words, quiet=False)
    said = capsys.readouterr().err
    (passes,) = re.findall(r"pairs: .* in the first epoch \((.*) steps\)", said)
    assert whole.steps == round(0.3 * math.ceil(float(passes))) > 4
    assert f"training.epochs=0.3 is {whole.steps} steps" in said
    assert [line["learning_rate"] for line in metrics(tmp_path / "whole")][:2] == [0.0005, 0.001]
    set_cap(monkeypatch, 2)
    train("bert", text, tmp_path / "part", *words)
    monkeypatch.delenv("BOTHWAYS_MAX_STEPS")
    train("bert", text, tmp_path / "part", *words, resume=True)
    last = f"checkpoints/step-{whole.steps:08d}"
    assert_same_bits(saved_tensors(tmp_path / "part" / last), saved_tensors(tmp_path / "whole" / last))
    # A capped run is judged where it ends.
    part, complete = (metrics(tmp_path / name, "held_out") for name in ("part", "whole"))
    assert part == complete


def test_without_the_saved_generators_dropout_would_differ(tmp_path, monkeypatch):
    settings = {"steps": 3, "save_every": 1, "keep": 9}
    quietly(make_run("bert", tmp_path, **settings))
    whole = metrics(tmp_path)
    monkeypatch.setattr(runtime, "restore_random_states", lambda states: None)
    resumed(make_run("bert", tmp_path, **settings), tmp_path / "checkpoints/step-00000002")
    assert metrics(tmp_path)[:2] == whole[:2]
    assert metrics(tmp_path)[2]["loss"] != whole[2]["loss"]


def test_a_rename_that_was_interrupted_is_finished(text, tmp_path):
    short = ("training.steps=4", "training.save_every=2")
    train("bert", text, tmp_path / "run", *short)
    whole = saved_tensors(tmp_path / "run/checkpoints/step-00000004")
    folder = tmp_path / "run/checkpoints"
    (folder / "step-00000004").rename(folder / ".step-00000004.part")
    (folder / "best.json").unlink()
    outcome = train("bert", text, tmp_path / "run", *short, resume=True)
    assert outcome.checkpoint == folder / "step-00000004"
    assert_same_bits(saved_tensors(outcome.checkpoint), whole)
