"""A run is one recipe: text, tokenizer, format, objective, backbone and training, in one frozen value.

A recipe is a YAML file of the few lines in which it differs from the recipe it `extends`. Resolving it lays the
files over one another, the base first, then the `section.key=value` words of the command line, and validates
the result: what comes out names every setting and, written down, reads back to the identical recipe.

Two rules of merging keep half of one choice from surviving in another: a changed `kind` replaces its whole
section, and a changed `size` forgets the shape that came with the old one.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic import Field

from bothways import files
from bothways.config import Settings, build, one_of
from bothways.evaluate.settings import EvaluationSettings
from bothways.formats import FORMATS
from bothways.model.backbones import BACKBONES
from bothways.objectives import AUXILIARIES, OBJECTIVES
from bothways.objectives.distilled import DistilSettings
from bothways.recipe_files import dump, inline, merge_layers, parse_words, read_chain
from bothways.text.corpus import DataSettings
from bothways.text.tokenizer import TokenizerSettings
from bothways.training.settings import TrainingSettings

if TYPE_CHECKING:  # a type checker cannot read unions out of dictionaries
    FormatSettings: TypeAlias = Any
    ObjectiveSettings: TypeAlias = Any
    AuxiliarySettings: TypeAlias = Any
    BackboneSettings: TypeAlias = Any
else:
    FormatSettings = one_of(FORMATS)
    ObjectiveSettings = one_of(OBJECTIVES)
    AuxiliarySettings = one_of(AUXILIARIES)
    BackboneSettings = one_of(BACKBONES)


class Recipe(Settings):
    """Everything that decides a run; the same recipe on the same text trains the same model."""

    name: str
    """What the run is called: its folder is `runs/NAME-1` unless `--out` says otherwise."""
    seed: int = Field(default=1, ge=0, lt=2**63)
    """Decides the initial weights, the order of the text, what is corrupted, and dropout."""
    data: DataSettings = DataSettings()
    """The text to learn from; `--data X` is short for `data.train=X`."""
    tokenizer: TokenizerSettings
    """How text becomes tokens."""
    format: FormatSettings
    """How tokens become rows."""
    objective: ObjectiveSettings
    """What is hidden from the model, and predicted."""
    extras: list[AuxiliarySettings] = Field(default=[])
    """Further losses, added to the objective's with their weights."""
    distil: DistilSettings | None = None
    """Larger models of the same objective and tokenizer to learn from besides; see `bothways distil`."""
    backbone: BackboneSettings
    """The encoder that reads the rows."""
    training: TrainingSettings = TrainingSettings()
    """How the weights are learned, how often they are evaluated and saved, and when to stop."""
    evaluation: EvaluationSettings = EvaluationSettings()
    """How much held-out text is scored."""


def resolve(reference: str, words: Sequence[str] = ()) -> Recipe:
    """Return the recipe of a name, a YAML file or a run folder, with `section.key=value` words on top.

    Raises `UsageError`, in one line, for anything in it that is unknown, missing or of the wrong type.
    """
    name, layers = read_chain(reference)
    values = merge_layers([{"name": name}, *layers, parse_words(words)])
    return build(Recipe, values, f"recipe {name}")


def crossed(objective: str, backbone: str, form: str, words: Sequence[str] = ()) -> Recipe:
    """Return the plainest recipe of three kinds: every setting at its default, `section.key=value` words on top."""
    name = f"{objective} / {backbone} / {form}"
    plain: dict[str, Any] = {
        "name": name,
        "tokenizer": {},
        "objective": {"kind": objective},
        "backbone": {"kind": backbone, "size": "tiny"},
        "format": {"kind": form},
        "training": {"steps": 1},
    }
    return build(Recipe, merge_layers([plain, parse_words(words)]), f"recipe {name}")


def write_resolved(recipe: Recipe, path: Path) -> None:
    """Write every setting of `recipe` to `path` as YAML; `resolve` reads the identical recipe back."""
    heading = (
        "# The recipe of this run with every setting filled in; `bothways pretrain` accepts this file.\n"
    )
    files.write_text(path, heading + dump(recipe.model_dump(mode="json")))


def annotated(settings: Settings, indent: str = "") -> list[str]:
    """Return the lines of a YAML that says behind every setting what it means."""
    lines = []
    for name in sorted(type(settings).model_fields, key=lambda name: name != "kind"):
        value, note = getattr(settings, name), _note(settings, name)
        if isinstance(value, Settings):
            lines += [f"{indent}{name}:{note}", *annotated(value, indent + "  ")]
        elif value and isinstance(value, list) and isinstance(value[0], Settings):
            lines.append(f"{indent}{name}:{note}")
            for item in value:
                first, *rest = annotated(item, indent + "    ")
                lines += [f"{indent}  - {first.lstrip()}", *rest]
        else:
            plain = settings.model_dump(mode="json", include={name})[name]
            lines.append(f"{indent}{name}: {inline(plain)}{note}")
    return lines


def _note(settings: Settings, name: str) -> str:
    """Return the comment behind a setting; a `kind` without words of its own is what its group says it is."""
    group = type(settings)
    words = group.model_fields[name].description or (group.__doc__ if name == "kind" else None)
    return f"  # {' '.join(words.split())}" if words else ""
