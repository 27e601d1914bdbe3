"""What the loop promises, on tiny runs in memory."""

import dataclasses
import math
import os
import signal
import textwrap
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from processes import on_two_ranks
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
    weights,
)

from bothways.batch import IGNORED
from bothways.errors import Interrupted, NumericError, UsageError
from bothways.training import loop, run_folder
from bothways.training.loop import train
from bothways.training.metrics import Progress, read_metrics
from bothways.training.run_folder import Best
from bothways.training.schedule import ScheduleSettings

both = pytest.mark.parametrize("model", MODELS)
CONSTANT = ScheduleSettings(kind="constant", warmup=0)


# ---- one step ---------------------------------------------------------------------------------------------------


def joined(batches):
    """Return micro-batches with equally many probes as one batch."""
    first = batches[0]
    width = first.num_slots + first.num_probes
    parts = {"scored": torch.cat([batch.scored + 2 * number * width for number, batch in enumerate(batches)])}
    for name in ("tokens", "segments", "positions", "targets", "probes", "labels"):
        if getattr(first, name) is not None:
            parts[name] = torch.cat([getattr(batch, name) for batch in batches])
    for name, absent in (
        ("documents", lambda batch: torch.zeros_like(batch.tokens)),
        ("enters", lambda batch: torch.zeros_like(batch.tokens)),
        ("now", lambda batch: torch.zeros(2, width, dtype=torch.long)),
        ("backward", lambda batch: torch.zeros(2, dtype=torch.bool)),
    ):
        held = [getattr(batch, name) for batch in batches]
        parts[name] = torch.cat(
            [absent(batch) if one is None else one for batch, one in zip(batches, held, strict=True)]
        )
    most = max(batch.asked.shape[1] for batch in batches)
    filled = [F.pad(batch.asked, (0, most - batch.asked.shape[1])) for batch in batches]
    return dataclasses.replace(first, asked=torch.cat(filled), **parts)


class Joining:
    """A loader that hands out the micro-batches of another as one batch."""

    def __init__(self, loader, rows):
        self.loader, self.micro_batches = loader, (range(rows),)

    def iterate(self, first_step):
        for batches in self.loader.iterate(first_step):
            yield [joined(batches)]


@both
def test_accumulating_micro_batches_gives_the_weights_of_one_large_batch(model, tmp_path):
    settings = {"steps": 4, "micro_batch": 2, "dropout": 0.0, "schedule": CONSTANT}
    parts = make_run(model, tmp_path / "parts", **settings)
    whole = make_run(model, tmp_path / "whole", **settings)
    whole = dataclasses.replace(whole, loader=Joining(whole.loader, 8))
    begun = weights(parts)
    quietly(parts)
    quietly(whole)
    for name, value in weights(whole).items():
        torch.testing.assert_close(weights(parts)[name], value, rtol=0, atol=3e-6, msg=name)
    assert any(not torch.equal(begun[name], value) for name, value in weights(parts).items())
    for one, other in zip(metrics(tmp_path / "parts"), metrics(tmp_path / "whole"), strict=True):
        assert one == pytest.approx(other, rel=1e-5)


def test_a_batch_warmup_takes_the_first_micro_batches_of_a_step(tmp_path, monkeypatch):
    growing = ScheduleSettings(kind="constant", warmup=0, batch=((0.0, 0.25), (0.5, 1.0)))
    run = make_run("bert", tmp_path, steps=4, micro_batch=2, schedule=growing)
    taken = read_by(monkeypatch)
    quietly(run)
    assert [len(batches) for batches in taken] == [1, 1, 4, 4]
    for number, batches in enumerate(taken):
        offered = run.loader.step(number)
        assert all(
            torch.equal(one.tokens, other.tokens) for one, other in zip(batches, offered, strict=False)
        )


GROWING_ROWS = ScheduleSettings(kind="constant", warmup=0, length=((0.0, 0.25), (0.5, 1.0)))


@pytest.mark.parametrize("budget", [{"steps": 6}, {"tokens": 600}], ids=str)
def test_a_length_warmup_reads_each_step_in_rows_laid_out_for_its_stage(budget, tmp_path, monkeypatch):
    run = make_run("bert", tmp_path, schedule=GROWING_ROWS, **budget)
    taken = read_by(monkeypatch)
    quietly(run)
    is_short = [batches[0].num_slots == 8 for batches in taken]
    assert is_short == sorted(is_short, reverse=True)
    assert len(set(is_short)) == 2
    if "steps" in budget:
        assert is_short.index(False) == 3
    for number, (batches, short) in enumerate(zip(taken, is_short, strict=True)):
        offered = (run.shorter(0.25) if short else run.loader).step(number)
        for one, other in zip(batches, offered, strict=True):
            assert torch.equal(one.tokens, other.tokens)
            assert torch.equal(one.scored, other.scored)
            assert one.labels is not None


@pytest.mark.parametrize("budget", [{"steps": 6}, {"tokens": 600}], ids=str)
def test_a_run_resumed_on_either_side_of_a_stage_goes_on_bit_for_bit(budget, tmp_path, monkeypatch):
    settings = {"schedule": GROWING_ROWS, "save_every": 1, "keep": 99, **budget}
    taken = read_by(monkeypatch)
    steps = quietly(make_run("bert", tmp_path / "whole", **settings)).step
    first_long = next(number for number, batches in enumerate(taken) if batches[0].num_slots == 32)
    last = f"checkpoints/step-{steps:08d}"
    for step in (first_long - 1, first_long, first_long + 1):
        folder = tmp_path / f"from {step}"
        resumed(make_run("bert", folder, **settings), tmp_path / f"whole/checkpoints/step-{step:08d}")
        assert_same_bits(saved_tensors(folder / last), saved_tensors(tmp_path / "whole" / last))


def read_by(monkeypatch):
    """Return a list that will hold the micro-batches of every step that is taken."""
    taken = []
    original = loop.Stepper.step

    def step(self, batches, *args):
        taken.append(batches)
        return original(self, batches, *args)

    monkeypatch.setattr(loop.Stepper, "step", step)
    return taken


def test_a_batch_warmup_without_micro_batches_is_refused(tmp_path):
    growing = ScheduleSettings(batch=((0.0, 0.25),))
    with pytest.raises(UsageError, match=r"smaller training\.micro_batch"):
        quietly(make_run("bert", tmp_path, steps=4, schedule=growing))


@both
def test_computing_activations_again_changes_no_loss(model, tmp_path):
    for again in (False, True):
        quietly(make_run(model, tmp_path / str(again), steps=3, recompute_activations=again))
    assert metrics(tmp_path / "True") == metrics(tmp_path / "False")


# ---- steps that fail --------------------------------------------------------------------------------------------


def poison(run, bad_steps, monkeypatch, value=math.nan):
    """Multiply the loss of some steps (counted from 1, one micro-batch each) by `value`."""
    seen = []
    original = run.objective.losses

    def losses(*args):
        seen.append(None)
        found = original(*args)
        if len(seen) not in bad_steps:
            return found
        return {name: dataclasses.replace(loss, sum=loss.sum * value) for name, loss in found.items()}

    monkeypatch.setattr(run.objective, "losses", losses)
    return run


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_is_counted_and_changes_nothing(tmp_path, monkeypatch, value):
    after_two = make_run("xlnet", tmp_path / "two", steps=2, schedule=CONSTANT)
    quietly(after_two)
    run = poison(make_run("xlnet", tmp_path, steps=4, schedule=CONSTANT), {3, 4}, monkeypatch, value)
    state = quietly(run)
    assert (state.step, state.skipped, state.failing) == (4, 2, 2)
    assert_same_bits(weights(run), weights(after_two))
    assert not any(name.startswith("memory.") for name in saved_tensors(checkpoints(tmp_path)[-1]))
    lines = metrics(tmp_path)
    assert [line.get("skipped") for line in lines] == [None, None, 1, 2]
    assert [line["loss"] is None for line in lines] == [False, False, True, True]


def test_the_mean_of_an_interval_leaves_failed_steps_out(tmp_path, monkeypatch):
    settings = {"steps": 3, "schedule": CONSTANT}
    quietly(poison(make_run("bert", tmp_path / "each", **settings), {2}, monkeypatch))
    quietly(poison(make_run("bert", tmp_path / "all", log_every=3, **settings), {2}, monkeypatch))
    first, _, third = metrics(tmp_path / "each")
    (line,) = metrics(tmp_path / "all")
    # The pair loss runs over the same number of rows in each step.
    assert line["sentence_pair"] == pytest.approx((first["sentence_pair"] + third["sentence_pair"]) / 2)
    assert line["skipped"] == 1


def test_failing_too_often_in_a_row_stops_the_run(tmp_path, monkeypatch):
    run = make_run("bert", tmp_path / "a", steps=9, patience=3, save_every=2)
    with pytest.raises(NumericError, match="3 steps in a row up to step 7") as stopped:
        quietly(poison(run, {2, 3, 5, 6, 7}, monkeypatch))
    assert stopped.value.exit_code == 5
    assert checkpoints(tmp_path / "a") == ["step-00000004", "step-00000006"]
    # The count goes on where it stood, wherever the run is resumed.
    again = poison(make_run("bert", tmp_path / "a", steps=9, patience=3), {1}, monkeypatch)
    with pytest.raises(NumericError, match="3 steps in a row up to step 7"):
        resumed(again, tmp_path / "a/checkpoints/step-00000006")


# ---- when to stop -----------------------------------------------------------------------------------------------


def test_a_budget_in_steps_or_tokens_ends_the_run(tmp_path):
    by_steps = quietly(make_run("xlnet", tmp_path / "steps", steps=5))
    by_tokens = quietly(make_run("xlnet", tmp_path / "tokens", tokens=4 * by_steps.tokens // 5 + 1))
    assert (by_steps.step, by_tokens.step) == (5, 5)
    assert by_steps.tokens == by_tokens.tokens == 5 * 8 * 32


def ticking(monkeypatch, seconds=1.0):
    """Replace the loop's clock by one that goes on by `seconds` each time it is read."""
    clock = SimpleNamespace(now=0.0)

    def monotonic():
        clock.now += seconds
        return clock.now

    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=monotonic))
    return clock


def test_a_budget_in_minutes_follows_the_clock(tmp_path, monkeypatch):
    ticking(monkeypatch)
    run = make_run("bert", tmp_path, minutes=0.2, schedule=ScheduleSettings(warmup=0.0))
    # The clock is read before and after each step: two seconds a step, twelve in all.
    state = quietly(run)
    assert (state.step, state.seconds) == (6, 12.0)
    # A step's rate is known before the step is over, so it belongs to the time before it.
    rates = [line["learning_rate"] for line in metrics(tmp_path)]
    assert rates == pytest.approx([1e-4 * (1 - passed / 12) for passed in (0, 2, 4, 6, 8, 10)])


def test_the_speed_counts_neither_evaluating_nor_saving(tmp_path, monkeypatch):
    clock = ticking(monkeypatch)

    def slow():
        clock.now += 1000
        return {"nats": 1.0}

    quietly(make_run("xlnet", tmp_path, steps=4, log_every=2, evaluate_every=1, save_every=1, evaluate=slow))
    lines = read_metrics(tmp_path / "metrics.jsonl")
    assert [line["tokens_per_second"] for line in lines] == [8 * 32.0] * 4
    assert lines[-1]["seconds"] > 3000


def test_the_environment_caps_the_steps(tmp_path, monkeypatch):
    set_cap(monkeypatch, 2)
    assert quietly(make_run("bert", tmp_path, steps=9)).step == 2
    assert checkpoints(tmp_path) == ["step-00000002"]
    set_cap(monkeypatch, "soon")
    with pytest.raises(UsageError, match="BOTHWAYS_MAX_STEPS is 'soon'; give a whole number"):
        quietly(make_run("bert", tmp_path / "other", steps=9))


def test_a_finished_run_that_is_resumed_takes_no_step(tmp_path):
    quietly(make_run("bert", tmp_path, steps=3))
    before = saved_tensors(tmp_path / "checkpoints/step-00000003")
    state = resumed(make_run("bert", tmp_path, steps=3), tmp_path / "checkpoints/step-00000003")
    assert state.step == 3
    assert [line["step"] for line in metrics(tmp_path)] == [1, 2, 3]
    assert_same_bits(saved_tensors(tmp_path / "checkpoints/step-00000003"), before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_run_after_its_step_and_leaves_no_trace_in_the_log(tmp_path, number):
    asked = []

    def ask():
        if len(asked) == 0:
            os.kill(os.getpid(), number)
        asked.append(None)
        return {"nats": 1.0}

    settings = {"steps": 9, "log_every": 4, "evaluate_every": 5}
    with pytest.raises(Interrupted, match=rf"stopped by {number.name} after step 6, all is saved") as stopped:
        quietly(make_run("xlnet", tmp_path / "run here", evaluate=ask, **settings))
    assert stopped.value.exit_code == 75
    assert f"bothways pretrain '{tmp_path}/run here/recipe.yaml' --resume" in str(stopped.value)
    again = make_run("xlnet", tmp_path / "run here", evaluate=ask, **settings)
    resumed(again, tmp_path / "run here/checkpoints/step-00000006")
    quietly(make_run("xlnet", tmp_path / "whole", evaluate=ask, **settings))
    assert metrics(tmp_path / "run here") == metrics(tmp_path / "whole")


def test_a_signal_during_the_last_step_changes_nothing(tmp_path, monkeypatch):
    run = make_run("bert", tmp_path, steps=2)
    original = run.objective.losses
    monkeypatch.setattr(
        run.objective, "losses", lambda *args: (os.kill(os.getpid(), signal.SIGTERM), original(*args))[1]
    )
    set_cap(monkeypatch, 1)
    assert quietly(run).step == 1


# ---- what is written --------------------------------------------------------------------------------------------


def test_each_logged_step_has_its_numbers(tmp_path):
    run = make_run("bert", tmp_path, steps=7, log_every=3, evaluate_every=4, evaluate=lambda: {"nats": 2.5})
    quietly(run)
    lines = read_metrics(tmp_path / "metrics.jsonl")
    # An evaluation is always logged, and so is the last step.
    assert [line["step"] for line in lines] == [3, 4, 6, 7]
    assert [line.get("held_out") for line in lines] == [None, {"nats": 2.5}, None, {"nats": 2.5}]
    for line in lines:
        assert line["loss"] == pytest.approx(line["masked"] + line["sentence_pair"])
        assert 0 < line["gradient_norm"] < 100
        assert line["tokens_per_second"] > 0
    assert lines[0]["tokens"] < lines[-1]["tokens"] <= 7 * 8 * 32
    assert lines[0]["seconds"] <= lines[-1]["seconds"]
    assert lines[0]["learning_rate"] > lines[-1]["learning_rate"] == 0


def test_a_logged_loss_is_the_mean_over_all_scored_items_since_the_last(tmp_path):
    run = make_run("bert", tmp_path / "each", steps=3)
    counts = [int((batches[0].targets != IGNORED).sum()) for batches in map(run.loader.step, range(3))]
    quietly(run)
    quietly(make_run("bert", tmp_path / "once", steps=3, log_every=3))
    each = [line["masked"] for line in metrics(tmp_path / "each")]
    (once,) = metrics(tmp_path / "once")
    total = sum(mean * count for mean, count in zip(each, counts, strict=True))
    assert len(set(counts)) > 1
    assert once["masked"] == pytest.approx(total / sum(counts), rel=1e-6)


def test_the_best_and_the_last_checkpoints_stay(tmp_path):
    numbers = iter([3.0, 1.0, math.nan, 2.0, 1.0, 4.0])
    run = make_run(
        "bert",
        tmp_path,
        steps=12,
        save_every=1,
        evaluate_every=2,
        keep=2,
        evaluate=lambda: {"nats": next(numbers)},
    )
    quietly(run)
    assert checkpoints(tmp_path) == ["step-00000004", "step-00000011", "step-00000012"]
    best = run_folder.best(tmp_path)
    assert (best.folder.name, best.metric, best.value) == ("step-00000004", "nats", 1.0)
    assert metrics(tmp_path)[5]["held_out"] == {"nats": None}


def test_an_evaluation_that_is_the_best_so_far_is_saved_at_once(tmp_path):
    numbers = iter([3.0, 5.0, 2.0, 4.0])
    settings = {"steps": 8, "save_every": None, "evaluate_every": 2, "keep": 9}
    quietly(make_run("bert", tmp_path, evaluate=lambda: {"nats": next(numbers)}, **settings))
    assert checkpoints(tmp_path) == ["step-00000002", "step-00000006", "step-00000008"]


def test_the_better_number_may_be_the_higher_one(tmp_path, capsys):
    numbers = iter([0.5, math.inf, 0.75, math.nan, 0.625, 0.75])
    settings = {"steps": 6, "evaluate_every": 1, "keep": 1, "evaluate": lambda: {"accuracy": next(numbers)}}
    run = dataclasses.replace(make_run("bert", tmp_path, **settings), better="higher", judged="dev")
    train(run, Progress())
    assert checkpoints(tmp_path) == ["step-00000003", "step-00000006"]
    assert run_folder.best(tmp_path) == Best(
        tmp_path / "checkpoints/step-00000003", "accuracy", 0.75, "higher"
    )
    assert "step 5 dev: accuracy 0.6250" in capsys.readouterr().err


def test_a_best_that_was_not_noted_before_the_run_was_killed_is_noted_when_it_goes_on(tmp_path):
    settings = {"evaluate_every": 2, "save_every": 2, "keep": 9}
    numbers = {2: 3.0, 4: 2.0, 6: 2.5}
    steps = iter(numbers)
    judged = {"evaluate": lambda: {"nats": numbers[next(steps)]}}
    quietly(make_run("bert", tmp_path, steps=4, **settings, **judged))
    best = run_folder.best(tmp_path)
    run_folder.record_best(tmp_path, Best(tmp_path / "checkpoints/step-00000002", "nats", 3.0))
    resumed(make_run("bert", tmp_path, steps=6, **settings, **judged), best.folder)
    assert run_folder.best(tmp_path) == best
    assert best.folder.name == "step-00000004"


# ---- several processes ------------------------------------------------------------------------------------------

RANK = """
    import os
    from tiny_runs import make_run, quietly, resumed
    from bothways.training import distributed
    with distributed.joined("cpu", timeout_seconds=60) as place:
        assert place.world == 2
        for model in ("bert", "xlnet"):
            run = make_run(model, f"{FOLDER}/{model}", place=place, **SETTINGS | {"evaluate_every": 5})
            resumed(run, f"{FOLDER}/{model}/checkpoints/step-00000003")
        early = {"evaluate_every": 1, "stop_after": 2, "evaluate": lambda: {"nats": 1.0}}
        assert quietly(make_run("bert", f"{FOLDER}/early", place=place, **SETTINGS | early)).step == 3
    # How PyTorch's own network threads behave while Python shuts down is no subject of this test.
    os._exit(0)
"""


def go_on_on_two_ranks(folder, settings):
    """Go on, from step 3, as `torchrun --nproc-per-node 2` does."""
    program = f"FOLDER, SETTINGS = {str(folder)!r}, {settings!r}\n{textwrap.dedent(RANK)}"
    ended = on_two_ranks(["-c", program], {"BOTHWAYS_MAX_STEPS": "6"})
    assert [each.code for each in ended] == [0, 0], "\n".join(each.err for each in ended)


def test_any_number_of_processes_gives_the_same_losses_and_may_change_on_resume(tmp_path, monkeypatch):
    settings = {"steps": 9, "micro_batch": 4, "dropout": 0.0, "save_every": 3, "keep": 9}
    for model in MODELS:
        set_cap(monkeypatch, 3)
        quietly(make_run(model, tmp_path / model, **settings))
    go_on_on_two_ranks(tmp_path, settings)
    monkeypatch.delenv("BOTHWAYS_MAX_STEPS")
    for model in MODELS:
        saved = tmp_path / model / "checkpoints/step-00000006"
        assert saved_state(saved)["world"] == 2
        assert {"rank0.random.cpu", "rank1.random.cpu"} <= {
            name.split(":")[1] for name in saved_tensors(saved)
        }
        resumed(make_run(model, tmp_path / model, **settings), saved)
        quietly(make_run(model, tmp_path / f"{model} alone", **settings))
        for line, alone in zip(metrics(tmp_path / model), metrics(tmp_path / f"{model} alone"), strict=True):
            assert line == pytest.approx(alone, rel=2e-5)


@pytest.mark.gpu
@both
def test_a_gpu_learns_and_resumes_as_a_processor_does(model, tmp_path):
    place = dataclasses.replace(make_run(model, tmp_path).place, device=torch.device("cuda"))
    settings = {"place": place, "steps": 6, "dropout": 0.0, "save_every": 3, "keep": 9}
    quietly(make_run(model, tmp_path / "gpu", **settings))
    quietly(make_run(model, tmp_path / "cpu", **settings | {"place": None}))
    first, second = (metrics(tmp_path / name) for name in ("gpu", "cpu"))
    assert [line["loss"] for line in first] == pytest.approx([line["loss"] for line in second], rel=1e-3)
    resumed(make_run(model, tmp_path / "gpu", **settings), tmp_path / "gpu/checkpoints/step-00000003")
    assert [line["loss"] for line in metrics(tmp_path / "gpu")] == pytest.approx(
        [line["loss"] for line in first], rel=1e-5
    )
