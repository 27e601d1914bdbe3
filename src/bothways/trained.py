"""Asking a trained model, wherever it lies: a run folder, a checkpoint, or a folder from Hugging Face."""

import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from bothways.config import build
from bothways.errors import CheckpointError, DataError, UsageError
from bothways.evaluate import (
    EvaluationSettings,
    Filled,
    Score,
    Subject,
    fill_blanks,
    score_texts,
    unigram_nats,
)
from bothways.interop.folder import read_model
from bothways.objectives.base import Objective
from bothways.recipe_files import parse_words
from bothways.runtime import choose_device
from bothways.text.corpus import DataSettings, read_documents
from bothways.text.report import CorpusReport
from bothways.text.shards import MANIFEST, Shards
from bothways.training.run_folder import resolve_run
from bothways.vocabulary import Vocabulary

Say = Callable[[str], None]


def _silent(_sentence: str) -> None:
    pass


def load(run: Path, say: Say = _silent) -> tuple[Subject, Tokenizer]:
    """Return the model of a run and its tokenizer, on the GPU where there is one.

    `say` hears of every checkpoint that is passed over, and why. Raises `CheckpointError`, also for a model without the
    weights that it would answer with: an encoder alone, or an ELECTRA without its generator.
    """
    folder = resolve_run(run, say)
    model, missing = read_model(folder)
    if not model.objective.answers:
        raise UsageError(
            f"{run} was fine-tuned to {model.objective.name}, so it predicts no text; ask it with bothways predict"
        )
    refuse_to_guess(folder, model.objective, missing)
    device = choose_device()
    subject = Subject(model.encoder.to(device), model.objective.to(device), model.vocabulary, model.layout)
    return subject, model.tokenizer


def refuse_to_guess(folder: Path, objective: Objective, missing: Sequence[str]) -> None:
    """Raise `CheckpointError` where a folder lacks what its model would answer with."""
    part = f"objective.{objective.answers_with}"
    lacking = [name for name in missing if name.startswith(f"{part}.")]
    if lacking:
        whose = objective.answered_by or "its head over the vocabulary"
        raise CheckpointError(
            f"{folder} lacks {whose} ({len(lacking)} tensors of {part}), so the answers would be random; "
            "give a folder that has it, such as a generator's own, or train it first: bothways pretrain --from"
        )


def fill(run: Path, sentence: str, say: Say = _silent) -> Filled:
    """Fill the blanks `[?]` of a sentence, each alone and all jointly."""
    subject, tokenizer = load(run, say)
    return fill_blanks(subject, tokenizer, sentence)


def score(run: Path, text: str, words: Sequence[str] = (), say: Say = _silent) -> Score:
    """Measure a model on held-out text; `words` change `EvaluationSettings`, such as `tokens=500`."""
    settings = build(EvaluationSettings, parse_words(words), "score")
    documents = read_documents(text, DataSettings(), CorpusReport())
    # The first document is asked for before the model is loaded: a wrong path is said at once.
    first = next(documents, None)
    if first is None:
        raise DataError(f"{text} holds no text; give a file or folder with some")
    subject, tokenizer = load(run, say)
    texts = (document.text for document in itertools.chain([first], documents))
    return score_texts(subject, tokenizer, texts, settings, unigram_of(run, subject.vocabulary))


def unigram_of(run: Path, vocabulary: Vocabulary) -> np.ndarray | None:
    """Return the baseline of a run's own training text, where its very shards are still at hand."""
    place = run.resolve()
    records = (folder / "environment.json" for folder in (place, place.parent.parent))
    try:
        record = next(file for file in records if file.is_file())
        data = json.loads(record.read_text(encoding="utf-8"))["data"]
        folder, fingerprint = Path(data["shards"]) / "train", data["fingerprint"]
    except (StopIteration, OSError, ValueError, KeyError, TypeError):
        return None
    if not (folder / MANIFEST).is_file():
        return None
    shards = Shards.open(folder, verify=False)
    return unigram_nats(shards, vocabulary) if shards.fingerprint == fingerprint else None
