"""The training loop. There is one, and it knows no objective, backbone or format by name.

    for each step:
        losses of all micro-batches, each divided by the step's total counts, summed over ranks
        clip, and update unless something is not finite
        log · evaluate · save · stop

Losses are sums: a step's counts are known from its batches before the first forward pass, so accumulating over
micro-batches and ranks gives exactly the gradient of one large batch.
"""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from bothways import runtime
from bothways.batch import Batch
from bothways.config import Settings
from bothways.errors import Interrupted, NumericError
from bothways.formats.loader import Loader
from bothways.model.encoder import Encoder
from bothways.objectives.base import Objective
from bothways.training import checkpoint, distributed, optimizer, run_folder, schedule
from bothways.training.distributed import Place
from bothways.training.metrics import MetricsLog, Progress
from bothways.training.optimizer import OptimizerSettings
from bothways.training.schedule import Budget, ScheduleSettings
from bothways.training.signals import StopRequest
from bothways.training.state import State, join_ranks, memories_of, memory_tensors

STEP_CAP = "BOTHWAYS_MAX_STEPS"
"""Environment variable: stop after so many steps, whatever the budget (documented; used by the tests of the docs)."""


class TrainingSettings(Settings):
    """How long and how to train. The budget is exactly one of `steps`, `tokens`, `minutes`."""

    steps: int | None = Field(default=None, gt=0)
    """Budget in optimizer steps."""
    tokens: int | None = Field(default=None, gt=0)
    """Budget in tokens read, over all ranks."""
    minutes: float | None = Field(default=None, gt=0)
    """Budget in minutes of wall clock; the schedule follows the clock, so a resume is not bit-exact."""
    batch: int = Field(default=256, gt=0)
    """Rows a step, over all ranks."""
    micro_batch: int | None = Field(default=None, gt=0)
    """Rows computed at once; smaller ones need less memory and give the same gradient. Default: all of a rank's."""
    optimizer: OptimizerSettings = OptimizerSettings()
    """How weights follow gradients."""
    schedule: ScheduleSettings = ScheduleSettings()
    """How the learning rate rises and falls."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute; `auto` takes a GPU where there is one."""
    precision: Literal["auto", "bf16", "float32"] = "auto"
    """Number format of matrix products; `auto` takes bf16 where the processor is good at it."""
    threads: int | None = Field(default=None, gt=0)
    """Threads of one tensor operation on a CPU; default: all processors granted."""
    recompute_activations: bool = False
    """Compute activations again in the backward pass instead of keeping them: less memory, a third more time."""
    compile: bool = False
    """Compile the blocks with `torch.compile` (needs a C++ compiler on a CPU)."""
    log_every: int = Field(default=10, gt=0)
    """Steps between lines of `metrics.jsonl`."""
    evaluate_every: int | None = Field(default=None, gt=0)
    """Steps between held-out evaluations; default: only at the end."""
    save_every: int | None = Field(default=None, gt=0)
    """Steps between checkpoints; default: only at the end, and where an evaluation was the best so far."""
    keep: int = Field(default=2, gt=0)
    """How many of the last checkpoints stay; the best one stays besides."""
    patience: int = Field(default=5, gt=0)
    """How many steps in a row may have a loss that is not finite before the run stops."""


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
    """Returns held-out numbers; the first is the one that decides which checkpoint is best (lower is better)."""


def train(run: Run, progress: Progress, resume_from: Path | None = None) -> State:
    """Train until the budget is used up; return where the run stands then.

    Raises `Interrupted` after a signal, with everything saved, and `NumericError` when the loss stays non-finite.
    """
    trainer = _Trainer(run, progress)
    if resume_from is not None:
        trainer.restore(resume_from)
    with StopRequest() as stop, MetricsLog(run.folder / "metrics.jsonl", trainer.state.step) as log:
        trainer.train(stop, log)
    return trainer.state


class _Trainer:
    """The moving parts of a run; `train` above is the way in."""

    def __init__(self, run: Run, progress: Progress) -> None:
        settings = run.settings
        self.run, self.progress = run, progress
        self.budget = Budget(settings.steps, settings.tokens, settings.minutes)
        self.warmup = schedule.warmup_share(settings.schedule, self.budget)
        self.cap = int(os.environ.get(STEP_CAP) or 0) or None
        self.named = [
            (f"{part}.{name}", parameter)
            for part, module in (("encoder", run.encoder), ("objective", run.objective))
            for name, parameter in module.named_parameters()
        ]
        self.parameters = [parameter for _, parameter in self.named]
        self.optimizer = optimizer.build_optimizer(self.named, settings.optimizer)
        self.state = State(memories=[None] * len(run.loader.micro_batches))
        self.failures = 0
        self.interval = _Interval()
        self.best = run_folder.best(run.folder)
        run.encoder.recompute_activations = settings.recompute_activations
        if settings.compile:
            for block in run.encoder.blocks:
                block.compile()
        distributed.copy_from_main(self.parameters)

    # ---- the loop -------------------------------------------------------------------------------------------

    def train(self, stop: StopRequest, log: MetricsLog) -> None:
        """Take steps until the budget is used up or a signal asks to stop."""
        settings, state = self.run.settings, self.state
        started = time.monotonic() - state.seconds
        saved_at = -1
        for batches in self.run.loader.iterate(state.step):
            if self._is_finished():
                break
            self.interval.add(*self._step(batches, stop))
            state.step += 1
            state.seconds = time.monotonic() - started
            is_last = self._is_finished() or self.interval.stopping
            improved = False
            if is_last or state.step % settings.log_every == 0 or self._is_due(settings.evaluate_every):
                improved = self._report(log, is_last=is_last)
            if improved or is_last or self._is_due(settings.save_every):
                self._save(log, improved=improved)
                saved_at = state.step
            if self.interval.stopping:
                raise Interrupted(
                    f"stopped by {stop.signal or 'a signal to another process'} after step {saved_at:,}, all saved; "
                    f"continue with: bothways pretrain {self.run.folder}/recipe.yaml --resume"
                )

    def _step(self, batches: list[Batch], stop: StopRequest) -> tuple[dict[str, Tensor], dict[str, float]]:
        """Take one optimizer step; return the summed loss parts and the step's totals over all ranks."""
        run = self.run
        counted: dict[str, float] = {"tokens": sum(batch.num_tokens for batch in batches), "stop": stop.is_set}
        for batch in batches:
            for name, count in run.objective.counts(batch).items():
                counted[name] = counted.get(name, 0) + count
        totals = distributed.sum_over_ranks(counted)
        sums: dict[str, Tensor] = {}
        for index, batch in enumerate(batches):
            for name, nats in self._accumulate(index, batch.to(run.place.device), totals).items():
                sums[name] = sums[name] + nats if name in sums else nats
        self._update(totals)
        return sums, totals

    def _accumulate(self, index: int, batch: Batch, totals: Mapping[str, float]) -> dict[str, Tensor]:
        """Run one micro-batch forward and backward; keep its memory; return its loss sums."""
        run, memories = self.run, self.state.memories
        with run.precision.autocast(run.place.device):
            losses, memories[index] = run.objective(run.encoder, batch, memories[index])
        parts = [loss.weight * loss.sum / max(1, totals[name]) for name, loss in losses.items()]
        torch.stack(parts).sum().backward()
        return {name: loss.sum.detach() for name, loss in losses.items()}

    def _update(self, totals: Mapping[str, float]) -> None:
        """Sum gradients over ranks, clip them, and move the weights unless the gradient is not finite."""
        state, settings = self.state, self.run.settings
        distributed.sum_gradients(self.parameters)
        state.tokens += int(totals["tokens"])
        reached = self.budget.progress(state.step + 1, state.tokens, state.seconds)
        rate = schedule.share(settings.schedule, reached, self.warmup)
        optimizer.set_learning_rate(self.optimizer, rate)
        norm = optimizer.clip_by_global_norm(self.parameters, settings.optimizer.clip)
        self.interval.gradient_norm = norm
        if torch.isfinite(norm):
            self.optimizer.step()
            self.failures = 0
        else:
            self._skip()
        self.optimizer.zero_grad(set_to_none=True)

    def _skip(self) -> None:
        """Count a step without an update; what it remembered may not be finite, so memory begins anew."""
        self.state.skipped += 1
        self.failures += 1
        self.state.memories = [None] * len(self.state.memories)
        step = self.state.step + 1
        self.progress.say(f"step {step:,}: the loss or its gradient is not finite; no update")
        if self.failures >= self.run.settings.patience:
            raise NumericError(
                f"training diverged: {self.failures} steps in a row up to step {step:,} had a loss that is not "
                "finite; resume from the last checkpoint with a lower training.optimizer.learning_rate"
            )

    # ---- what happens between steps -------------------------------------------------------------------------

    def _report(self, log: MetricsLog, *, is_last: bool) -> bool:
        """Write and show a line of metrics, with held-out numbers where due; say whether they are the best."""
        state = self.state
        record: dict[str, Any] = {"step": state.step, **self.interval.means(self.run.objective)}
        record["learning_rate"] = self.optimizer.param_groups[0]["lr"]
        record["tokens"], record["seconds"] = state.tokens, round(state.seconds, 3)
        if state.skipped:
            record["skipped"] = state.skipped
        improved = False
        if self.run.evaluate is not None and (is_last or self._is_due(self.run.settings.evaluate_every)):
            record["held_out"] = dict(self.run.evaluate())
            improved = self._is_best(record["held_out"])
        if self.run.place.is_main:
            log.write(record)
            reached = self.budget.progress(state.step, state.tokens, state.seconds)
            self.progress.show(max(reached, state.step / self.cap if self.cap else 0), record)
        self.interval = _Interval(stopping=self.interval.stopping)
        return improved

    def _is_best(self, held_out: Mapping[str, float]) -> bool:
        name, value = next(iter(held_out.items()))
        self.progress.say(
            f"step {self.state.step:,} held out: " + ", ".join(f"{k} {v:.4f}" for k, v in held_out.items())
        )
        if self.best is not None and not value < self.best.value:
            return False
        folder = run_folder.checkpoint_folder(self.run.folder, self.state.step)
        self.best = run_folder.Best(folder, name, value)
        return True

    def _save(self, log: MetricsLog, *, improved: bool) -> None:
        """Write a checkpoint of the whole run, and forget old ones."""
        state, run = self.state, self.run
        mine = {f"memory:{name}": tensor for name, tensor in memory_tensors(state.memories).items()}
        gathered = distributed.gather_tensors(mine | runtime.random_states())
        if run.place.is_main:
            log.sync()
            tensors = optimizer.optimizer_tensors(self.optimizer) | _by_rank(gathered)
            folder = run_folder.checkpoint_folder(run.folder, state.step)
            counters = state.counters() | {"seed": run.seed, "world": run.place.world}
            checkpoint.save(folder, run.write_model, tensors, counters)
            if improved and self.best is not None:
                run_folder.record_best(run.folder, folder, self.best.metric, self.best.value)
            run_folder.prune(run.folder, run.settings.keep, self.best.folder if self.best else None)
        distributed.barrier()

    def restore(self, folder: Path) -> None:
        """Go on from a checkpoint of this run; the model's own weights were read when the run was built."""
        saved = checkpoint.load(folder)
        optimizer.restore_optimizer(self.optimizer, saved.tensors)
        place, state = self.run.place, self.state
        for name in ("step", "tokens", "seconds", "skipped"):
            setattr(state, name, saved.state[name])
        memory = {
            name.removeprefix("memory:"): value
            for name, value in saved.tensors.items()
            if name.startswith("memory:")
        }
        state.memories = memories_of(memory, self.run.loader.micro_batches, place.device)
        if saved.state["world"] == place.world:
            prefix = f"rank{place.rank}:"
            runtime.restore_random_states(
                {n.removeprefix(prefix): v for n, v in saved.tensors.items() if n.startswith(prefix)}
            )
        else:
            runtime.seed_everything(self.run.seed + state.step, place.rank)

    def _is_due(self, every: int | None) -> bool:
        return every is not None and self.state.step % every == 0

    def _is_finished(self) -> bool:
        state = self.state
        capped = self.cap is not None and state.step >= self.cap
        return capped or self.budget.is_finished(state.step, state.tokens, state.seconds)


def _by_rank(gathered: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Name every rank's generators after it, and join the ranks' memory into rows of the global batch."""
    memory = [{n: t for n, t in part.items() if n.startswith("memory:")} for part in gathered]
    generators = {
        f"rank{rank}:{name}": tensor
        for rank, part in enumerate(gathered)
        for name, tensor in part.items()
        if not name.startswith("memory:")
    }
    return join_ranks(memory) | generators


class _Interval:
    """Losses and speed since the last logged step."""

    def __init__(self, *, stopping: bool = False) -> None:
        self.started = time.monotonic()
        self.sums: dict[str, Tensor] = {}
        self.totals: dict[str, float] = {}
        self.gradient_norm = torch.zeros(())
        self.stopping = stopping

    def add(self, sums: Mapping[str, Tensor], totals: Mapping[str, float]) -> None:
        """Add one step: this rank's loss sums (not waited for) and the totals over all ranks."""
        for name, nats in sums.items():
            self.sums[name] = self.sums[name] + nats if name in self.sums else nats
        for name, count in totals.items():
            self.totals[name] = self.totals.get(name, 0) + count
        self.stopping = self.stopping or totals["stop"] > 0

    def means(self, objective: Objective) -> dict[str, float]:
        """Return the weighted loss, its parts in nats per scored item, the gradient norm and the speed."""
        sums = distributed.sum_over_ranks({name: float(nats) for name, nats in self.sums.items()})
        parts = {name: nats / max(1, self.totals[name]) for name, nats in sums.items()}
        weights = objective.weights()
        seconds = time.monotonic() - self.started
        return {
            "loss": sum(weights[name] * mean for name, mean in parts.items()),
            **parts,
            "gradient_norm": float(self.gradient_norm),
            "tokens_per_second": self.totals["tokens"] / max(1e-9, seconds),
        }
