"""Tiny models that are trained in memory: what a claim needs that makes its own language and its own tasks.

Everything is the library's own (tokenizer, formats, objectives, tasks, optimizer step); only run folders are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer

from bothways import runtime
from bothways.formats import Format
from bothways.formats.loader import Loader
from bothways.model.backbones import build_encoder
from bothways.model.backbones.bert import BertSettings
from bothways.model.encoder import Encoder
from bothways.objectives.base import Objective
from bothways.tasks import Task
from bothways.tasks.answering import predict
from bothways.tasks.rows import Reader
from bothways.text.tokenizer import TokenizerSettings, train_tokenizer
from bothways.training import schedule
from bothways.training.adamw import AdamWSettings
from bothways.training.distributed import Place
from bothways.training.schedule import ScheduleSettings
from bothways.training.settings import TrainingSettings
from bothways.training.step import Stepper
from bothways.vocabulary import Vocabulary

ROWS = 32
"""Rows of a step."""
_HERE = Place(0, 1, torch.device("cpu"))
"""Models as small as these are slower on a GPU."""


@dataclass(frozen=True)
class Sentences:
    """Documents of sentences of tokens: what formats read (`formats.protocol.Source`)."""

    documents: Sequence[Sequence[np.ndarray]]

    @property
    def num_documents(self) -> int:
        return len(self.documents)

    @property
    def document_lengths(self) -> np.ndarray:
        """int64 [documents]"""
        return np.array([sum(map(len, document)) for document in self.documents], dtype=np.int64)

    def document(self, index: int, /) -> np.ndarray:
        """Return the tokens of a document, int32 [tokens]."""
        return np.concatenate(self.documents[index]).astype(np.int32)

    def sentence_lengths(self, index: int, /) -> np.ndarray:
        """Return the lengths of its sentences, int64 [sentences]."""
        return np.array([len(sentence) for sentence in self.documents[index]], dtype=np.int64)


def tokenizer_of(words: Sequence[str]) -> Tokenizer:
    """Return a tokenizer whose tokens are these words, at most 500 of them."""
    return train_tokenizer([" ".join(words)], TokenizerSettings(kind="word"))


def encoded(tokenizer: Tokenizer, documents: Sequence[Sequence[str]]) -> Sentences:
    """Return documents of written sentences as tokens."""
    return Sentences(
        [
            [np.array(tokenizer.encode(sentence, add_special_tokens=False).ids) for sentence in document]
            for document in documents
        ]
    )


def fresh_encoder(vocabulary: Vocabulary, seed: int, *, layers: int = 2, width: int = 64) -> Encoder:
    """Return BERT's encoder at its smallest, for rows of at most 64 tokens, its weights drawn from the seed.

    Positions begin as sinusoids, from which so small a model learns in seconds to look at its neighbours.
    """
    runtime.seed_everything(seed)
    settings = BertSettings(
        layers=layers,
        width=width,
        heads=max(1, width // 16),
        feed_forward=2 * width,
        dropout=0.0,
        attention_dropout=0.0,
        max_positions=64,
        initial_positions="sinusoidal",
        initial_deviation=0.05,
    )
    return build_encoder(settings, vocabulary)


def practise(
    encoder: Encoder,
    objective: Objective,
    rows: Format,
    *,
    seed: int,
    steps: int,
    rate: float = 2e-3,
) -> None:
    """Train an encoder and its objective for `steps` steps of `ROWS` rows; the rate rises, then falls to nothing."""
    settings = TrainingSettings(
        steps=steps,
        batch=ROWS,
        optimizer=AdamWSettings(learning_rate=rate),
        schedule=ScheduleSettings(warmup=0.1),
        device="cpu",
        precision="float32",
    )
    runtime.seed_everything(seed)
    for module in (encoder, objective):
        module.train()
    stepper = Stepper(encoder, objective, settings, _HERE, runtime.choose_precision(_HERE.device, "float32"))
    loader = Loader(rows, objective.corrupt, seed=seed, global_rows=ROWS, micro_rows=ROWS)
    for step in range(steps):
        batches = loader.step(step)
        share = schedule.share(settings.schedule, step / steps, 0.1)
        stepper.step(batches, stepper.totals(batches), share)


def reader_of(tokenizer: Tokenizer, vocabulary: Vocabulary, length: int = 64) -> Reader:
    """Return how such a model reads the texts of a task."""
    return Reader(tokenizer, vocabulary, "cls_first", has_segments=True, length=length)


def accuracy_of(task: Task[Any], encoder: Encoder, records: Sequence[Any], reader: Reader) -> float:
    """Return the share of records that a task answers rightly."""
    return task.judge(records, predict(task, encoder, records, reader)).metrics["accuracy"]
