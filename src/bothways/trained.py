"""Asking a trained model, wherever it lies: a run folder, a checkpoint, or a folder from Hugging Face."""

import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from bothways.config import build
from bothways.errors import DataError
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
from bothways.recipe_files import parse_words
from bothways.runtime import choose_device
from bothways.text.corpus import DataSettings, read_documents
from bothways.text.report import CorpusReport
from bothways.text.shards import Shards
from bothways.training.run_folder import resolve_run
from bothways.vocabulary import Vocabulary


def load(run: Path) -> tuple[Subject, Tokenizer]:
    """Return the model of a run and its tokenizer, on the GPU where there is one; raise `CheckpointError`."""
    model, _ = read_model(resolve_run(run))
    device = choose_device()
    subject = Subject(model.encoder.to(device), model.objective.to(device), model.vocabulary, model.layout)
    return subject, model.tokenizer


def fill(run: Path, sentence: str) -> Filled:
    """Fill the blanks `[?]` of a sentence, each alone and all jointly."""
    subject, tokenizer = load(run)
    return fill_blanks(subject, tokenizer, sentence)


def score(run: Path, text: str, words: Sequence[str] = ()) -> Score:
    """Measure a model on held-out text; `words` change `EvaluationSettings`, such as `tokens=500`."""
    settings = build(EvaluationSettings, parse_words(words), "score")
    documents = read_documents(text, DataSettings(), CorpusReport())
    # The first document is asked for before the model is loaded: a wrong path is said at once.
    first = next(documents, None)
    if first is None:
        raise DataError(f"{text} holds no text; give a file or folder with some")
    subject, tokenizer = load(run)
    texts = (document.text for document in itertools.chain([first], documents))
    return score_texts(subject, tokenizer, texts, settings, _unigram(run, subject.vocabulary))


def _unigram(run: Path, vocabulary: Vocabulary) -> np.ndarray | None:
    """Return the baseline of a run's own training text, where its shards are still at hand."""
    record = next(
        (file for folder in (run, run.parent.parent) if (file := folder / "environment.json").is_file()), None
    )
    if record is None:
        return None
    shards = Path(json.loads(record.read_text(encoding="utf-8"))["data"]["shards"]) / "train"
    if not shards.is_dir():
        return None
    return unigram_nats(Shards.open(shards, verify=False), vocabulary)
