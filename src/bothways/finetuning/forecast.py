"""`bothways finetune --dry-run`: read the records, build the model, and say what would be trained."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bothways.finetuning.build import build_model, lay_out, make_feed
from bothways.finetuning.inputs import read_inputs
from bothways.interop.folder import load_weights
from bothways.task_recipe import TaskRecipe

Say = Callable[[str], None]


@dataclass(frozen=True)
class Foreseen:
    """What a fine-tuning run would do."""

    recipe: TaskRecipe
    steps: int
    """An epoch's."""
    parameters: int
    fresh: tuple[str, ...]
    """Parameters that the model it starts from does not have."""
    notes: list[str]

    def lines(self) -> list[str]:
        """Return what was read and what would be trained."""
        kinds = ", ".join(f"{name} ({part.task.kind})" for name, part in self.recipe.tasks.items())
        optimizer: Any = self.recipe.training.optimizer
        return [
            *self.notes,
            f"would train {kinds} from {self.recipe.model}: {self.parameters / 1e6:.1f} M parameters, "
            f"{self.steps:,} steps an epoch, by {optimizer.kind} at a learning rate of {optimizer.learning_rate:g}",
            "nothing was written; leave out --dry-run to do it",
        ]


def foresee(recipe: TaskRecipe, say: Say) -> Foreseen:
    """Read the records, build the model and say what would happen; writes nothing."""
    inputs = read_inputs(recipe, say)
    model = build_model(inputs.recipe, inputs.about, inputs.model, inputs.tasks)
    fresh = load_weights(inputs.model, model.encoder, model.objective, next(iter(inputs.tasks)))
    feed = make_feed(inputs.recipe, model, lay_out(model, inputs.tasks, "train"))
    count = sum(each.numel() for part in (model.encoder, model.objective) for each in part.parameters())
    return Foreseen(inputs.recipe, feed.steps_per_epoch, count, tuple(fresh), feed.report())
