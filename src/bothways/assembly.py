"""From a recipe to the parts of a run: the one place where text, format, objective and backbone come together."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from bothways import allocator, runtime
from bothways.evaluate.heldout import make_evaluator
from bothways.formats import FORMATS, Format, Loader
from bothways.formats.shorter import shortened
from bothways.interop.configs import FAMILIES, family_of
from bothways.interop.folder import Model, load_weights, write_model
from bothways.model.backbones import build_encoder
from bothways.objectives import build_objective
from bothways.recipe import Recipe
from bothways.teachers import taught, writing_maps
from bothways.text.prepare import Prepared
from bothways.text.tokenizer import Layout
from bothways.training.distributed import Place
from bothways.training.loop import Run
from bothways.training.settings import TrainingSettings
from bothways.vocabulary import Vocabulary


@dataclass(frozen=True)
class Assembly:
    """A run and what else was built on the way."""

    run: Run
    model: Model
    format: Format
    missing: tuple[str, ...]
    """Parameters that the weights started from do not have."""


def layout_of(recipe: Recipe) -> Layout:
    """Return where CLS stands in this recipe's rows."""
    return FAMILIES[family_of(recipe.backbone)].layout


def build_model(recipe: Recipe, tokenizer: Any, vocabulary: Vocabulary) -> Model:
    """Build the recipe's model with fresh weights, drawn from its seed alone."""
    runtime.seed_everything(recipe.seed)
    encoder = build_encoder(recipe.backbone, vocabulary)
    objective = build_objective(recipe.objective, list(recipe.extras), vocabulary, encoder)
    return Model(encoder, objective, tokenizer, vocabulary, layout_of(recipe))


def build_format(recipe: Recipe, prepared: Prepared, share: float = 1.0) -> Format:
    """Build the recipe's format over the training shards, with rows of a share of their length."""
    build = FORMATS[recipe.format.kind][1]
    return build(
        shortened(recipe.format, share),
        prepared.train,
        prepared.vocabulary,
        recipe.seed,
        recipe.training.batch,
        layout_of(recipe),
    )


def assemble(
    recipe: Recipe, prepared: Prepared, folder: Path, place: Place, weights: Path | None = None
) -> Assembly:
    """Build everything a run needs, on its device; `weights` is a model folder to start from."""
    runtime.set_threads(recipe.training.threads)
    allocator.keep_freed_memory()
    runtime.choose_compile(place.device, recipe.training.compile)  # refuses before anything is built
    model = build_model(recipe, prepared.tokenizer, prepared.vocabulary)
    missing = load_weights(weights, model.encoder, model.objective) if weights else []
    objective, new_maps = taught(recipe.distil, model, weights, place.device)
    for module in (model.encoder, objective):
        module.to(place.device).train()
    format_ = build_format(recipe, prepared)
    settings = recipe.training.in_steps(format_.steps_per_epoch)
    load = partial(
        Loader,
        corrupt=objective.corrupt,
        seed=recipe.seed,
        global_rows=settings.batch,
        micro_rows=micro_rows(settings, place.world),
        rank=place.rank,
        world=place.world,
        static_epochs=settings.static_epochs,
    )
    evaluator = make_evaluator(prepared.valid, prepared.vocabulary, model.layout, recipe.evaluation)
    run = Run(
        model.encoder,
        objective,
        load(format_),
        settings,
        recipe.seed,
        folder,
        place,
        runtime.choose_precision(place.device, settings.precision),
        write_model=writing_maps(
            objective,
            partial(
                write_model,
                model=model,
                objective=recipe.objective,
                extras=recipe.extras,
                facts=_facts(recipe, prepared, model),
            ),
        ),
        evaluate=partial(evaluator, model.encoder, model.objective),
        shorter=lambda share: load(build_format(recipe, prepared, share)),
    )
    runtime.seed_everything(recipe.seed, place.rank)
    return Assembly(run, model, format_, (*missing, *new_maps))


def micro_rows(settings: TrainingSettings, world: int) -> int:
    """Return the rows of a micro-batch: all that a rank has, unless the settings want fewer."""
    return settings.micro_batch or max(1, settings.batch // world)


def num_parameters(model: Model) -> int:
    """Return how many numbers training changes."""
    parts = (model.encoder, model.objective)
    return sum(parameter.numel() for part in parts for parameter in part.parameters())


def _facts(recipe: Recipe, prepared: Prepared, model: Model) -> dict[str, Any]:
    backbone, whose = recipe.backbone, model.objective.answered_by
    return {
        "name": recipe.name,
        "objective": recipe.objective.kind,
        "extras": ", ".join(extra.kind for extra in recipe.extras) or "none",
        "format": f"{recipe.format.kind}, {recipe.format.length} tokens a row",
        "backbone": f"{backbone.kind}, {backbone.layers} layers of width {backbone.width}",
        "parameters": f"{num_parameters(model):,}",
        "vocabulary": f"{model.vocabulary.size:,}",
        "training text": f"{prepared.train.num_tokens:,} tokens in {prepared.train.num_documents:,} documents",
        **({"questions are answered by": whose} if whose else {}),
        **({"taught by": ", ".join(recipe.distil.teachers)} if recipe.distil else {}),
        "seed": recipe.seed,
        "made with": f"PyTorch {torch.__version__}",
    }
