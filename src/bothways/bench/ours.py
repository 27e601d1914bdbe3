"""Our side of a pretraining step: the parts that a run is made of, on made-up text, without a run around them.

Model, rows, corruption and optimizer step are those of `bothways pretrain`. Batches are built beforehand, several
different ones, since building them is measured on its own; a step is forward, backward, clipping and AdamW's update.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bothways import allocator, runtime
from bothways.assembly import build_model, layout_of
from bothways.batch import Batch
from bothways.bench.cases import VOCABULARY, Case
from bothways.bench.effort import Effort
from bothways.bench.measure import Side, waiting
from bothways.checks import check
from bothways.dry_run import DOCUMENTS, PROBE_TOKENS, MadeUpText, made_up_vocabulary
from bothways.formats import FORMATS, Loader
from bothways.interop.folder import Model
from bothways.recipe import Recipe, resolve
from bothways.training.distributed import Place
from bothways.training.step import Stepper

BATCHES = 4
"""Different batches, taken in turn."""
TRIAL_TOKENS = 128


@dataclass(frozen=True)
class Ours:
    """A model of ours, ready to take steps."""

    recipe: Recipe
    model: Model
    batches: tuple[Batch, ...]
    """On the host, as a loader hands them over."""
    stepper: Stepper

    @property
    def tokens(self) -> int:
        """Tokens of one step, padding left out."""
        return self.batches[0].num_tokens

    @property
    def memory_length(self) -> int:
        """Slots remembered before each row, once memory is full."""
        return self.model.encoder.memory_length if self.batches[0].carry else 0

    def side(self) -> Side:
        """Return one step at a time, over the batches in turn."""
        turns = itertools.cycle(self.batches)

        def step() -> None:
            batches = [next(turns)]
            self.stepper.step(batches, self.stepper.totals(batches))

        return Side(step, waiting(self.stepper.place.device), allocator.keep_freed_memory)


def recipe_of(case: Case, words: Sequence[str] = ()) -> Recipe:
    """Return the package's recipe of a case's model and size, cut to the case; `words` are further settings."""
    if case.memory:
        rows = ["format.kind=stream", f"format.reuse={case.length // 2}", "format.bidirectional=false"]
        rows.append(f"backbone.memory={case.memory}")
    else:
        rows = ["format.kind=packed", f"format.across_documents={str(case.document is None).lower()}"]
        rows += ["backbone.memory=0"] if case.model == "xlnet" else []
    rows += [f"backbone.max_positions={max(512, case.length)}"] if case.model == "bert" else []
    shape = [f"format.length={case.length}", f"training.batch={case.rows}", "extras=[]"]
    dropout = [f"backbone.dropout={case.dropout}", f"backbone.attention_dropout={case.dropout}"]
    return resolve(f"{case.model}-{case.size}", [*rows, *shape, *dropout, *words])


def cut_to(recipe: Recipe, effort: Effort) -> Recipe:
    """Return a recipe with steps of about 2,048 tokens, fewer in a trial, in one micro-batch."""
    tokens = TRIAL_TOKENS if effort.is_trial else PROBE_TOKENS
    rows = max(2, tokens // recipe.format.length // 2 * 2)
    training = recipe.training.model_copy(update={"batch": rows, "micro_batch": None})
    return recipe.model_copy(update={"training": training})


def build(recipe: Recipe, *, vocabulary: int = VOCABULARY, document: int | None = None) -> Ours:
    """Build a recipe's model and its batches of `training.batch` rows.

    `vocabulary` is the number of tokens; `document` the mean length of documents, where several share a row.
    Raises `UsageError` where the recipe does not fit together or its device is not there.
    """
    check(recipe)
    settings = recipe.training
    runtime.set_threads(settings.threads)
    device = runtime.choose_device(settings.device)
    model = build_model(recipe, None, made_up_vocabulary(vocabulary))
    for module in (model.encoder, model.objective):
        module.to(device).train()
    stepper = Stepper(
        model.encoder,
        model.objective,
        settings,
        Place(0, 1, device),
        runtime.choose_precision(device, settings.precision),
    )
    return Ours(recipe, model, tuple(_batches(recipe, model, document)), stepper)


def _batches(recipe: Recipe, model: Model, document: int | None) -> list[Batch]:
    """Return different batches of the recipe's format and objective, consecutive where rows are a stream."""
    rows = recipe.training.batch
    text = MadeUpText(model.vocabulary, _lengths(recipe, document))
    build_format = FORMATS[recipe.format.kind][1]
    format_ = build_format(recipe.format, text, model.vocabulary, recipe.seed, rows, layout_of(recipe))
    loader = Loader(format_, model.objective.corrupt, seed=recipe.seed, global_rows=rows, micro_rows=rows)
    return [loader.step(step)[0] for step in range(BATCHES)]


def _lengths(recipe: Recipe, document: int | None) -> list[int]:
    """Return the lengths of the made-up documents, in tokens."""
    tokens = recipe.training.batch * recipe.format.length * BATCHES
    if document is not None:
        # Lengths of documents are skewed in every corpus: many short ones, few long ones.
        drawn = np.random.default_rng(0).lognormal(0.0, 0.8, size=2 * tokens // document)
        return np.maximum(8, drawn / drawn.mean() * document).astype(int).tolist()
    if getattr(recipe.format, "across_documents", False):
        # One text that fills the rows to the last slot (each has a CLS), so that no separator falls into them.
        return [recipe.training.batch * (recipe.format.length - 1) * BATCHES]
    return [max(256, tokens)] * DOCUMENTS
