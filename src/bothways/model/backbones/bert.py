"""BERT's Transformer: learned absolute positions, segments, post-norm (Devlin et al. 2019, section 3).

Probes are not part of BERT. They embed as `[MASK]` at their place, so that a permutation objective runs here too.
"""

import dataclasses
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from bothways.batch import Batch, Memory
from bothways.model.attention import SelfAttention, Sight
from bothways.model.blocks import ACTIVATIONS, Block, FeedForward
from bothways.model.dropout import Dropout
from bothways.model.encoder import Encoder
from bothways.model.heads import Transform, VocabularyHead
from bothways.model.initialise import initialise, initialise_sinusoidal
from bothways.model.names import Names
from bothways.model.settings import EncoderSettings
from bothways.model.visibility import visible
from bothways.vocabulary import Vocabulary

BERT_OFFERS = frozenset({"probes", "segments"})


class BertSettings(EncoderSettings):
    """BERT's encoder."""

    kind: Literal["bert"] = "bert"
    max_positions: int = Field(default=512, ge=1)
    """The longest row that has position embeddings, in tokens."""
    initial_positions: Literal["normal", "sinusoidal"] = "normal"
    """How learned positions begin: drawn like everything else, as published, or as sinusoids (ours), from which a small
    model learns in minutes to look at its neighbours."""


class BertEmbeddings(nn.Module):
    """Token + position + segment, then normalisation and dropout (Devlin et al. 2019, figure 2)."""

    num_segments = 2

    def __init__(self, settings: BertSettings, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.mask = vocabulary.mask
        self.tokens = nn.Embedding(vocabulary.size, settings.width)
        self.positions = nn.Embedding(settings.max_positions, settings.width)
        self.segments = nn.Embedding(self.num_segments, settings.width)
        self.norm = nn.LayerNorm(settings.width, settings.norm_epsilon)
        self.dropout = Dropout(settings.dropout)

    def forward(self, batch: Batch) -> Tensor:
        """Return [rows, slots + probes, width]."""
        tokens = batch.tokens
        if batch.probes is not None:
            tokens = torch.cat([tokens, torch.full_like(batch.probes, self.mask)], dim=1)
        # XLNet's rows mark CLS as a third segment, which BERT does not have.
        segments = batch.at_queries(batch.segments).clamp(max=self.num_segments - 1)
        positions = batch.at_queries(batch.positions)
        return self.dropout(
            self.norm(self.tokens(tokens) + self.positions(positions) + self.segments(segments))
        )


class BertSight(nn.Module):
    """Who sees whom, once a batch."""

    def forward(self, batch: Batch, memory: Memory | None, dtype: torch.dtype) -> Sight:
        if memory is not None:
            raise ValueError("bert keeps no memory")
        sight = Sight.of(visible(batch), dtype)
        return sight if batch.num_probes else dataclasses.replace(sight, runs=batch.runs)


def build_bert(settings: BertSettings, vocabulary: Vocabulary) -> Encoder:
    """Build BERT's encoder with fresh weights."""

    def head() -> VocabularyHead:
        activation = ACTIVATIONS[settings.activation]
        return VocabularyHead(vocabulary.size, Transform(settings.width, activation, settings.norm_epsilon))

    def block() -> Block:
        return Block(
            SelfAttention(settings.width, settings.heads, settings.attention_dropout),
            FeedForward(settings.width, settings.feed_forward, settings.activation),
            settings.width,
            dropout=settings.dropout,
            norm_epsilon=settings.norm_epsilon,
        )

    embeddings = BertEmbeddings(settings, vocabulary)
    encoder = Encoder(
        settings,
        embeddings,
        [block() for _ in range(settings.layers)],
        BertSight(),
        head=head,
        offers=BERT_OFFERS,
    )
    initialise(encoder, settings.initial_deviation)
    if settings.initial_positions == "sinusoidal":
        initialise_sinusoidal(embeddings.positions, settings.initial_deviation)
    return encoder


BERT_NAMES = Names(
    (
        ("encoder.embeddings.tokens.weight", "bert.embeddings.word_embeddings.weight", "same"),
        ("encoder.embeddings.positions.weight", "bert.embeddings.position_embeddings.weight", "same"),
        ("encoder.embeddings.segments.weight", "bert.embeddings.token_type_embeddings.weight", "same"),
        ("encoder.embeddings.norm.weight", "bert.embeddings.LayerNorm.weight", "same"),
        ("encoder.embeddings.norm.bias", "bert.embeddings.LayerNorm.bias", "same"),
        *(
            (f"encoder.blocks.{{i}}.{ours}.{part}", f"bert.encoder.layer.{{i}}.{theirs}.{part}", "same")
            for ours, theirs in (
                ("attention.query", "attention.self.query"),
                ("attention.key", "attention.self.key"),
                ("attention.value", "attention.self.value"),
                ("attention.output", "attention.output.dense"),
                ("attention_norm", "attention.output.LayerNorm"),
                ("feed_forward.inner", "intermediate.dense"),
                ("feed_forward.outer", "output.dense"),
                ("feed_forward_norm", "output.LayerNorm"),
            )
            for part in ("weight", "bias")
        ),
        ("objective.head.transform.dense.weight", "cls.predictions.transform.dense.weight", "same"),
        ("objective.head.transform.dense.bias", "cls.predictions.transform.dense.bias", "same"),
        ("objective.head.transform.norm.weight", "cls.predictions.transform.LayerNorm.weight", "same"),
        ("objective.head.transform.norm.bias", "cls.predictions.transform.LayerNorm.bias", "same"),
        ("objective.head.bias", "cls.predictions.bias", "same"),
        ("objective.extras.sentence_pair.head.pooler.weight", "bert.pooler.dense.weight", "same"),
        ("objective.extras.sentence_pair.head.pooler.bias", "bert.pooler.dense.bias", "same"),
        ("objective.extras.sentence_pair.head.classifier.weight", "cls.seq_relationship.weight", "same"),
        ("objective.extras.sentence_pair.head.classifier.bias", "cls.seq_relationship.bias", "same"),
    )
)
