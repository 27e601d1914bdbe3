"""A whole model as a Hugging Face folder: weights, config, tokenizer and a model card.

`config.json` carries one more entry, `bothways`, with the settings that `transformers` has no names for; a folder
without it (somebody else's) is read as what its family was published with.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from tokenizers import Tokenizer
from torch import Tensor, nn

from bothways import files
from bothways.config import Settings, build
from bothways.errors import CheckpointError
from bothways.interop import generator
from bothways.interop.beginning import HeadOf, begun_as_pretrained, begun_as_trained, heads_of
from bothways.interop.card import model_card
from bothways.interop.configs import FAMILIES, Family, backbone_of, family_of
from bothways.interop.heads import config_of, head_of, with_head
from bothways.interop.sentence_transformers import write_pooling
from bothways.interop.weights import read_weights, write_weights
from bothways.model.backbones import NAMES, build_encoder, offers_of
from bothways.model.encoder import Encoder
from bothways.model.names import Names
from bothways.model.settings import EncoderSettings
from bothways.objectives import AUXILIARIES, OBJECTIVES, build_objective
from bothways.objectives.base import Objective
from bothways.objectives.replaced import Replaced
from bothways.tasks import (
    TASKS,
    Several,
    SeveralSettings,
    Task,
    TaskSettings,
    build_several,
    build_task,
    settings_of_tasks,
)
from bothways.tasks.embed import Embed, EmbedSettings
from bothways.text.tokenizer import Layout, load_tokenizer, vocabulary_of, write_tokenizer
from bothways.vocabulary import Vocabulary


@dataclass(frozen=True)
class Model:
    """A model that can be asked: what every command loads from a RUN."""

    encoder: Encoder
    objective: Objective
    tokenizer: Tokenizer
    vocabulary: Vocabulary
    layout: Layout


@dataclass(frozen=True)
class Description:
    """What a model folder says of itself, beside its weights."""

    family: str
    settings: EncoderSettings
    objective: Settings
    extras: tuple[Settings, ...]
    layout: Layout


def write_model(
    folder: Path,
    model: Model,
    objective: Settings,
    extras: Iterable[Settings],
    *,
    facts: Mapping[str, Any],
) -> None:
    """Write `model` into the existing `folder`; `facts` (plain words and numbers) go on the model card.

    Where `transformers` has a class for an ELECTRA's generator, it becomes a folder of its own within.
    """
    settings = model.encoder.settings
    architecture = _architecture(family_of(settings), model.objective, model.vocabulary)
    family = family_of(settings, is_theirs=architecture is not None)
    about = Description(family, settings, objective, tuple(extras), model.layout)
    parameters = named_parameters(model.encoder, model.objective)
    if isinstance(model.objective, Replaced) and architecture is not None:
        parameters, inner = generator.split(parameters)
        _write_generator(folder / generator.FOLDER, inner, model, model.objective, facts)
    _write(folder, about, architecture, parameters, model, facts)


def _write_generator(
    folder: Path,
    parameters: Mapping[str, Tensor],
    model: Model,
    objective: Replaced,
    facts: Mapping[str, Any],
) -> None:
    """Write the generator of `model` as the masked model that it is."""
    settings = objective.generator.encoder.settings
    family = family_of(settings)
    masked = generator.masked_settings(objective.settings)
    about = Description(family, settings, masked, (), model.layout)
    known = {
        "name": f"generator of {facts.get('name', 'a model')}",
        "trained with": "the model in the folder above",
    }
    folder.mkdir()
    _write(folder, about, FAMILIES[family].architecture, parameters, model, known)


def _write(
    folder: Path,
    about: Description,
    architecture: str | None,
    parameters: Mapping[str, Tensor],
    model: Model,
    facts: Mapping[str, Any],
) -> None:
    """Write all files of one folder; `model` gives the tokenizer and the vocabulary."""
    family, settings = FAMILIES[about.family], about.settings
    config = {
        **({"architectures": [architecture]} if architecture else {}),
        "model_type": family.model_type,
        **family.write(settings, model.vocabulary),
        **config_of(about.objective),
        "tie_word_embeddings": True,
        "dtype": "float32",
        "bothways": {
            "objective": about.objective.model_dump(mode="json"),
            "extras": [extra.model_dump(mode="json") for extra in about.extras],
            "layout": about.layout,
        },
    }
    files.write_json(folder / "config.json", config)
    write_weights(folder, parameters, names_of(settings, about.objective), settings.heads)
    longest = getattr(settings, "max_positions", None)
    has_segments = "segments" in offers_of(settings)
    write_tokenizer(model.tokenizer, about.layout, folder, longest, has_segments=has_segments)
    if isinstance(about.objective, EmbedSettings) and architecture is not None:
        write_pooling(folder, about.objective, settings.width)
    files.write_text(folder / "README.md", model_card(architecture, config, facts))


def read_model(folder: Path, changes: Mapping[str, Any] | None = None) -> tuple[Model, list[str]]:
    """Read a model folder, ours or from `transformers`; also return which parameters it did not hold.

    `changes` are of settings of its encoder on which no weight depends, such as how much it remembers.
    Raises `CheckpointError` for a folder that cannot be read, `DataError` for its tokenizer.
    """
    about = describe(folder)
    tokenizer = load_tokenizer(folder)
    vocabulary = vocabulary_of(tokenizer)
    encoder = build_encoder(about.settings.model_copy(update=dict(changes or {})), vocabulary)
    objective = _build(about, vocabulary, encoder)
    missing = load_weights(folder, encoder, objective)
    model = Model(encoder.eval(), objective.eval(), tokenizer, vocabulary, about.layout)
    return model, missing


def describe(folder: Path) -> Description:
    """Read `config.json` only."""
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(
            f"{folder} has no config.json; give a run, a checkpoint or a Hugging Face folder"
        ) from None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}; use another copy") from None
    ours = (config.get("bothways") or {}) if isinstance(config, dict) else None
    if not isinstance(ours, dict) or ours.get("layout", "cls_first") not in get_args(Layout):
        raise CheckpointError(f"{path} is not a model's configuration; use another copy")
    name, settings = backbone_of(config, folder)
    family = FAMILIES[name]
    wanted = ours.get("objective") or {"kind": _published_with(family, config)}
    objective = _settings(_kinds(), wanted, path)
    extras = tuple(_settings(AUXILIARIES, values, path) for values in ours.get("extras", ()))
    return Description(name, settings, objective, extras, ours.get("layout", family.layout))


def is_theirs(folder: Path) -> bool:
    """Say whether a class of `transformers` loads a folder that we wrote."""
    return FAMILIES[describe(folder).family].architecture is not None


def load_weights(folder: Path, encoder: Encoder, objective: Objective, name: str | None = None) -> list[str]:
    """Copy a folder's weights into a model of the same shape; return the names of those it lacks, left as drawn.

    `name` is what a single task is called: where the folder holds several, it goes on from the one called the same.
    """
    found = read_parameters(folder, encoder.settings, heads_of(objective.settings, name))
    if isinstance(objective, Replaced) and (folder / generator.FOLDER).is_dir():
        settings = objective.generator.encoder.settings
        inner = read_weights(folder / generator.FOLDER, names_of(settings), settings.heads)
        found |= generator.as_part(inner)
    wanted = named_parameters(encoder, objective)
    missing = sorted(set(wanted) - set(found))
    if any(name.startswith("encoder.") for name in missing):
        raise CheckpointError(
            f"{folder} lacks {missing[0]} of this model; give a checkpoint of the same backbone and size"
        )
    for name, parameter in wanted.items():
        if name in found:
            if parameter.shape != found[name].shape:
                raise CheckpointError(
                    f"{folder}: {name} has shape {list(found[name].shape)}, this model needs "
                    f"{list(parameter.shape)}; give a checkpoint of the same size and vocabulary"
                )
            parameter.data.copy_(found[name])
    return missing


def read_parameters(folder: Path, settings: EncoderSettings, heads: Sequence[HeadOf]) -> dict[str, Tensor]:
    """Return a folder's parameters under our names; with `heads`, what these and their encoder begin with."""

    def named_as(objective: Settings | None) -> dict[str, Tensor]:
        return read_weights(folder, names_of(settings, objective), settings.heads)

    if not heads:
        return named_as(None)
    about = describe(folder).objective
    if theirs := heads_of(about):
        return begun_as_trained(named_as(about), theirs, heads)
    begun: dict[str, Tensor] = {}
    for head in heads:
        begun |= begun_as_pretrained(named_as(head.task), head)
    return begun


def named_parameters(encoder: nn.Module, objective: nn.Module) -> dict[str, Tensor]:
    """Return all parameters as `encoder.…` and `objective.…`."""
    parts = (("encoder", encoder), ("objective", objective))
    return {f"{part}.{name}": value for part, module in parts for name, value in module.named_parameters()}


def names_of(settings: EncoderSettings, objective: Settings | None = None) -> Names:
    """Return how the parameters of a backbone of these settings, and of a task's head, are called in a folder."""
    name = family_of(settings)
    names = NAMES[name if name in NAMES else settings.kind]  # type: ignore[attr-defined]
    return with_head(names, name, objective) if isinstance(objective, TaskSettings) else names


def _architecture(name: str, objective: Objective, vocabulary: Vocabulary) -> str | None:
    """Return the class of `transformers` that computes what the model was trained to, or None."""
    family = FAMILIES[name]
    if isinstance(objective, Replaced):
        return family.discriminator
    if family.is_causal != _looks_back(objective) or family.padding not in (None, vocabulary.pad):
        return None
    if isinstance(objective, Embed | Several):
        return family.encoder
    if isinstance(objective, Task):
        head = head_of(name, objective.settings)
        return None if head is None else head.architecture
    return family.architecture_with_pairs if "sentence_pair" in objective.extras else family.architecture


def _looks_back(objective: Objective) -> bool:
    """Say whether a slot sees those before it only."""
    if isinstance(objective, Several):
        return any(objective.task(name).settings.is_causal for name in objective.tasks)
    if isinstance(objective, Task):
        return objective.settings.is_causal
    return "both sides" not in objective.offers


def _published_with(family: Family, config: Mapping[str, Any]) -> str:
    """Return the objective of a folder that does not name it."""
    is_discriminator = family.discriminator in (config.get("architectures") or [])
    return "replaced" if is_discriminator else family.objective


def _kinds() -> dict[str, tuple[type[Settings], Any]]:
    """Return everything that the model of a folder may have been trained to."""
    return {**OBJECTIVES, **TASKS, "several": (SeveralSettings, Several)}


def _build(about: Description, vocabulary: Vocabulary, encoder: Encoder) -> Objective:
    """Build what the model of a folder was trained to, with fresh heads."""
    settings = about.objective
    if isinstance(settings, TaskSettings):
        return build_task(settings, vocabulary, encoder)
    if isinstance(settings, SeveralSettings):
        return build_several(settings_of_tasks(settings), vocabulary, encoder)
    return build_objective(settings, list(about.extras), vocabulary, encoder)


def _settings(table: Mapping[str, tuple[type[Settings], Any]], values: Any, path: Path) -> Any:
    kind = str(values.get("kind")) if isinstance(values, dict) else ""
    if kind not in table:
        raise CheckpointError(f"{path} names {kind!r}, which this Bothways does not know; use a newer one")
    return build(table[kind][0], values, str(path))
