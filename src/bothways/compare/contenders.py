"""Who is compared: recipes made equal in all that is not the question.

Equal are the text (the first recipe's), the tokenizer (likewise, unless each keeps its own), the budget, the seeds and
what is asked afterwards. All else, the objective, backbone, format, batch and learning rate, is what a recipe stands
for; the words of the command line change it for all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bothways.checks import check
from bothways.config import nearest
from bothways.errors import UsageError
from bothways.evaluate.settings import EvaluationSettings
from bothways.recipe import Recipe, resolve
from bothways.recipe_files import names


@dataclass(frozen=True)
class Contender:
    """One model that is trained: a recipe with one seed."""

    recipe: Recipe
    folder: Path
    """Its run folder."""

    @property
    def title(self) -> str:
        return f"{self.recipe.name}, seed {self.recipe.seed}"


def contenders(
    references: Sequence[str],
    words: Sequence[str],
    *,
    seeds: int,
    out: Path,
    own_tokenizers: bool = False,
) -> list[Contender]:
    """Return every recipe of `references` with the seeds 1 to `seeds`, checked; recipes change before seeds do.

    Raises `UsageError` for recipes that cannot be compared, before anything is trained.
    """
    if seeds < 1:
        raise UsageError(f"--seeds is {seeds}; give 1 or more")
    recipes = [resolve(reference, words) for reference in references]
    _refuse_twins(recipes)
    evaluation = _shared_evaluation(recipes)
    found = []
    for seed in range(1, seeds + 1):
        for recipe in recipes:
            tokenizer = recipe.tokenizer if own_tokenizers else recipes[0].tokenizer
            shared = {"data": recipes[0].data, "tokenizer": tokenizer, "evaluation": evaluation}
            equal = recipe.model_copy(update={"seed": seed, **shared})
            check(equal)
            found.append(Contender(equal, out / recipe.name.replace("/", "-") / f"seed-{seed}"))
    return found


def split_words(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the recipes and the `section.key=value` settings among the words of the command line."""
    references = [word for word in arguments if "=" not in word]
    if not references:
        raise UsageError(f"there is nothing to compare; name recipes, {nearest('', names()[:4])}")
    return references, [word for word in arguments if "=" in word]


def _refuse_twins(recipes: Sequence[Recipe]) -> None:
    known = [recipe.name.replace("/", "-") for recipe in recipes]
    twice = next((name for name in known if known.count(name) > 1), None)
    if twice is not None:
        raise UsageError(
            f"two recipes are called {twice!r}, and each needs a folder of its own; name each once, or give a copy "
            "of the file another name"
        )


def _shared_evaluation(recipes: Sequence[Recipe]) -> EvaluationSettings:
    """Return the first recipe's questions, asked in windows that every model was trained to read.

    Some models see nothing before the first token of a window, so no model is asked for it.
    """
    window = min(recipe.evaluation.window for recipe in recipes)
    return recipes[0].evaluation.model_copy(update={"window": window, "first_tokens": False})
