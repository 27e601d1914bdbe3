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
from functools import partial
from pathlib import Path

from bothways.dry_run import Estimate, dry_run
from bothways.errors import CheckpointError, UsageError
from bothways.finetuning import students
from bothways.finetuning.build import check
from bothways.finetuning.command import FineTuned, finetune
from bothways.finetuning.data import read_tasks
from bothways.finetuning.forecast import Foreseen
from bothways.finetuning.forecast import foresee as foresee_tasks
from bothways.finetuning.inputs import reads_from_the_left
from bothways.finetuning.seeds import Seeds, finetune_seeds
from bothways.finetuning.teaching import settings_of, with_teachers
from bothways.handover import continued
from bothways.interop.folder import describe
from bothways.pretrain import Pretrained, next_folder, pretrain
from bothways.recipe import Recipe, resolve
from bothways.recipe_files import inline, names
from bothways.task_recipe import TaskRecipe, of_one_task
from bothways.tasks import SeveralSettings, TaskSettings
from bothways.training import distributed
from bothways.training.run_folder import resolve_run

Say = Callable[[str], None]


@dataclass(frozen=True)
class Asked:
    """What the words of the command line say."""

    teachers: Sequence[str]
    into: str
    """The student: a recipe, whose weights are drawn anew, or else a model that is there."""
    data: Mapping[str, str]
    """Files by part: `train`, and for a task `dev` and `test`."""
    words: Sequence[str] = ()
    """`section.key=value` settings."""
    name: str | None = None
    """The task's, of teachers that do several."""

    @property
    def taught(self) -> list[str]:
        """All settings, the teachers among them; a recipe that was distilled before had others."""
        return [*self.words, f"distil.teachers={inline(list(self.teachers))}", "distil.digests=[]"]

    @property
    def is_model(self) -> bool:
        """Whether the student is there already, with its own weights and tokenizer."""
        return self.into not in names() and Path(self.into).is_dir()


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
    if seeds < 1:
        raise UsageError(f"--seeds is {seeds}; give 1 or more")
    if not are_of_tasks(asked.teachers):
        if seeds > 1:
            raise UsageError("--seeds is for tasks; pretrain a student with another seed by seed=2")
        recipe, start = language_recipe(asked), None if resume else start_of(asked)
        return pretrain(recipe, out, resume=resume, start_from=start, words=asked.words, quiet=quiet)
    if seeds > 1 and resume:
        raise UsageError("--seeds goes on by itself where it was interrupted; leave out --resume")
    task = task_recipe(asked, asked.into)
    with distributed.joined(task.training.device):
        if asked.is_model:
            if seeds > 1:
                return finetune_seeds(task, seeds, out, say, quiet=quiet)
            return finetune(task, out, resume=resume, quiet=quiet)
        folder = _place(asked, task, out, resume=resume)
        if seeds > 1:
            return finetune_seeds(task, seeds, folder, say, quiet=quiet, begin=partial(_with_student, asked))
        return finetune(_with_student(asked, task, folder), folder, resume=resume, quiet=quiet)


def foresee(asked: Asked, say: Say) -> Estimate | Foreseen:
    """Check everything and say what would happen; writes nothing that stays."""
    if not are_of_tasks(asked.teachers):
        return dry_run(language_recipe(asked))
    task = task_recipe(asked, asked.into)
    if asked.is_model:
        return foresee_tasks(task, say)
    with tempfile.TemporaryDirectory() as place:
        students.draw(fresh_recipe(asked, task.seed), resolve_run(asked.teachers[0]), Path(place) / "student")
        foreseen = foresee_tasks(task_recipe(asked, str(Path(place) / "student")), say)
    return dataclasses.replace(foreseen, recipe=foreseen.recipe.model_copy(update={"model": asked.into}))


def are_of_tasks(teachers: Sequence[str]) -> bool:
    """Say whether teachers are fine-tuned; raise `UsageError` where some are and some are not."""
    kinds = {teacher: _does_tasks(resolve_run(teacher)) for teacher in teachers}
    if len(set(kinds.values())) > 1:
        tuned, plain = (
            next(name for name, is_tuned in kinds.items() if is_tuned is it) for it in (True, False)
        )
        raise UsageError(
            f"the teacher {tuned} was fine-tuned and {plain} was not, so they cannot teach the same; "
            f"fine-tune {plain} too, or leave it out"
        )
    return all(kinds.values())


def _does_tasks(folder: Path) -> bool:
    return isinstance(describe(folder).objective, TaskSettings | SeveralSettings)


def language_recipe(asked: Asked) -> Recipe:
    """Return the recipe of a language model that learns from others, in their tokens."""
    if asked.data.keys() - {"train"} or asked.name:
        raise UsageError(
            f"{asked.teachers[0]} is a language model, and text is held out of its data by itself; leave out --dev, "
            "--test and --as, or give teachers that are fine-tuned to a task"
        )
    start = start_of(asked)
    given = [f"data.{part}={inline(path)}" for part, path in asked.data.items()]
    tokenizer = f"tokenizer.path={inline(str(resolve_run(asked.teachers[0])))}"
    recipe = resolve(asked.into, [*asked.taught, *given, tokenizer])
    if start is not None:
        recipe = continued(recipe, start, asked.words)
    return recipe.model_copy(update={"name": f"{recipe.name}-distilled"})


def start_of(asked: Asked) -> Path | None:
    """Return the weights that a language model begins with; None where they are drawn anew."""
    if not asked.is_model:
        return None
    folder = resolve_run(asked.into)
    teacher = asked.teachers[0]
    if _does_tasks(folder):
        raise UsageError(
            f"{asked.into} was fine-tuned to a task and {teacher} is a language model, so it has nothing to teach it; "
            "give --into a recipe or a pretrained run, or teachers that are fine-tuned"
        )
    if not (Path(asked.into) / "recipe.yaml").is_file():
        raise UsageError(
            f"{asked.into} holds weights but no recipe to train them by; give --into the folder of a run, or say the "
            f"recipe: bothways pretrain RECIPE --from {asked.into} distil.teachers={inline(list(asked.teachers))}"
        )
    return folder


def task_recipe(asked: Asked, student: str) -> TaskRecipe:
    """Return the recipe of a task that the model in `student` learns from others."""
    if "train" not in asked.data and not any(word.startswith("data.train=") for word in asked.words):
        raise UsageError("there is nothing to learn from; give the records of the task with --data")
    kind = settings_of(Path(asked.teachers[0]), asked.name).kind
    words = asked.taught if asked.is_model else [word for word in asked.taught if not _of_shape(word)]
    recipe = of_one_task(student, kind, asked.data, words, name=asked.name)
    return recipe.model_copy(update={"name": f"{recipe.name}-distilled"})


def fresh_recipe(asked: Asked, seed: int) -> Recipe:
    """Return the recipe that decides the weights of a fresh student."""
    return resolve(asked.into, [*(word for word in asked.words if _of_shape(word)), f"seed={seed}"])


def _place(asked: Asked, task: TaskRecipe, out: Path | None, *, resume: bool) -> Path:
    """Return the folder of a fresh student's run, once all that can be refused is, and before anything is written."""
    folder = out or next_folder(task.name)
    if students.is_begun(folder):
        if not resume:
            raise UsageError(
                f"{folder} already holds a run; continue it with --resume, or choose another folder with --out"
            )
        return folder
    if resume:
        raise CheckpointError(f"{folder} holds no run to resume; leave out --resume to begin one")
    about = students.described(fresh_recipe(asked, task.seed))
    check(task, about)
    is_causal = reads_from_the_left(about.objective)
    read_tasks(with_teachers(task), about.layout, is_causal=is_causal, say=lambda _line: None)
    return folder


def _with_student(asked: Asked, run: TaskRecipe, folder: Path) -> TaskRecipe:
    """Return the recipe of a run with the student in its folder, drawn from the run's own seed."""
    recipe = fresh_recipe(asked, run.seed)
    distributed.barrier()  # a folder is chosen by every process before one of them writes there
    if distributed.is_main():
        students.student_of(recipe, resolve_run(asked.teachers[0]), folder)
    distributed.barrier()
    return run.model_copy(update={"model": str(students.place_of(recipe, folder))})


def _of_shape(word: str) -> bool:
    """Say whether a setting is about a fresh student's encoder rather than about the task."""
    return word.startswith("backbone.")
