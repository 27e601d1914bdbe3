"""What `bothways score RUN text` computes and prints."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from rich.table import Table
from tokenizers import Tokenizer

from bothways.evaluate.asking import Subject
from bothways.evaluate.estimate import Estimate, estimate
from bothways.evaluate.heldout import (
    Measurement,
    Sample,
    draw_sample,
    measure,
    window_sums,
)
from bothways.evaluate.printing import lines_of
from bothways.evaluate.settings import EvaluationSettings
from bothways.evaluate.windows import SPECIALS, Documents, HeldOutText
from bothways.evaluate.words import select_words, word_nats

NONE = "–"
"""What a table shows where a measure is not defined."""


@dataclass(frozen=True)
class Score:
    """Held-out numbers of one model on one text, with what they were measured on."""

    measurements: list[Measurement]
    windows: int
    tokens: int
    """In all windows; the measures draw from them."""
    window: int
    """Longest row, special tokens included."""
    seed: int
    answered_by: str | None = None
    """Who gave the answers, if it is not the model itself: ELECTRA's generator."""

    def lines(self) -> list[str]:
        """Return the table and what it was measured on."""
        return [*lines_of(held_out_table({self.answered_by or "model": self.measurements})), self.note()]

    def note(self) -> str:
        """Return one line for below the table."""
        return (
            f"{self.tokens:,} tokens in {self.windows:,} windows of at most {self.window} tokens, "
            f"seed {self.seed}; ± is half of a 95% interval over windows"
        )


def score_documents(
    subject: Subject,
    text: HeldOutText,
    settings: EvaluationSettings,
    unigram: np.ndarray | None = None,
    *,
    by_window: bool = False,
) -> Score:
    """Score a model on held-out tokens; `unigram` is what `unigram_nats` gives for the training text.

    `by_window` keeps what each window costs, so that models can be compared window by window.
    """
    limit = subject.limit(settings.window)
    sample = draw_sample(text, subject.vocabulary, limit, settings)
    found = measure(subject, sample, settings, unigram)
    if not by_window:
        found = [replace(item, by_window=()) for item in found]
    return _score(subject, sample, found, settings)


def score_texts(
    subject: Subject,
    tokenizer: Tokenizer,
    texts: Iterable[str],
    settings: EvaluationSettings,
    unigram: np.ndarray | None = None,
) -> Score:
    """Score a model on documents of text, with nats per character of whole words besides.

    Reads as many documents as fill `settings.pool_tokens` and no more.
    """
    kept, documents = _encode(tokenizer, texts, settings.pool_tokens)
    score = score_documents(subject, Documents(documents), settings, unigram)
    if not settings.words:
        return score
    per_character = replace(measure_words(subject, tokenizer, kept, settings), by_window=())
    return replace(score, measurements=[*score.measurements, per_character])


def measure_words(
    subject: Subject, tokenizer: Tokenizer, texts: Iterable[str], settings: EvaluationSettings
) -> Measurement:
    """Return the price of whole words in nats per character, which compares models of different tokenizers."""
    key, title = "word_nats_per_character", "whole words, nats per character"
    if "joint spans" not in subject.objective.answers:
        return Measurement(key, title, None, None)
    words = select_words(texts, settings.capped().words, settings.seed)
    limit = subject.limit(settings.window)
    scored = word_nats(subject, tokenizer, words, limit=limit, seed=settings.seed, rows=settings.rows)
    if scored is None:
        return Measurement(key, title, None, None)
    items = scored.nats, scored.characters, scored.windows
    return Measurement(key, title, estimate(*items), None, window_sums(*items))


def held_out_table(models: Mapping[str, Sequence[Measurement]], title: str = "held-out text") -> Table:
    """Return one table of several models: a row a measure, the unigram first, then a column a model.

    The models must share a tokenizer and a sample: the unigram shown is that of their common tokens.
    Measures that no model defines are left out.
    """
    table = Table(title=title, title_justify="left")
    for heading in ("measure", "unigram", *models):
        table.add_column(
            heading, justify="left" if heading == "measure" else "right", no_wrap=heading != "measure"
        )
    for rows in zip(*models.values(), strict=True):
        if any(item.model is not None for item in rows):
            cells = [_cell(rows[0].unigram or _first_unigram(rows)), *(_cell(item.model) for item in rows)]
            table.add_row(rows[0].title, *cells)
    return table


def _score(
    subject: Subject, sample: Sample, measurements: list[Measurement], settings: EvaluationSettings
) -> Score:
    tokens = sum(map(len, sample.windows))
    window = subject.limit(settings.window) + SPECIALS
    whose = subject.objective.answered_by
    return Score(measurements, len(sample.windows), tokens, window, settings.seed, whose)


def _encode(
    tokenizer: Tokenizer, texts: Iterable[str], pool_tokens: int
) -> tuple[list[str], list[np.ndarray]]:
    kept: list[str] = []
    documents: list[np.ndarray] = []
    left = pool_tokens
    for text in texts:
        if left <= 0:
            break
        kept.append(text)
        documents.append(np.array(tokenizer.encode(text, add_special_tokens=False).ids, dtype=np.int32))
        left -= len(documents[-1])
    return kept, documents


def _first_unigram(rows: Sequence[Measurement]) -> Estimate | None:
    return next((item.unigram for item in rows if item.unigram is not None), None)


def _cell(known: Estimate | None) -> str:
    return NONE if known is None else str(known)
