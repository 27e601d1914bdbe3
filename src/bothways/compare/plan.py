"""What a comparison is going to do, with all that a person can get wrong found before anything is trained."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bothways.compare.budget import Budget, budget_of
from bothways.compare.contenders import Contender, contenders
from bothways.compare.tasks import Task, tasks_of
from bothways.errors import UsageError
from bothways.objectives import OBJECTIVES
from bothways.pretrain import next_folder
from bothways.recipe import Recipe
from bothways.recipe_files import Values, parse_words
from bothways.suites.settings import ProbeTask
from bothways.text.prepare import is_prepared

FINETUNING = "finetuning"
"""The section of the command's words that is about the runs of tasks."""


@dataclass(frozen=True)
class Plan:
    """Who is trained, on how much, and what is asked."""

    contenders: list[Contender]
    budget: Budget
    tasks: list[Task]
    folder: Path
    own_tokenizers: bool
    notes: list[str]
    """What is left out, and why."""

    @property
    def seeds(self) -> list[int]:
        return list(dict.fromkeys(each.recipe.seed for each in self.contenders))

    def total(self) -> str:
        """Say what all runs use up, for before the first of them."""
        runs = len(self.contenders)
        total = f"{runs} runs of {self.budget.in_words()} each, {self.budget.in_words(runs)} in all, in {self.folder}"
        cells = runs * len(self.tasks)
        return total + (f"; then {cells} runs of tasks" if cells else "")


def planned(
    references: Sequence[str],
    words: Sequence[str],
    *,
    tokens: int | None = None,
    flops: float | None = None,
    minutes: float | None = None,
    seeds: int = 1,
    tasks: Sequence[str] = (),
    out: Path | None = None,
    own_tokenizers: bool = False,
) -> Plan:
    """Return the plan; raise `UsageError` where recipes cannot be compared, `DataError` for unusable tasks.

    `words` are settings of all recipes; those of the section `finetuning` are settings of the runs of tasks.
    """
    budget = budget_of(tokens, flops, minutes)
    folder = out or next_folder("compare")
    values = parse_words([word for word in words if word.startswith(f"{FINETUNING}.")]).get(FINETUNING, {})
    # All use up the budget, unless it is said otherwise.
    own = [word for word in words if not word.startswith(f"{FINETUNING}.")]
    settings = ["training.stop_after=null", *own, *budget.words]
    found = contenders(references, settings, seeds=seeds, out=folder, own_tokenizers=own_tokenizers)
    recipes = [each.recipe for each in found if each.recipe.seed == found[0].recipe.seed]
    text = recipes[0].data.train
    if own_tokenizers and text is not None and is_prepared(Path(text).expanduser()):
        raise UsageError(
            f"{text} holds tokens of one tokenizer; give the text itself, or leave out --own-tokenizers"
        )
    asked, notes = _tasks(tasks, values, recipes)
    return Plan(found, budget, asked, folder, own_tokenizers, notes)


def _tasks(options: Sequence[str], values: Values, recipes: Sequence[Recipe]) -> tuple[list[Task], list[str]]:
    """Return the tasks, their files read once."""
    if values and not options:
        raise UsageError(
            f"settings of {FINETUNING} change nothing without a task; give one with --task, or leave them out"
        )
    limits = [getattr(recipe.backbone, "max_positions", None) for recipe in recipes]
    length = min((limit for limit in limits if limit is not None), default=None)
    found, notes = tasks_of(options, values, length)
    for task in found:
        if isinstance(task.row.task, ProbeTask):
            _refuse_one_sided(task, recipes)
        task.test_texts()
    return found, notes


def _refuse_one_sided(task: Task, recipes: Sequence[Recipe]) -> None:
    for recipe in recipes:
        if "joint spans" not in OBJECTIVES[recipe.objective.kind][1].answers:
            raise UsageError(
                f"{recipe.name} sees one side of a blank, and {task.name} asks it to fill some; compare others, or "
                "leave the task out"
            )
