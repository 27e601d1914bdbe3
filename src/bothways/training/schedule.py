"""How long to train, and learning rate, batch and row length on the way, as pure functions of how far the run has come.

Progress runs from 0 to 1 and is measured in steps, in tokens or in minutes, whichever the budget is given in; one in
epochs is turned into steps before training begins.
All three depend on nothing else, so resuming in steps or tokens is exact.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, field_validator, model_validator

from bothways.config import Settings
from bothways.errors import UsageError

SHAPES: dict[str, Callable[[float, float], float]] = {
    # kind       (progress since the warm-up, start of the decay) -> share of the peak, 1 down to 0
    "constant": lambda _since, _start: 1.0,
    "linear": lambda since, _start: 1.0 - since,
    "cosine": lambda since, _start: (1.0 + math.cos(math.pi * since)) / 2,
    "wsd": lambda since, start: 1.0 - math.sqrt(max(0.0, since - start) / (1.0 - start)),
}


# Strict pydantic takes no list for a tuple, and YAML has lists only.
Stages: TypeAlias = Annotated[tuple[tuple[float, float], ...], Field(strict=False)]
"""Pairs: from this share of the budget on, that share of something; none: all of it, always."""


class ScheduleSettings(Settings):
    """How the learning rate rises and falls over the budget."""

    kind: Literal["linear", "cosine", "wsd", "constant"] = "linear"
    """The fall after the warm-up: a line (BERT, XLNet), half a cosine, none at first and then 1 - sqrt
    (warm-up, stable, decay; Hägele et al. 2024, section 3), or none at all."""
    warmup: int | float = Field(default=0.01, ge=0)
    """The linear rise from zero: a whole number is steps, a number below 1.0 is a share of the budget."""
    decay: float = Field(default=0.2, gt=0, le=1)
    """For `wsd`: the last share of the budget, in which the rate falls."""
    minimum: float = Field(default=0.0, ge=0, le=1)
    """Where the fall ends, as a share of the peak."""
    batch: Stages = ()
    """Batch warm-up: pairs of a share of the budget and the share of the batch's micro-batches that each step takes
    from there on, such as [[0.0, 0.25], [0.1, 1.0]]; what a step leaves out is not read later. Empty: always all."""
    length: Stages = ()
    """Length warm-up: pairs of a share of the budget and the share of `format.length` that rows have from there on:
    [[0.0, 0.25], [0.9, 1.0]] is BERT's, rows of 128 and at last of 512. Each stage lays the text out anew for its
    length. Empty: always all."""

    @field_validator("warmup")
    @classmethod
    def _is_steps_or_share(cls, warmup: int | float) -> int | float:
        if isinstance(warmup, float) and warmup >= 1:
            raise ValueError("as a share it must be below 1.0; steps are written without a point")
        return warmup

    @field_validator("batch", "length")
    @classmethod
    def _are_stages(cls, stages: Stages) -> Stages:
        starts = [start for start, _ in stages]
        if starts and (starts[0] != 0 or starts != sorted(set(starts)) or starts[-1] >= 1):
            raise ValueError("the shares of the budget must begin at 0.0, rise, and stay below 1")
        if not all(0 < share <= 1 for _, share in stages):
            raise ValueError("each share that a stage takes must be above 0 and at most 1")
        return stages

    @model_validator(mode="after")
    def _warmup_ends_before_decay(self) -> "ScheduleSettings":
        if self.kind == "wsd" and isinstance(self.warmup, float) and self.warmup + self.decay > 1:
            raise ValueError(f"warmup {self.warmup} and decay {self.decay} together exceed the budget")
        return self


@dataclass(frozen=True)
class Budget:
    """How long to train: exactly one of the four is given, else `UsageError`."""

    steps: int | None = None
    """Optimizer steps."""
    tokens: int | None = None
    """Tokens read, over all ranks."""
    minutes: float | None = None
    """Minutes of wall clock, interruptions not counted. Not exactly resumable."""
    epochs: float | None = None
    """Passes over the data. They have no progress until `TrainingSettings.in_steps` has counted their steps."""

    def __post_init__(self) -> None:
        given = {name: value for name, value in vars(self).items() if value is not None}
        if len(given) != 1:
            said = " and ".join(f"{name}={value}" for name, value in given.items()) or "not given"
            raise UsageError(f"the training budget is {said}; give exactly one of {', '.join(vars(self))}")
        ((name, value),) = given.items()
        if not (math.isfinite(value) and value > 0):
            raise UsageError(f"the training budget is {name}={value}; give a number above 0")

    def progress(self, step: int, tokens: int, seconds: float) -> float:
        """Return the share of the budget used after `step` steps, `tokens` tokens and `seconds`, in 0..1."""
        if self.steps is not None:
            used = step / self.steps
        elif self.tokens is not None:
            used = tokens / self.tokens
        elif self.minutes is not None:
            used = seconds / (60 * self.minutes)
        else:
            raise ValueError("a budget in epochs must be turned into steps before training")
        return min(1.0, max(0.0, used))

    def is_finished(self, step: int, tokens: int, seconds: float) -> bool:
        """Say whether the budget is used up."""
        return self.progress(step, tokens, seconds) >= 1.0


def warmup_share(settings: ScheduleSettings, budget: Budget) -> float:
    """Return the warm-up as a share of the budget; raise `UsageError` where its steps do not fit in it."""
    if isinstance(settings.warmup, float):
        return settings.warmup
    if settings.warmup == 0:
        return 0.0
    if budget.steps is None:
        raise UsageError(
            f"the warm-up is {settings.warmup} steps but the budget is not in steps, so it has no share; "
            "give the warm-up as a share of the budget, such as 0.01"
        )
    room = 1.0 - settings.decay if settings.kind == "wsd" else 1.0
    if settings.warmup > room * budget.steps:
        raise UsageError(
            f"the warm-up of {settings.warmup} steps does not fit in a budget of {budget.steps} steps; "
            "give fewer steps, or a share such as 0.01"
        )
    return settings.warmup / budget.steps


def share(settings: ScheduleSettings, progress: float, warmup: float) -> float:
    """Return the learning rate at `progress` (0..1) as a share of its peak.

    `warmup` comes from `warmup_share`. The fall starts at the peak where the warm-up ends, as in XLNet's
    code; BERT's measures the line from step 0 and so drops from the peak after the warm-up.
    """
    if progress < warmup:
        return progress / warmup
    stable = 1.0 - warmup
    # Progress is at least the warm-up here, so a run that is all warm-up has arrived at its end.
    since = (progress - warmup) / stable if stable > 0 else 1.0
    start = (1.0 - settings.decay - warmup) / stable if stable > 0 else 0.0
    fall = SHAPES[settings.kind](min(1.0, since), max(0.0, start))
    return settings.minimum + (1.0 - settings.minimum) * fall


def micro_batches(settings: ScheduleSettings, progress: float, count: int) -> int:
    """Return how many of a rank's `count` micro-batches a step takes that begins at `progress` (0..1)."""
    return round(_stage(settings.batch, progress) * count)


def length_share(settings: ScheduleSettings, progress: float) -> float:
    """Return which share of the full length the rows of a step have that begins at `progress` (0..1)."""
    return _stage(settings.length, progress)


def mean_length_share(settings: ScheduleSettings, budget: Budget) -> float:
    """Return the mean of that share over the steps of a run.

    A stage that has a share of the steps counts by it. One that has a share of the tokens, or of the time, which goes
    with the tokens, takes the more steps the shorter its rows are.
    """
    starts = [start for start, _ in settings.length]
    widths = [stop - start for start, stop in itertools.pairwise([*starts, 1.0])]
    stages = [(width, part) for width, (_, part) in zip(widths, settings.length, strict=True)]
    if not stages:
        return 1.0
    if budget.steps is not None or budget.epochs is not None:
        return sum(width * part for width, part in stages)
    return 1.0 / sum(width / part for width, part in stages)


def lengths_in_words(settings: ScheduleSettings, length: int) -> str:
    """Say how long rows are, in tokens, and from when on, where `length` is that of the format."""
    if not settings.length:
        return f"{length:,} tokens"
    (_, first), *later = settings.length
    words = [f"{round(first * length):,} tokens at first"]
    words += [f"{round(part * length):,} from {100 * start:g}% of the budget on" for start, part in later]
    return ", ".join(words)


def _stage(stages: Stages, progress: float) -> float:
    return next((part for start, part in reversed(stages) if progress >= start), 1.0)


def check_batch(settings: ScheduleSettings, count: int) -> None:
    """Raise `UsageError` unless each stage of the batch takes whole ones of a rank's `count` micro-batches."""
    for _, part in settings.batch:
        if not math.isclose(part * count, max(1, round(part * count))):
            raise UsageError(
                f"training.schedule.batch takes {part:g} of a batch that each rank computes in {count} part(s), which "
                "is no whole number of them; set a smaller training.micro_batch, or other shares"
            )
