"""`--dry-run`: check a recipe, and estimate what it costs by running one real step on made-up text.

Parameters are counted on the model itself. Memory is 16 bytes a parameter (weight, gradient, two Adam moments, all
float32) plus what the backward pass keeps, measured on a few rows and scaled to a micro-batch. Time is that of the
same few rows, scaled to the budget; a longer run on an idle machine is usually a little faster.
"""

import dataclasses
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bothways import allocator, runtime
from bothways.assembly import build_model, layout_of, micro_rows, num_parameters
from bothways.batch import Batch
from bothways.checks import check
from bothways.formats import FORMATS
from bothways.formats.loader import check_rows
from bothways.interop.folder import Model
from bothways.recipe import Recipe
from bothways.teachers import check_teachers, taught
from bothways.text.corpus import EMBEDDED, readable_files
from bothways.text.prepare import is_prepared
from bothways.text.tokenizer import load_tokenizer, vocabulary_of
from bothways.training.metrics import duration
from bothways.training.schedule import lengths_in_words, mean_length_share
from bothways.vocabulary import Vocabulary

PROBE_TOKENS = 2048
BYTES_PER_PARAMETER = 16
DOCUMENTS = 8
"""How many documents the made-up text has."""


@dataclass(frozen=True)
class Estimate:
    """What a run would cost. Times in seconds, sizes in bytes; None where the budget does not tell."""

    name: str
    parameters: int
    vocabulary: int
    rows_per_step: int
    row_length: str
    """In words: it may grow."""
    tokens_per_step: int
    """On average."""
    steps: int | None
    tokens: int | None
    epochs: float | None
    """The budget, if it is one in passes over the text; how many steps they are is known once it is prepared."""
    memory: int
    seconds: float | None
    tokens_per_second: float
    device: str
    precision: str

    def lines(self) -> list[str]:
        """Return the estimate for a person."""
        seconds = f"about {duration(self.seconds)}" if self.seconds is not None else "unknown until then,"
        return [
            f"recipe      {self.name}: everything fits together",
            f"parameters  {self.parameters:,} (vocabulary {self.vocabulary:,})",
            f"a step      {self.rows_per_step:,} rows, {self.tokens_per_step:,} tokens",
            f"rows        of {self.row_length}",
            f"budget      {self._budget()}",
            f"memory      about {self.memory / 2**30:.1f} GiB",
            f"time        {seconds} at {self.tokens_per_second:,.0f} tokens/s "
            f"(measured on {PROBE_TOKENS:,} tokens)",
            f"runs on     {self.device}, {self.precision}",
            "nothing was written; leave out --dry-run to train",
        ]

    def _budget(self) -> str:
        if self.epochs is not None:
            return f"{self.epochs:g} passes over the text, whose steps are counted when it is prepared"
        return (
            f"{self.steps:,} steps, {self.tokens:,} tokens" if self.steps and self.tokens else "by the clock"
        )


def dry_run(recipe: Recipe) -> Estimate:
    """Check `recipe` and estimate its cost; writes nothing.

    Raises `UsageError` where the recipe does not fit together, `DataError` where there is no text.
    """
    check(recipe)
    if recipe.distil is not None:
        check_teachers(recipe, recipe.distil)
    for text in (recipe.data.train, recipe.data.valid):
        if text not in (None, EMBEDDED) and not is_prepared(Path(text).expanduser()):
            readable_files(text)
    settings = recipe.training
    check_rows(settings.batch, micro_rows(settings, world=1), world=1)
    runtime.set_threads(settings.threads)
    allocator.keep_freed_memory()
    device = runtime.choose_device(settings.device)
    precision = runtime.choose_precision(device, settings.precision)
    vocabulary = made_up_vocabulary(vocabulary_size(recipe))
    model = build_model(recipe, None, vocabulary)
    parameters = num_parameters(model)
    objective, _ = taught(recipe.distil, model, None, device)
    model = dataclasses.replace(model, objective=objective)
    model.encoder.to(device)
    model.objective.to(device)
    rows = max(2, PROBE_TOKENS // recipe.format.length // 2 * 2)
    seconds, kept = _probe(recipe, model, rows, device, precision)
    share = mean_length_share(settings.schedule, settings.budget)
    per_step = round(settings.batch * recipe.format.length * share)
    speed = rows * recipe.format.length / seconds
    steps = settings.steps or (-(-settings.tokens // per_step) if settings.tokens else None)
    return Estimate(
        name=recipe.name,
        parameters=parameters,
        vocabulary=vocabulary.size,
        rows_per_step=settings.batch,
        row_length=lengths_in_words(settings.schedule, recipe.format.length),
        tokens_per_step=per_step,
        steps=steps,
        tokens=steps * per_step if steps else None,
        epochs=settings.epochs,
        memory=BYTES_PER_PARAMETER * parameters + kept * (settings.micro_batch or settings.batch) // rows,
        seconds=steps * per_step / speed if steps else (settings.minutes or 0) * 60 or None,
        tokens_per_second=speed,
        device=str(device),
        precision=str(precision),
    )


def made_up_vocabulary(size: int) -> Vocabulary:
    """Return a vocabulary of `size` tokens, five of them special, every other one beginning a word."""
    numbers = np.arange(size)
    return Vocabulary(size, 0, 1, 2, 3, 4, 3, is_special=numbers < 5, starts_word=numbers % 2 == 0)


def vocabulary_size(recipe: Recipe) -> int:
    """Return how many tokens a recipe's vocabulary has, or is expected to have before it was learned."""
    if recipe.tokenizer.path is not None:
        return vocabulary_of(load_tokenizer(Path(recipe.tokenizer.path).expanduser())).size
    wanted = recipe.tokenizer.vocabulary
    return wanted if isinstance(wanted, int) else recipe.tokenizer.published_vocabulary


def _probe(
    recipe: Recipe, model: Model, rows: int, device: torch.device, precision: runtime.Precision
) -> tuple[float, int]:
    """Return the seconds of one step on `rows` rows, and the bytes that its backward pass keeps."""
    text = MadeUpText(model.vocabulary, [max(256, rows * recipe.format.length)] * DOCUMENTS)
    format_ = FORMATS[recipe.format.kind][1](
        recipe.format, text, model.vocabulary, recipe.seed, rows, layout_of(recipe)
    )
    examples = format_.examples(0, range(rows))
    batch = model.objective.corrupt(examples, np.random.default_rng(recipe.seed))
    counts = model.objective.counts(batch)
    batch = batch.to(device)
    _step(model, batch, counts, precision, device)
    began = time.perf_counter()
    kept = _step(model, batch, counts, precision, device)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - began, kept


def _step(
    model: Model, batch: Batch, counts: Mapping[str, int], precision: runtime.Precision, device: torch.device
) -> int:
    """Run forward and backward once; return the bytes kept in between, parameters not counted."""
    parts = (model.encoder, model.objective)
    weights = {value.untyped_storage().data_ptr() for part in parts for value in part.parameters()}
    storages: dict[int, int] = {}

    def count(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        with precision.autocast(device):
            losses, _ = model.objective(model.encoder, batch, None)
        means = [loss.weight * loss.sum / max(1, counts[name]) for name, loss in losses.items()]
        total = torch.stack(means).sum()
    total.backward()
    return sum(storages.values())


class MadeUpText:
    """Documents of random ordinary tokens, as long as `lengths` say; has what formats read of shards."""

    def __init__(self, vocabulary: Vocabulary, lengths: Sequence[int]) -> None:
        self.num_documents = len(lengths)
        self.document_lengths = np.array(lengths, dtype=np.int64)
        tokens = np.random.default_rng(0).choice(vocabulary.ordinary(), size=int(self.document_lengths.sum()))
        self._documents = np.split(tokens.astype(np.int32), np.cumsum(self.document_lengths)[:-1])

    def document(self, index: int, /) -> np.ndarray:
        return self._documents[index]

    def sentence_lengths(self, index: int, /) -> np.ndarray:
        length = len(self._documents[index])
        return np.diff(np.append(np.arange(0, length, 16), length))
