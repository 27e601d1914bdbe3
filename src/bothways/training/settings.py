"""How long and how to train: the settings that the loop reads."""

from typing import TYPE_CHECKING, Literal, TypeAlias

from pydantic import Field

from bothways.config import Settings, one_of
from bothways.training.adamw import AdamWSettings
from bothways.training.groups import OptimizerSettings
from bothways.training.optimizer import OPTIMIZERS
from bothways.training.schedule import Budget, ScheduleSettings, mean_length_share

if TYPE_CHECKING:  # a type checker cannot read unions out of dictionaries
    AnyOptimizer: TypeAlias = OptimizerSettings
else:
    AnyOptimizer = one_of(OPTIMIZERS, default="adamw")


class TrainingSettings(Settings):
    """How long and how to train. The budget is exactly one of `steps`, `tokens`, `minutes`, `epochs`."""

    steps: int | None = Field(default=None, gt=0)
    """Budget in optimizer steps."""
    tokens: int | None = Field(default=None, gt=0)
    """Budget in tokens read, over all ranks."""
    minutes: float | None = Field(default=None, gt=0)
    """Budget in minutes of wall clock; the schedule follows the clock, so a resume is not bit-exact."""
    epochs: float | None = Field(default=None, gt=0)
    """Budget in passes over the data, each of whole steps; shorter rows (`schedule.length`) count by their share."""
    batch: int = Field(default=256, gt=0)
    """Rows a step, over all ranks."""
    micro_batch: int | None = Field(default=None, gt=0)
    """Rows computed at once; fewer need less memory. Default: all of a rank's. The gradient is always that of the whole
    step, but each micro-batch draws its own corruption, so another number hides other tokens."""
    static_epochs: int | None = Field(default=None, gt=0)
    """Epochs that are drawn (which tokens are hidden, pairs, order), then repeated, as if read from files that were
    prepared once: "static masks", of which BERT had 10 (`dupe_factor`). Default: every epoch is drawn anew."""
    optimizer: AnyOptimizer = AdamWSettings()
    """How weights follow gradients."""
    schedule: ScheduleSettings = ScheduleSettings()
    """How the learning rate rises and falls."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute; `auto` takes a GPU where there is one."""
    precision: Literal["auto", "bf16", "float32"] = "auto"
    """Number format of matrix products; `auto` takes bf16 where the processor is good at it."""
    attention: Literal["auto", "explicit", "fused"] = "auto"
    """How attention is computed: by `explicit` products, by PyTorch's `fused` kernels, or as is faster here."""
    threads: int | None = Field(default=None, gt=0)
    """Threads of one tensor operation on a CPU; default: all processors granted."""
    recompute_activations: bool = False
    """Compute activations again in the backward pass instead of keeping them: less memory, a third more time."""
    compile: bool | Literal["auto"] = "auto"
    """Compile the blocks with `torch.compile` (needs a C++ compiler on a CPU); `auto` does where it pays."""
    log_every: int = Field(default=10, gt=0)
    """Steps between lines of `metrics.jsonl`."""
    evaluate_every: int | None = Field(default=1000, gt=0)
    """Steps between held-out evaluations; null: only at the end."""
    save_every: int | None = Field(default=1000, gt=0)
    """Steps between checkpoints; null: only at the end, and where an evaluation was the best so far."""
    stop_after: int | None = Field(default=None, gt=0)
    """Evaluations in a row without a better number after which training ends early; null: the budget is used up."""
    keep: int = Field(default=2, gt=0)
    """How many of the last checkpoints stay; the best one stays besides."""
    patience: int = Field(default=5, gt=0)
    """How many steps in a row may have a loss that is not finite before the run stops."""

    @property
    def budget(self) -> Budget:
        """The budget in its one unit; raises `UsageError` where it has none, or several."""
        return Budget(self.steps, self.tokens, self.minutes, self.epochs)

    def in_steps(self, steps_per_epoch: int) -> "TrainingSettings":
        """Return these settings with a budget in epochs turned into steps, as the loop wants it.

        `steps_per_epoch` is that of the format with rows of full length. A share of a step is rounded, and one is the
        least. A budget in another unit stays as it is.
        """
        if self.epochs is None:
            return self
        steps = self.epochs * steps_per_epoch / mean_length_share(self.schedule, self.budget)
        return self.model_copy(update={"epochs": None, "steps": max(1, round(steps))})
