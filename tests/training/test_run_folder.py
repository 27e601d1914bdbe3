import os
import signal
import subprocess
import sys
import textwrap

import pytest
import torch
from processes import child_environment
from safetensors.torch import save_file

from bothways.errors import CheckpointError, UsageError
from bothways.training import checkpoint, run_folder
from bothways.training.run_folder import Best


def write_model(folder):
    (folder / "config.json").write_text("{}")
    save_file({"weight": torch.ones(2, 2)}, folder / "model.safetensors")


def saved(run, *steps):
    for step in steps:
        checkpoint.save(run_folder.checkpoint_folder(run, step), write_model, {}, {"step": step})
    return [run_folder.checkpoint_folder(run, step) for step in steps]


def damage(folder):
    (folder / "config.json").write_text('{"other": 1}')


def names(run):
    return sorted(path.name for path in (run / "checkpoints").iterdir())


def test_checkpoints_are_named_by_step_and_sorted_by_number(tmp_path):
    assert run_folder.checkpoint_folder(tmp_path, 1000) == tmp_path / "checkpoints/step-00001000"
    saved(tmp_path, 5, 20, 123_456_789)
    assert [path.name for path in run_folder.complete_or_not(tmp_path)] == [
        "step-00000005",
        "step-00000020",
        "step-123456789",
    ]


def test_the_newest_complete_checkpoint_is_found_and_the_skipped_are_told(tmp_path):
    _, two, three, four = saved(tmp_path, 1, 2, 3, 4)
    damage(three)
    (four / "MANIFEST.json").unlink()
    said = []
    assert run_folder.newest_complete(tmp_path, said.append) == two
    assert [sentence.split(":")[0] for sentence in said] == ["skipped step-00000004", "skipped step-00000003"]
    assert "incomplete" in said[0]
    assert "sha256" in said[1]


def test_a_run_without_complete_checkpoint_has_no_newest(tmp_path):
    assert run_folder.newest_complete(tmp_path, print) is None
    (one,) = saved(tmp_path, 1)
    damage(one)
    assert run_folder.newest_complete(tmp_path, lambda _: None) is None


def test_a_checkpoint_killed_just_before_its_rename_counts(tmp_path):
    _, two = saved(tmp_path, 1, 2)
    partial = two.rename(two.with_name(f".{two.name}.part"))
    assert run_folder.newest_complete(tmp_path, print) == partial
    assert checkpoint.load(partial).state == {"step": 2}


def test_pruning_keeps_the_last_and_the_best_and_clears_leftovers(tmp_path):
    one, *_ = saved(tmp_path, 1, 2, 3, 4, 5)
    (tmp_path / "checkpoints/.step-00000006.part").mkdir()
    (tmp_path / "checkpoints/notes").mkdir()
    run_folder.record_best(tmp_path, Best(one, "leave-one-out nats", 5.0))
    best = run_folder.best(tmp_path)
    assert best is not None
    run_folder.prune(tmp_path, 2, best.folder)
    assert names(tmp_path) == ["best.json", "notes", "step-00000001", "step-00000004", "step-00000005"]
    run_folder.prune(tmp_path, 1)
    assert names(tmp_path) == ["best.json", "notes", "step-00000005"]
    with pytest.raises(UsageError, match="keep at least 1"):
        run_folder.prune(tmp_path, 0)


def test_a_checkpoint_that_cannot_be_deleted_does_not_stop_training(tmp_path, monkeypatch):
    saved(tmp_path, 1, 2)

    def refuse(*_, **__):
        raise PermissionError("no")

    monkeypatch.setattr(type(tmp_path), "replace", refuse)
    run_folder.prune(tmp_path, 1)
    assert names(tmp_path) == ["step-00000001", "step-00000002"]


def test_retention_keeps_exactly_k_over_many_saves(tmp_path, open_handles):
    before = open_handles()
    for step in range(1, 31):
        saved(tmp_path, step)
        run_folder.prune(tmp_path, 3)
        assert len(names(tmp_path)) == min(step, 3)
    assert open_handles() == before


def test_the_best_is_recorded_with_its_number(tmp_path):
    assert run_folder.best(tmp_path) is None
    one, two = saved(tmp_path, 1, 2)
    run_folder.record_best(tmp_path, Best(one, "nats", 4.5))
    run_folder.record_best(tmp_path, Best(two, "nats", 4.25))
    assert run_folder.best(tmp_path) == run_folder.Best(two, "nats", 4.25)
    run_folder.prune(tmp_path, 1)
    assert run_folder.best(tmp_path) is not None
    with pytest.raises(ValueError, match="finite"):
        Best(two, "nats", float("nan"))


def test_the_best_knows_which_way_its_number_improves(tmp_path):
    (one,) = saved(tmp_path, 1)
    for better, beats in (("lower", [True, False, False]), ("higher", [False, False, True])):
        run_folder.record_best(tmp_path, Best(one, "accuracy", 0.5, better))
        found = run_folder.best(tmp_path)
        assert found == Best(one, "accuracy", 0.5, better)
        assert [found.is_beaten_by(value) for value in (0.4, 0.5, 0.6)] == beats
        assert not found.is_beaten_by(float("nan"))


def test_a_record_from_before_directions_means_that_lower_is_better(tmp_path):
    (one,) = saved(tmp_path, 1)
    record = tmp_path / "checkpoints/best.json"
    record.write_text(f'{{"checkpoint": "{one.name}", "metric": "nats", "value": 1.0}}')
    assert run_folder.best(tmp_path) == Best(one, "nats", 1.0, "lower")
    record.write_text(f'{{"checkpoint": "{one.name}", "metric": "nats", "value": 1.0, "better": "up"}}')
    with pytest.raises(CheckpointError, match=r"damaged .*'up'"):
        run_folder.best(tmp_path)


def test_a_best_that_is_gone_or_elsewhere_is_no_best_and_a_damaged_record_is_told(tmp_path):
    saved(tmp_path, 1)
    record = tmp_path / "checkpoints/best.json"
    for name in ("step-00000009", "../checkpoints/step-00000001/training_state"):
        record.write_text(f'{{"checkpoint": "{name}", "metric": "nats", "value": 1.0}}')
        assert run_folder.best(tmp_path) is None
    record.write_text("{")
    with pytest.raises(CheckpointError, match="damaged"):
        run_folder.best(tmp_path)


def test_a_run_means_its_best_checkpoint_or_else_its_newest(tmp_path):
    one, two = saved(tmp_path, 1, 2)
    assert run_folder.resolve_run(tmp_path) == two
    run_folder.record_best(tmp_path, Best(one, "nats", 4.5))
    assert run_folder.resolve_run(tmp_path) == one
    damage(one)
    said = []
    assert run_folder.resolve_run(str(tmp_path), said.append) == two
    assert "step-00000001" in said[0]


def test_a_checkpoint_and_a_hugging_face_folder_mean_themselves(tmp_path):
    (one,) = saved(tmp_path, 1)
    assert run_folder.resolve_run(one) == one
    model = tmp_path / "model"
    model.mkdir()
    write_model(model)
    assert run_folder.resolve_run(model) == model
    (model / "model.safetensors").rename(model / "model.safetensors.index.json")
    assert run_folder.resolve_run(model) == model


def test_what_is_no_model_is_refused_with_what_was_looked_for(tmp_path):
    with pytest.raises(CheckpointError, match="not a folder"):
        run_folder.resolve_run(tmp_path / "absent")
    with pytest.raises(
        CheckpointError, match=r"looked for checkpoints/step-\*, MANIFEST.json, and config.json"
    ):
        run_folder.resolve_run(tmp_path)
    (tmp_path / "pytorch_model.bin").touch()
    (tmp_path / "config.json").touch()
    with pytest.raises(CheckpointError, match="a pickle"):
        run_folder.resolve_run(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(CheckpointError, match="train it first"):
        run_folder.resolve_run(tmp_path)


def test_an_incomplete_or_damaged_checkpoint_is_refused_by_name(tmp_path):
    one, two = saved(tmp_path, 1, 2)
    damage(one)
    with pytest.raises(CheckpointError, match="damaged"):
        run_folder.resolve_run(one)
    (two / "MANIFEST.json").unlink()
    with pytest.raises(CheckpointError, match="incomplete"):
        run_folder.resolve_run(two)


def test_a_second_run_in_one_folder_is_told_who_holds_it(tmp_path):
    run = tmp_path / "läuft hier"
    refused = pytest.raises(UsageError, match=f"in use by process {os.getpid()} ")
    with run_folder.locked(run), refused, run_folder.locked(run):
        pytest.fail("two runs in one folder")
    with run_folder.locked(run):
        assert (run / ".lock").read_text().startswith(f"{os.getpid()} on ")


def test_errors_inside_a_locked_run_come_out_unchanged_and_free_the_lock(tmp_path):
    with pytest.raises(OSError, match="mine"), run_folder.locked(tmp_path):
        raise OSError("mine")
    with run_folder.locked(tmp_path):
        pass


HOLDER = """
    import sys, time
    from pathlib import Path
    from bothways.training.run_folder import locked
    with locked(Path(sys.argv[1])):
        print("held", flush=True)
        time.sleep(60)
"""


def test_the_lock_of_a_killed_run_is_free(tmp_path):
    command = [sys.executable, "-c", textwrap.dedent(HOLDER), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=child_environment()) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(UsageError, match=f"process {holder.pid} "), run_folder.locked(tmp_path):
            pytest.fail("two runs in one folder")
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with run_folder.locked(tmp_path):
            pass
