"""Text embeddings: vectors that are near where texts belong together (Reimers and Gurevych 2019).

A text is read alone, and its vector is the mean of its states, special tokens included, or the state at CLS. An item of
training is a pair of texts, a row each. The records decide what is learned:

    pairs that belong together   each text finds the other one among those of all pairs of a micro-batch
        loss = - ½ sum over i of log softmax over j of (cos(a_i, b_j) / temperature) at i, and ½ the same with a for b
    pairs with a score           the cosine is a line of the score
        loss = sum over pairs of (cos(a, b) - (score - lowest) / (highest - lowest))²

The former ranks among the negatives at hand (Henderson et al. 2017, section 4.4), both ways, with the temperature of
Gao et al. 2021, section 3; the more pairs in a micro-batch, the harder. The latter is the regression of Reimers and
Gurevych 2019, section 3: unlike losses of the order of many scores (CoSENT) it is a sum over pairs, so that a batch
may be cut anywhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from bothways.errors import DataError, UsageError
from bothways.metrics.bootstrap import Metric
from bothways.metrics.correlation import pearson, spearman
from bothways.metrics.retrieval import found_first, mean_reciprocal_rank, ranks
from bothways.metrics.shared_words import SharedWords
from bothways.model.dtypes import at_least_float32
from bothways.model.encoder import Encoder
from bothways.records.types import TextRecord
from bothways.tasks.base import Judged, Prediction, Task, TaskSettings
from bothways.tasks.rows import Item, Reader, Row, TaskBatch, TaskExamples, all_slots, lay_out_row, room
from bothways.tasks.sentences import asked_states, text_slots


class EmbedSettings(TaskSettings):
    """A vector for each text."""

    kind: Literal["embed"] = "embed"
    pooling: Literal["mean", "cls"] = "mean"
    """What of a text's states is its vector: their mean, or the one at CLS."""
    temperature: float = Field(default=0.05, gt=0)
    """What cosines are divided by where pairs belong together. The other pairs of the same micro-batch are what each is
    told from, so `training.batch` and `training.micro_batch` decide how hard that is."""
    lowest: float | None = None
    """The score of texts whose vectors shall be at right angles: the lowest of training records that have scores."""
    highest: float | None = None
    """The score of texts whose vectors shall point the same way: the highest there."""


class Embed(Task[TextRecord]):
    """One vector for each text."""

    name = "embed"
    settings: EmbedSettings
    measures: ClassVar[Mapping[str, Metric]] = {
        "spearman": spearman,
        "pearson": pearson,
        "reciprocal_rank": mean_reciprocal_rank,
        "accuracy": found_first,
    }

    def add_heads(self, encoder: Encoder) -> None:
        """Create nothing: the encoder's states are the vectors."""

    def items(self, record: TextRecord, reader: Reader) -> list[Item]:
        """Lay out each text of a pair, or a single one, cut at its end."""
        texts = [record.text] if record.pair is None else [record.text, record.pair]
        first, *second = (_row(text, reader) for text in texts)
        score = None if record.label is None else self._share(float(record.label))
        return [(replace(first, label=score), *second)]

    def _share(self, score: float) -> float:
        """Return what the cosine shall be."""
        lowest, highest = self.settings.lowest, self.settings.highest
        if lowest is None or highest is None:
            return score
        return (score - lowest) / (highest - lowest)

    def wanted(self, items: Sequence[Item], width: int) -> np.ndarray:
        """Return the cosine of each pair, float32 [items]; NaN where there is no score."""
        labels = [item[0].label for item in items]
        return np.array([np.nan if label is None else label for label in labels], dtype=np.float32)

    def asked(self, examples: TaskExamples) -> np.ndarray:
        """Return every slot, or that of CLS, int64 [rows, asked]."""
        if self.settings.pooling == "mean":
            return all_slots(examples)
        return text_slots(examples, self.vocabulary.pad, self.settings)

    def outputs(self, hidden: Tensor, batch: TaskBatch) -> Tensor:
        """Return vectors [items, texts, width], of any length."""
        texts = len(batch.tokens) // len(batch.wanted)
        return self._vectors(hidden, batch).unflatten(0, (-1, texts))

    def _vectors(self, hidden: Tensor, batch: TaskBatch) -> Tensor:
        if self.settings.pooling == "cls":
            return at_least_float32(asked_states(hidden, batch))
        is_text = (batch.tokens != self.vocabulary.pad)[..., None]
        return at_least_float32(hidden).where(is_text, 0.0).sum(1) / is_text.sum(1)

    def loss(self, outputs: Tensor, batch: TaskBatch) -> Tensor:
        """Return the summed loss of pairs, of whichever kind the training records ask for."""
        if self.settings.lowest is None:
            return contrastive(outputs, alike(batch.tokens), self.settings.temperature)
        cosines = F.cosine_similarity(outputs[:, 0], outputs[:, 1], dim=-1)
        return F.mse_loss(cosines, batch.wanted, reduction="sum")

    def predict_record(
        self, record: TextRecord, items: Sequence[Item], outputs: Sequence[np.ndarray]
    ) -> Prediction:
        """Return the vector of a single text; of a pair both, and their cosine."""
        vectors = outputs[0].astype(np.float64)
        if record.pair is None:
            return {"embedding": vectors[0].tolist()}
        first, second = unit(vectors)
        return {"similarity": float(first @ second), "embeddings": vectors.tolist()}

    def judge(self, records: Sequence[TextRecord], predictions: Sequence[Prediction]) -> Judged:
        """Return how cosines follow the scores; without scores, how well first texts find their second ones here."""
        if records[0].label is not None:
            return judged_scores(records, np.array([prediction["similarity"] for prediction in predictions]))
        vectors = unit(np.array([prediction["embeddings"] for prediction in predictions]))
        firsts, seconds = vectors[:, 0], vectors[:, 1]
        return judged_ranks(ranks(lambda part: firsts[part] @ seconds.T, *_sides(records)))

    @classmethod
    def learn(cls, settings: EmbedSettings, records: Sequence[TextRecord]) -> EmbedSettings:
        """Find the range of the scores: where there is one, scores are learned, else which pairs belong together.

        Raises `DataError` where all scores are one, `UsageError` for a range where no record has a score.
        """
        scores = [float(record.label) for record in records if record.label is not None]
        if not scores:
            return _without_range(settings)
        lowest = min(scores) if settings.lowest is None else settings.lowest
        highest = max(scores) if settings.highest is None else settings.highest
        if lowest >= highest:
            raise DataError(
                f"{records[0].where.rpartition(', ')[0]}: scores from {lowest:g} to {highest:g} tell no pairs apart; "
                "give pairs of different scores, or leave the column out where all pairs belong together"
            )
        return settings.model_copy(update={"lowest": lowest, "highest": highest})

    def trivial(self, records: Sequence[TextRecord], train: Sequence[TextRecord]) -> Mapping[str, float]:
        """Return the metrics of the share of words that two texts have in common."""
        words = SharedWords(*_sides(records))
        if records[0].label is not None:
            return judged_scores(records, words.of_pairs()).metrics
        return judged_ranks(ranks(words.with_all, *_sides(records))).metrics


def _without_range(settings: EmbedSettings) -> EmbedSettings:
    for name in ("lowest", "highest"):
        if (value := getattr(settings, name)) is not None:
            raise UsageError(
                f"task.{name}={value:g} is about scores, and these pairs have none; name their column with "
                f"columns.label, or leave task.{name} out"
            )
    return settings


def contrastive(vectors: Tensor, same: Tensor, temperature: float) -> Tensor:
    """Return the summed loss of pairs [pairs, 2, width] that shall find each other.

    Pairs that are the `same`, bool [pairs, pairs], are no negatives of each other.
    """
    first, second = F.normalize(vectors, dim=-1).unbind(1)
    itself = torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)
    near = (first @ second.T / temperature).masked_fill(same & ~itself, -torch.inf)
    right = torch.arange(len(vectors), device=vectors.device)
    both = F.cross_entropy(near, right, reduction="sum") + F.cross_entropy(near.T, right, reduction="sum")
    return both / 2


def alike(tokens: Tensor) -> Tensor:
    """Return which pairs have a first or a second text in common, bool [pairs, pairs], of tokens [2 · pairs, slots]."""
    texts = tokens.unflatten(0, (-1, 2)).transpose(0, 1)
    return (texts[:, :, None] == texts[:, None]).all(-1).any(0)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Return vectors [..., width] of length 1; of none, none."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), np.finfo(np.float64).tiny)


def judged_scores(records: Sequence[TextRecord], similarity: np.ndarray) -> Judged:
    """Compare similarities with the scores of the records, float64 [records]."""
    truth = np.array([float(str(record.label)) for record in records])
    metrics = {name: float(Embed.measures[name](truth, similarity)) for name in ("spearman", "pearson")}
    return Judged(metrics, spearman, (truth, similarity))


def judged_ranks(found: np.ndarray) -> Judged:
    """Judge the ranks of the right texts, float64 [records]."""
    metrics = {name: float(Embed.measures[name](found)) for name in ("reciprocal_rank", "accuracy")}
    return Judged(metrics, mean_reciprocal_rank, (found,))


def _row(text: str, reader: Reader) -> Row:
    return lay_out_row(reader, reader.encode(text).ids[: room(reader, is_pair=False)])


def _sides(records: Sequence[TextRecord]) -> tuple[list[str], list[str]]:
    return [record.text for record in records], [str(record.pair) for record in records]
