"""The training loop. There is one, and it knows no objective, backbone or format by name.

    until the budget is used up, or evaluations have stopped improving:
        losses of all micro-batches, each divided by the step's total counts, summed over ranks
        clip, and update unless something is not finite
        evaluate · log · save, each when it is due; save and stop after a signal

Losses are sums: a step's counts are known from its batches before the first forward pass, so accumulating over
micro-batches and ranks gives exactly the gradient of one large batch.
"""

import contextlib
import dataclasses
import math
import shlex
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bothways import runtime
from bothways.batch import Batch
from bothways.caps import step_cap
from bothways.errors import Interrupted, NumericError
from bothways.formats.loader import Loader
from bothways.model.encoder import Encoder
from bothways.objectives.base import Objective
from bothways.training import checkpoint, distributed, optimizer, run_folder, schedule
from bothways.training.distributed import Place
from bothways.training.interval import Interval
from bothways.training.metrics import MetricsLog, Progress
from bothways.training.run_folder import Best, Direction
from bothways.training.settings import TrainingSettings
from bothways.training.signals import StopRequest
from bothways.training.state import State, join_ranks, memories_of, memory_tensors, of_rank
from bothways.training.step import Stepper


@dataclass(frozen=True)
class Run:
    """Everything that one training run consists of, already built."""

    encoder: Encoder
    objective: Objective
    loader: Loader
    settings: TrainingSettings
    seed: int
    folder: Path
    place: Place
    precision: runtime.Precision
    write_model: Callable[[Path], None]
    """Writes the model as a Hugging Face folder."""
    evaluate: Callable[[], Mapping[str, float]] | None = None
    """Returns what the model is judged by; the first number decides which checkpoint is best. On all ranks, or none."""
    better: Direction = "lower"
    """Which way the deciding number improves."""
    go_on: str | None = None
    """The words of the command that continues the run after an interruption; absent: those of `pretrain`."""
    judged: str = "held out"
    """On what the numbers are, in the words of the progress lines."""
    shorter: Callable[[float], Loader] | None = None
    """Returns a loader of as many rows, each a share as long; needed where the schedule has stages of the length."""
    until: float = 1.0
    """The share of the budget after which the run is saved and left alone; going on from there is exact as ever."""


def train(run: Run, progress: Progress, resume_from: Path | None = None) -> State:
    """Train until the budget, which is not in epochs, is used up or the run stops early or pauses (`Run.until`).

    Returns where it stands then.

    `resume_from` is a checkpoint of this run, whose weights the model already has. Raises `Interrupted` after a
    signal, with everything saved, and `NumericError` when the loss stays non-finite.
    """
    trainer = _Trainer(run, progress)
    if resume_from is not None:
        trainer.restore(resume_from)
    with contextlib.ExitStack() as stack:
        stop = stack.enter_context(StopRequest())
        if run.place.is_main:
            trainer.log = stack.enter_context(MetricsLog(run.folder / "metrics.jsonl", trainer.state.step))
        trainer.train(stop)
    return trainer.state


class _Trainer:
    """The moving parts of a run; `train` above is the way in."""

    log: MetricsLog
    """Only the main process writes, so only it has one."""

    def __init__(self, run: Run, progress: Progress) -> None:
        settings = run.settings
        self.run, self.progress = run, progress
        self.budget = settings.budget
        self.warmup = schedule.warmup_share(settings.schedule, self.budget)
        self.cap = step_cap()
        count = len(run.loader.micro_batches)
        schedule.check_batch(settings.schedule, count)
        self.stepper = Stepper(run.encoder, run.objective, settings, run.place, run.precision, count)
        self.state = State()
        self.interval = Interval()
        self.best = run_folder.best(run.folder)

    # ---- the loop -------------------------------------------------------------------------------------------

    def train(self, stop: StopRequest) -> None:
        """Take steps until the run is finished or a signal asks to stop."""
        settings, state = self.run.settings, self.state
        started = time.monotonic() - state.seconds
        with contextlib.closing(self._batches()) as data:
            while not self._is_at_rest():
                began = time.monotonic()
                self._step(next(data))
                now = time.monotonic()
                self.interval.seconds += now - began
                must_stop = self._agree(now - started, stop)
                # By the clock nobody knows which steps are due, so a pause is judged; else it leaves no trace.
                is_judged = self._is_finished() or self._is_due(settings.evaluate_every)
                is_judged |= self._is_at_rest() and settings.minutes is not None
                held_out, is_best = self._evaluate() if is_judged else ({}, False)
                is_resting = self._is_at_rest()
                if is_judged or self._is_due(settings.log_every):
                    self._report(held_out)
                if is_resting or is_best or must_stop or self._is_due(settings.save_every):
                    self._save(is_best=is_best)
                if must_stop and not self._is_finished():
                    raise self._interrupted(stop)

    def _batches(self) -> Generator[list[Batch], None, None]:
        """Yield the micro-batches of each step; where a stage of the length begins, go on in rows of that length.

        What a step reads follows from its number and its stage, so nothing but the step must be known to go on.
        """
        while True:
            share = self._length_share()
            loader = self.run.loader if share == 1 else self._shorter(share)
            with contextlib.closing(loader.iterate(self.state.step)) as data:
                while self._length_share() == share:
                    yield next(data)

    def _shorter(self, share: float) -> Loader:
        assert self.run.shorter is not None
        return self.run.shorter(share)

    def _length_share(self) -> float:
        return schedule.length_share(self.run.settings.schedule, self._used())

    def _step(self, batches: list[Batch]) -> None:
        """Take one optimizer step, over as many of the micro-batches as the schedule says."""
        state, settings = self.state, self.run.settings.schedule
        batches = batches[: schedule.micro_batches(settings, self._used(), len(batches))]
        totals = self.stepper.totals(batches)
        state.step += 1
        state.tokens += totals.tokens
        done = self.stepper.step(batches, totals, schedule.share(settings, self._used(), self.warmup))
        self.interval.tokens += totals.tokens
        self.interval.gradient_norm = done.norm
        if done.is_finite:
            state.failing = 0
            self.interval.add(done.sums, totals.scored)
        else:
            self._skip()

    def _skip(self) -> None:
        """Count a step without an update; what it remembered may not be finite, so memory begins anew."""
        state = self.state
        state.skipped += 1
        state.failing += 1
        self.stepper.forget()
        self.progress.say(f"step {state.step:,}: the loss or its gradient is not finite; no update")
        if state.failing >= self.run.settings.patience:
            raise NumericError(
                f"training diverged: {state.failing} steps in a row up to step {state.step:,} had a loss or gradient "
                "that is not finite; resume from the last checkpoint with a lower training.optimizer.learning_rate"
            )

    # ---- what happens between steps -------------------------------------------------------------------------

    def _agree(self, seconds: float, stop: StopRequest) -> bool:
        """Set every rank's clock by the main one's; say whether any rank was asked to stop."""
        is_main = self.run.place.is_main
        agreed = distributed.sum_over_ranks({"stop": stop.is_set, "seconds": seconds if is_main else 0.0})
        self.state.seconds = agreed["seconds"]
        return agreed["stop"] > 0

    def _evaluate(self) -> tuple[Mapping[str, float], bool]:
        """Judge the model in the main process; tell all ranks whether it is the best so far, and count if not."""
        run, state = self.run, self.state
        if run.evaluate is None:
            return {}, False
        held_out: Mapping[str, float] = {}
        if run.place.is_main:
            held_out = run.evaluate()
            numbers = ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in held_out.items())
            whose = f" ({run.objective.answered_by})" if run.objective.answered_by else ""
            self.progress.say(f"step {state.step:,} {run.judged}: {numbers}{whose}")
        is_best = distributed.any_over_ranks(run.place.is_main and self._improves(held_out))
        state.waiting = 0 if is_best else state.waiting + 1
        if self._stops_early():
            evaluations = f"{state.waiting} evaluation{'s' * (state.waiting > 1)}"
            self.progress.say(f"no better number in {evaluations}; stopped at step {state.step:,}")
        return held_out, is_best

    def _improves(self, held_out: Mapping[str, float]) -> bool:
        """Remember the model as the best so far if its first number says so; say whether it is."""
        metric, value = next(iter(held_out.items()))
        if not math.isfinite(value) or (self.best and not self.best.is_beaten_by(value)):
            return False
        folder = run_folder.checkpoint_folder(self.run.folder, self.state.step)
        self.best = Best(folder, metric, value, self.run.better)
        return True

    def _report(self, held_out: Mapping[str, float]) -> None:
        """Write and show a line of metrics, and begin a new interval."""
        state = self.state
        record: dict[str, Any] = {
            "step": state.step,
            **self.interval.means(self.run.objective.weights()),
            "learning_rate": self.stepper.optimizer.param_groups[0]["lr"],
            "tokens": state.tokens,
            "seconds": round(state.seconds, 3),
        }
        self.interval = Interval()
        if not self.run.place.is_main:
            return
        record |= {"skipped": state.skipped} if state.skipped else {}
        record |= {"held_out": dict(held_out)} if held_out else {}
        self.log.write(record)
        self.progress.show(self._progress(), record)

    def _save(self, *, is_best: bool = False) -> None:
        """Write a checkpoint of the whole run, and forget old ones."""
        state, run = self.state, self.run
        mine = memory_tensors(self.stepper.memories) | runtime.random_states() | self.interval.tensors()
        gathered = distributed.gather_tensors(mine)
        if run.place.is_main:
            self.log.sync()
            folder = run_folder.checkpoint_folder(run.folder, state.step)
            tensors = optimizer.optimizer_tensors(self.stepper.optimizer) | join_ranks(gathered)
            numbers = dataclasses.asdict(state) | {
                "interval": self.interval.numbers(),
                "world": run.place.world,
                "best": self.best.record() if is_best and self.best else None,
            }
            checkpoint.save(folder, run.write_model, tensors, numbers)
            if is_best and self.best:
                run_folder.record_best(run.folder, self.best)
            run_folder.prune(run.folder, run.settings.keep, self.best.folder if self.best else None)
        distributed.barrier()

    def restore(self, folder: Path) -> None:
        """Go on from a checkpoint of this run."""
        saved, place = checkpoint.load(folder), self.run.place
        optimizer.restore_optimizer(self.stepper.optimizer, saved.tensors)
        for name, none_yet in dataclasses.asdict(self.state).items():
            setattr(self.state, name, saved.state.get(name, none_yet))  # older checkpoints count less
        if record := saved.state.get("best"):  # a run that was killed may not have noted it
            self.best = run_folder.best_of(self.run.folder, record)
            if place.is_main:
                run_folder.record_best(self.run.folder, self.best)
        self.stepper.memories = memories_of(saved.tensors, self.run.loader.micro_batches, place.device)
        if saved.state["world"] == place.world:
            mine = of_rank(saved.tensors, place.rank)
            runtime.restore_random_states(mine)
            self.interval = Interval.restored(mine, saved.state["interval"], place.device)
        else:
            # Dropout is drawn per rank, so another number of ranks cannot repeat it.
            runtime.seed_everything(self.run.seed + self.state.step, place.rank)

    def _interrupted(self, stop: StopRequest) -> Interrupted:
        again = self.run.go_on or f"pretrain {shlex.quote(str(self.run.folder / 'recipe.yaml'))} --resume"
        return Interrupted(
            f"stopped by {stop.signal or 'a signal to another process'} after step {self.state.step:,}, all is saved; "
            f"continue with: bothways {again}"
        )

    def _is_due(self, every: int | None) -> bool:
        return every is not None and self.state.step % every == 0

    def _is_finished(self) -> bool:
        return self._progress() >= 1.0 or self._stops_early()

    def _is_at_rest(self) -> bool:
        return self._is_finished() or self._progress() >= self.run.until

    def _stops_early(self) -> bool:
        limit = self.run.settings.stop_after
        return limit is not None and self.state.waiting >= limit

    def _progress(self) -> float:
        """Return how near the end is: the share of the budget that is used up, or of the cap."""
        return max(self.state.step / self.cap if self.cap else 0.0, self._used())

    def _used(self) -> float:
        """Return the share of the budget that is used up; the schedule follows it."""
        return self.budget.progress(self.state.step, self.state.tokens, self.state.seconds)
