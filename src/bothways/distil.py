"""`bothways distil`: one or several teachers, one student; what the teachers are decides what it learns.

    fine-tuned models      →  a model of the same task, from labels and from the teachers' probabilities (`finetuning`)
    pretrained models      →  a language model of the same objective, which learns their predictions, states and
                              attention besides (`pretrain`)

Either way the student is a run as any other: its recipe names the teachers, and `finetune` or `pretrain` goes on.
"""

import dataclasses
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bothways import files
from bothways.assembly import build_model
from bothways.dry_run import Estimate, dry_run
from bothways.errors import UsageError
from bothways.finetuning.command import FineTuned, finetune
from bothways.finetuning.forecast import Foreseen
from bothways.finetuning.forecast import foresee as foresee_tasks
from bothways.finetuning.seeds import Seeds, finetune_seeds
from bothways.finetuning.teaching import settings_of
from bothways.interop.folder import describe, write_model
from bothways.pretrain import Pretrained, next_folder, pretrain
from bothways.recipe import Recipe, resolve
from bothways.recipe_files import inline
from bothways.task_recipe import TaskRecipe, of_one_task
from bothways.tasks import SeveralSettings, TaskSettings
from bothways.text.tokenizer import load_tokenizer, vocabulary_of
from bothways.training.run_folder import resolve_run

STUDENT = "student"
"""In the folder of a run: a student's weights before it learned anything."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Asked:
    """What the words of the command line say."""

    teachers: Sequence[str]
    into: str
    """The student: a recipe, whose weights are drawn anew, or for a task a model that is there."""
    data: Mapping[str, str]
    """Files by part: `train`, and for a task `dev` and `test`."""
    words: Sequence[str] = ()
    """`section.key=value` settings."""
    name: str | None = None
    """The task's, of teachers that do several."""

    @property
    def taught(self) -> list[str]:
        """All settings, the teachers among them."""
        return [*self.words, f"distil.teachers={inline(list(self.teachers))}"]


def distil(
    asked: Asked,
    out: Path | None,
    say: Say,
    *,
    seeds: int = 1,
    resume: bool = False,
    quiet: bool = False,
) -> Pretrained | FineTuned | Seeds:
    """Train a student, or go on with one; raises every `BothwaysError`."""
    if not are_of_tasks(asked.teachers):
        if seeds > 1:
            raise UsageError("--seeds is for tasks; pretrain a student with another seed by seed=2")
        return pretrain(language_recipe(asked), out, resume=resume, quiet=quiet)
    if seeds > 1 and resume:
        raise UsageError("--seeds goes on by itself where it was interrupted; leave out --resume")
    folder = out or next_folder(task_recipe(asked, asked.into).name)
    recipe = task_recipe(asked, _student(asked, folder / STUDENT))
    if seeds > 1:
        return finetune_seeds(recipe, seeds, folder, say, quiet=quiet)
    return finetune(recipe, folder, resume=resume, quiet=quiet)


def foresee(asked: Asked, say: Say) -> Estimate | Foreseen:
    """Check everything and say what would happen; writes nothing that stays."""
    if not are_of_tasks(asked.teachers):
        return dry_run(language_recipe(asked))
    with tempfile.TemporaryDirectory() as place:
        recipe = task_recipe(asked, _student(asked, Path(place) / STUDENT))
        foreseen = foresee_tasks(recipe, say)
    return dataclasses.replace(foreseen, recipe=foreseen.recipe.model_copy(update={"model": asked.into}))


def are_of_tasks(teachers: Sequence[str]) -> bool:
    """Say whether teachers are fine-tuned; raise `UsageError` where some are and some are not."""
    kinds = {
        teacher: isinstance(describe(resolve_run(teacher)).objective, TaskSettings | SeveralSettings)
        for teacher in teachers
    }
    if len(set(kinds.values())) > 1:
        tuned, plain = (
            next(name for name, is_tuned in kinds.items() if is_tuned is it) for it in (True, False)
        )
        raise UsageError(
            f"the teacher {tuned} was fine-tuned and {plain} was not, so they cannot teach the same; "
            f"fine-tune {plain} too, or leave it out"
        )
    return all(kinds.values())


def language_recipe(asked: Asked) -> Recipe:
    """Return the recipe of a language model that learns from others, in their tokens."""
    if asked.data.keys() - {"train"} or asked.name:
        raise UsageError(
            f"{asked.teachers[0]} is a language model, and text is held out of its data by itself; leave out --dev, "
            "--test and --as, or give teachers that are fine-tuned to a task"
        )
    given = [f"data.{part}={inline(path)}" for part, path in asked.data.items()]
    tokenizer = f"tokenizer.path={inline(str(resolve_run(asked.teachers[0])))}"
    recipe = resolve(asked.into, [*asked.taught, *given, tokenizer])
    return recipe.model_copy(update={"name": f"{recipe.name}-distilled"})


def task_recipe(asked: Asked, student: str) -> TaskRecipe:
    """Return the recipe of a task that the model in `student` learns from others."""
    if "train" not in asked.data and not any(word.startswith("data.train=") for word in asked.words):
        raise UsageError("there is nothing to learn from; give the records of the task with --data")
    kind = settings_of(Path(asked.teachers[0]), asked.name).kind
    words = asked.taught if _is_model(asked.into) else [word for word in asked.taught if not _of_shape(word)]
    recipe = of_one_task(student, kind, asked.data, words, name=asked.name)
    return recipe.model_copy(update={"name": f"{recipe.name}-distilled"})


def _student(asked: Asked, folder: Path) -> str:
    """Return the model that learns: the one that is there, or the recipe's, written with fresh weights to `folder`."""
    if _is_model(asked.into):
        return asked.into
    seed = task_recipe(asked, asked.into).seed
    shape = [word for word in asked.words if _of_shape(word)]
    recipe = resolve(asked.into, [*shape, f"seed={seed}"])
    if not folder.exists():
        _write_fresh(recipe, resolve_run(asked.teachers[0]), folder)
    elif _shape(describe(folder).settings) != _shape(recipe.backbone):
        raise UsageError(
            f"{folder} holds a student of another shape than {asked.into}; choose another folder with --out"
        )
    return str(folder)


def _write_fresh(recipe: Recipe, teacher: Path, folder: Path) -> None:
    """Write a model with fresh weights and the tokenizer of a teacher."""
    tokenizer = load_tokenizer(teacher)
    model = build_model(recipe, tokenizer, vocabulary_of(tokenizer))
    facts = {"name": recipe.name, "trained": "not yet", "seed": recipe.seed}
    with files.folder_written_whole(folder) as partial:
        write_model(partial, model, recipe.objective, recipe.extras, facts=facts)


def _shape(settings: Any) -> tuple[Any, ...]:
    return settings.kind, settings.layers, settings.width, settings.heads, settings.feed_forward


def _is_model(into: str) -> bool:
    return Path(into).is_dir()


def _of_shape(word: str) -> bool:
    """Say whether a setting is about a fresh student's encoder rather than about the task."""
    return word.startswith("backbone.")
