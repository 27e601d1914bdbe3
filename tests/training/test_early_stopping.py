"""A run that no longer improves ends early, at the same step whatever interrupted it."""

import dataclasses
import math
import shutil

from tiny_runs import (
    assert_same_bits,
    checkpoints,
    make_run,
    metrics,
    quietly,
    resumed,
    saved_state,
    saved_tensors,
)

from bothways.training import checkpoint, run_folder
from bothways.training.loop import train
from bothways.training.metrics import Progress
from bothways.training.run_folder import Best

NATS = [5.0, 4.0, 4.5, math.nan, 3.0, 3.0, 3.5, 4.0, 1.0]
"""Of the evaluations after steps 2, 4, 6...: three in a row are no better for the first time after step 16."""


def stopping(folder, **training):
    """A run that is judged by `NATS`, wherever it begins."""
    settings = {
        "steps": 18,
        "evaluate_every": 2,
        "stop_after": 3,
        "log_every": 3,
        "save_every": 1,
        "keep": 99,
    }
    run = make_run("bert", folder, **settings | training)
    saved = run.folder / "checkpoints"

    def evaluate():
        # What a step is called is known to the loop alone, which has saved the one before.
        newest = max((int(path.name[5:]) for path in saved.glob("step-*")), default=0)
        return {"nats": NATS[(newest + 1) // 2 - 1]}

    return dataclasses.replace(run, evaluate=evaluate)


def test_a_run_ends_when_several_evaluations_bring_no_better_number(tmp_path, capsys):
    state = train(stopping(tmp_path / "run"), Progress())
    assert (state.step, state.waiting) == (16, 3)
    assert "no better number in 3 evaluations; stopped at step 16\n" in capsys.readouterr().err
    assert run_folder.best(tmp_path / "run").folder.name == "step-00000010"
    lines = metrics(tmp_path / "run")
    assert lines[-1]["step"] == 16
    quietly(stopping(tmp_path / "to the end", stop_after=None))
    whole = metrics(tmp_path / "to the end")
    assert whole[-1]["step"] == 18
    assert lines == whole[: len(lines)]  # the schedule is that of the whole budget


def test_a_run_that_stops_early_does_so_at_the_same_step_wherever_it_is_resumed(tmp_path):
    quietly(stopping(tmp_path / "whole"))
    final = "checkpoints/step-00000016"
    for step in (7, 12, 15, 16):
        folder = tmp_path / str(step)
        shutil.copytree(tmp_path / "whole", folder)
        for later in range(step + 1, 17):
            shutil.rmtree(folder / f"checkpoints/step-{later:08d}")
        (folder / "checkpoints/best.json").unlink()
        best = 4 if step < 10 else 10
        run_folder.record_best(
            folder, Best(folder / f"checkpoints/step-{best:08d}", "nats", NATS[best // 2 - 1])
        )
        state = resumed(stopping(folder), folder / f"checkpoints/step-{step:08d}")
        assert (state.step, state.waiting) == (16, 3)
        assert saved_state(folder / final) == saved_state(tmp_path / "whole" / final)
        assert_same_bits(saved_tensors(folder / final), saved_tensors(tmp_path / "whole" / final))
        assert metrics(folder) == metrics(tmp_path / "whole")


def test_the_end_the_best_and_nothing_else_is_saved_where_nothing_more_is_wanted(tmp_path):
    numbers = iter([5.0, 4.0, 4.5, 6.0])
    settings = {"steps": 9, "evaluate_every": 1, "stop_after": 2, "save_every": None, "keep": 1}
    quietly(make_run("bert", tmp_path, evaluate=lambda: {"nats": next(numbers)}, **settings))
    assert checkpoints(tmp_path) == ["step-00000002", "step-00000004"]


def test_a_checkpoint_from_before_early_stopping_can_be_resumed(tmp_path):
    run = make_run("bert", tmp_path / "a", steps=2)
    quietly(run)
    old = checkpoint.load(tmp_path / "a/checkpoints/step-00000002")
    kept = {name: value for name, value in old.state.items() if name not in ("waiting", "best")}
    checkpoint.save(tmp_path / "a/checkpoints/step-00000002", run.write_model, old.tensors, kept)
    again = make_run("bert", tmp_path / "a", steps=3)
    assert resumed(again, tmp_path / "a/checkpoints/step-00000002").step == 3
