"""Students with fresh weights: a model folder that has learned nothing yet, in the folder of its run.

    runs/mine/student/bert-tiny/                    an ordinary model folder, with the tokenizer of a teacher
    runs/mine/student/bert-tiny/drawn_from.yaml     the recipe whose seed and shape its weights were drawn from

It is drawn once, and found there by a run that goes on; a student that anything else would have drawn is refused.
"""

from pathlib import Path

from bothways import files
from bothways.assembly import build_model, layout_of
from bothways.errors import UsageError
from bothways.interop.configs import family_of
from bothways.interop.folder import Description, write_model
from bothways.recipe import Recipe, resolve, write_resolved
from bothways.recipe_files import flat
from bothways.teachers import is_same_tokenizer
from bothways.text.tokenizer import load_tokenizer, vocabulary_of
from bothways.training import run_folder

DRAWN_FROM = "drawn_from.yaml"

DECISIVE = {"seed", "backbone", "objective", "extras"}
"""What of a recipe decides fresh weights; the tokenizer is a teacher's."""


def is_fresh(folder: Path) -> bool:
    """Say whether the weights of a model folder were drawn here, and have learned nothing."""
    return (folder / DRAWN_FROM).is_file()


def place_of(recipe: Recipe, run: Path) -> Path:
    """Return where the student of a run lies: it is called as its recipe, also in results and on cards."""
    return run / "student" / Path(recipe.name).name


def described(recipe: Recipe) -> Description:
    """Return what the folder of a recipe's student will say of itself, before there is one."""
    backbone = recipe.backbone
    return Description(
        family_of(backbone), backbone, recipe.objective, tuple(recipe.extras), layout_of(recipe)
    )


def student_of(recipe: Recipe, teacher: Path, run: Path) -> Path:
    """Return the folder of a run's student, drawn now with the tokenizer of a teacher, or found as it was drawn.

    Raises `UsageError`, before anything is written, where the run is another's or another student is there.
    """
    place = place_of(recipe, run)
    if is_begun(run) and not place.exists():
        raise UsageError(
            f"{run} holds a run of another model than a fresh {recipe.name}; choose another folder with --out"
        )
    with run_folder.locked(run):
        if not place.exists():
            draw(recipe, teacher, place)
    _refuse_another(place, recipe, teacher)
    return place


def is_begun(run: Path) -> bool:
    """Say whether a run was begun in a folder: drawing a student is not yet one."""
    return any((run / name).exists() for name in ("recipe.yaml", "checkpoints"))


def draw(recipe: Recipe, teacher: Path, place: Path) -> None:
    """Write a model with fresh weights and the tokenizer of a teacher."""
    tokenizer = load_tokenizer(teacher)
    model = build_model(recipe, tokenizer, vocabulary_of(tokenizer))
    facts = {"name": recipe.name, "weights": "drawn anew, not trained yet", "seed": recipe.seed}
    with files.folder_written_whole(place) as partial:
        write_model(partial, model, recipe.objective, recipe.extras, facts=facts)
        write_resolved(recipe, partial / DRAWN_FROM)


def _refuse_another(place: Path, recipe: Recipe, teacher: Path) -> None:
    remedy = "choose another folder with --out"
    if not is_fresh(place):
        raise UsageError(f"{place} holds no student with fresh weights; {remedy}")
    before, now = (
        flat(each.model_dump(mode="json", include=DECISIVE))
        for each in (resolve(str(place / DRAWN_FROM)), recipe)
    )
    for name in sorted(before | now):
        if before.get(name) != now.get(name):
            raise UsageError(
                f"the student in {place} was drawn with {name}={before.get(name)}, now it is {now.get(name)}; {remedy}"
            )
    if not is_same_tokenizer(place, teacher):
        raise UsageError(f"the student in {place} has another tokenizer than the teacher {teacher}; {remedy}")
