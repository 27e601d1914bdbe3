"""What a run takes over from the weights that it starts from (`--from`), and what stays its recipe's.

The tokenizer and the backbone are those of the weights; text, format, objective and training those of the recipe. Of
the backbone's settings, those that are a matter of training are the recipe's too, such as dropout and memory. Others
on which no weight depends, such as ModernBERT's rotary positions, may be changed by words alone: what a recipe says of
them is meant for weights drawn anew. All the rest cannot be changed.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bothways.errors import UsageError
from bothways.interop.folder import describe
from bothways.model.settings import SIZES
from bothways.recipe import Recipe
from bothways.recipe_files import parse_words


def continued(recipe: Recipe, folder: Path, words: Sequence[str] = ()) -> Recipe:
    """Return `recipe` with the tokenizer and the backbone of a model folder.

    `words` are those with which the recipe was changed (`section.key=value`). Raises `UsageError` where they ask for
    another backbone than that of the weights, `CheckpointError` for a folder that cannot be read.
    """
    theirs: Any = describe(folder).settings
    ours = recipe.backbone
    if type(theirs) is not type(ours):
        raise UsageError(
            f"{folder} holds a {theirs.kind} backbone, the recipe {recipe.name} trains {ours.kind}; "
            "choose a recipe of that backbone"
        )
    said = _said(words)
    for name in sorted(said - theirs.of_training - theirs.adjustable):
        if getattr(ours, name) != getattr(theirs, name):
            raise UsageError(
                f"backbone.{name}={getattr(ours, name)} is asked for, but the weights in {folder} were made with "
                f"{getattr(theirs, name)}; leave it out, or begin without --from"
            )
    kept = theirs.of_training | (said & theirs.adjustable)
    backbone = theirs.model_copy(update={name: getattr(ours, name) for name in kept})
    tokenizer = recipe.tokenizer.model_copy(update={"path": str(folder)})
    return recipe.model_copy(update={"tokenizer": tokenizer, "backbone": backbone})


def taken_over(asked: Recipe, recipe: Recipe) -> list[str]:
    """Say in one line which settings of the backbone are not as the recipe asked, or nothing."""
    names = [name for name in type(recipe.backbone).model_fields if name != "size"]
    pairs = [(name, getattr(asked.backbone, name), getattr(recipe.backbone, name)) for name in names]
    changed = [f"backbone.{name}={value}" for name, before, value in pairs if before != value]
    return [f"as in the weights, not as in the recipe: {', '.join(changed)}"] if changed else []


def _said(words: Sequence[str]) -> frozenset[str]:
    """Return the names of the backbone's settings that words decide; a size decides a whole shape."""
    backbone: dict[str, Any] = parse_words(words).get("backbone") or {}
    shape = SIZES.get(str(backbone.get("size")), {})
    return frozenset({*backbone, *shape} - {"kind", "size"})
