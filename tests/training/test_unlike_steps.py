"""Steps that differ in length, in tensor rows and in which parts of the loss they hold."""

import itertools

import pytest
import torch
from tiny_runs import (
    assert_same_bits,
    metrics,
    quietly,
    resumed,
    saved_state,
    saved_tensors,
    set_cap,
    weights,
)
from toy_tasks import CHOICES, WEIGHTS, TwoTasks, toy_run

from bothways.training.schedule import ScheduleSettings


def test_the_toy_differs_from_step_to_step(tmp_path):
    steps = [toy_run(tmp_path, steps=1, micro_batch=4).loader.step(step) for step in range(6)]
    assert {tuple(batch.tokens.shape) for batches in steps for batch in batches} == {
        *((CHOICES * 4, length) for length in (5, 8)),
        *((4, length) for length in (5, 6, 7)),
    }


def test_micro_batches_of_any_shape_give_the_weights_of_the_whole_step(tmp_path):
    settings = {"steps": 6, "dropout": 0.0, "schedule": ScheduleSettings(kind="constant", warmup=0)}
    whole = toy_run(tmp_path / "whole", **settings)
    begun = weights(whole)
    quietly(whole)
    parts = toy_run(tmp_path / "parts", micro_batch=2, **settings)
    quietly(parts)
    for name, value in weights(whole).items():
        torch.testing.assert_close(weights(parts)[name], value, rtol=0, atol=3e-6, msg=name)
    assert any(not torch.equal(begun[name], value) for name, value in weights(whole).items())
    for one, other in zip(metrics(tmp_path / "parts"), metrics(tmp_path / "whole"), strict=True):
        assert one == pytest.approx(other, rel=1e-5)


def test_a_run_goes_on_bit_for_bit_from_before_and_after_a_task_first_occurs(tmp_path, monkeypatch):
    settings = {"steps": 6, "log_every": 6, "save_every": 1, "keep": 9}
    quietly(toy_run(tmp_path / "whole", **settings))
    last = "checkpoints/step-00000006"
    for step in (1, 2, 4):
        folder = tmp_path / str(step)
        set_cap(monkeypatch, step)
        quietly(toy_run(folder, **settings | {"log_every": 99}))
        (folder / "metrics.jsonl").unlink()
        monkeypatch.delenv("BOTHWAYS_MAX_STEPS")
        resumed(toy_run(folder, **settings), tmp_path / f"whole/checkpoints/step-{step:08d}")
        assert_same_bits(saved_tensors(folder / last), saved_tensors(tmp_path / "whole" / last))
        assert saved_state(folder / last) == saved_state(tmp_path / "whole" / last)
        assert metrics(folder) == metrics(tmp_path / "whole")


def test_a_step_leaves_the_head_of_an_absent_task_alone(tmp_path, monkeypatch):
    run = toy_run(tmp_path, steps=6)
    before_each = []
    original = TwoTasks.forward

    def forward(self, *args):
        before_each.append({name: head.weight.detach().clone() for name, head in self.heads.items()})
        return original(self, *args)

    monkeypatch.setattr(TwoTasks, "forward", forward)
    quietly(run)
    moved = [
        {name for name in WEIGHTS if not torch.equal(one[name], other[name])}
        for one, other in itertools.pairwise(before_each)
    ]
    assert moved == [{"choose"}, {"judge"}, {"judge"}, {"choose"}, {"judge"}]


def test_the_loss_of_an_interval_is_that_of_the_parts_trained_in_it(tmp_path):
    quietly(toy_run(tmp_path / "each", steps=6))
    quietly(toy_run(tmp_path / "twos", steps=6, log_every=2))
    quietly(toy_run(tmp_path / "once", steps=6, log_every=6))
    each, twos, once = (metrics(tmp_path / name) for name in ("each", "twos", "once"))
    held = [WEIGHTS.keys() & line.keys() for line in each]
    assert held == [{"choose"}, {"judge"}, {"judge"}] * 2
    assert [WEIGHTS.keys() & line.keys() for line in twos] == [
        {"choose", "judge"},
        {"judge", "choose"},
        {"judge"},
    ]
    for line in [*each, *twos, *once]:
        assert line["loss"] == pytest.approx(
            sum(WEIGHTS[name] * line[name] for name in WEIGHTS.keys() & line.keys())
        )
    # Every step holds as many rows, so a part's mean is that of the steps which hold it.
    for name, steps in {"choose": (0, 3), "judge": (1, 2, 4, 5)}.items():
        assert once[0][name] == pytest.approx(sum(each[step][name] for step in steps) / len(steps), rel=1e-6)
