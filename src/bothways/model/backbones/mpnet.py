"""MPNet's Transformer: BERT's, with a learned bias for every distance (Song et al. 2020, section 3; released code).

Differs from BERT's in three things: no segments; positions counted from 2, as RoBERTa's; and scores of attention

    score(query, key) = query · key / √D + bias[head, bucket(place of key - place of query)]

with one table of biases for all layers (Raffel et al. 2020, section 2.1: each near distance has a bucket of its own,
far ones share wider and wider buckets, either side has half of them). Places are data, so placeholders and probes are
as far from everything as the slots that they stand for. The price: a bias for each pair of slots, [B, H, Q, K].

Normalisation adds 1e-5, as in the published checkpoints and fairseq; `MPNetConfig` says 1e-12 where nothing is given.
"""

from functools import partial
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from bothways.batch import Batch, Memory
from bothways.model.attention import SelfAttention, Sight
from bothways.model.blocks import ACTIVATIONS, Block, FeedForward
from bothways.model.dropout import Dropout
from bothways.model.dtypes import at_least_float32
from bothways.model.encoder import Encoder
from bothways.model.features import Features, Summary
from bothways.model.heads import Transform, VocabularyHead
from bothways.model.initialise import initialise, initialise_sinusoidal
from bothways.model.names import Names, linear
from bothways.model.settings import EncoderSettings
from bothways.model.visibility import visible
from bothways.vocabulary import Vocabulary

MPNET_OFFERS = frozenset({"probes", "repeated positions"})

FIRST_POSITION = 2
"""Follows the number of the padding token, which is 1 in the published vocabulary and built into `transformers`."""
BUCKETS = 32
WIDER = (8, 12, 16, 23, 32, 46, 64, 91)
"""Where wider buckets begin, in tokens: at 8 · 16^(n/8), so that the last of a side begins at 91."""


class MPNetSettings(EncoderSettings):
    """MPNet's encoder."""

    of_training: ClassVar[frozenset[str]] = EncoderSettings.of_training | {"initial_positions"}

    kind: Literal["mpnet"] = "mpnet"
    norm_epsilon: float = Field(default=1e-5, gt=0)
    """Added to the variance in layer normalisation."""
    max_positions: int = Field(default=512, ge=1)
    """The longest row that has position embeddings, in tokens."""
    initial_positions: Literal["normal", "sinusoidal"] = "normal"
    """How learned positions begin: drawn like everything else, as published, or as sinusoids (ours)."""


class MPNetEmbeddings(nn.Module):
    """Token + position, then normalisation and dropout; a probe embeds as `[MASK]` at its place."""

    def __init__(self, settings: MPNetSettings, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.mask = vocabulary.mask
        self.tokens = nn.Embedding(vocabulary.size, settings.width)
        self.positions = nn.Embedding(FIRST_POSITION + settings.max_positions, settings.width)
        self.norm = nn.LayerNorm(settings.width, settings.norm_epsilon)
        self.dropout = Dropout(settings.dropout)

    def forward(self, batch: Batch) -> Tensor:
        """Return [rows, slots + probes, width]."""
        positions = batch.at_queries(batch.positions) + FIRST_POSITION
        hidden = self.tokens(batch.shown(self.mask)) + self.positions(positions)
        dropped: Tensor = self.dropout(self.norm(hidden))
        return dropped


class MPNetSight(nn.Module):
    """Who sees whom, and what each head adds for the distance: once a batch, for all layers."""

    def __init__(self, settings: MPNetSettings) -> None:
        super().__init__()
        self.distances = nn.Embedding(BUCKETS, settings.heads)
        # A constant copied to a GPU for each batch would make the step wait for it.
        self.wider = nn.Buffer(torch.tensor(WIDER), persistent=False)

    def forward(self, batch: Batch, memory: Memory | None, dtype: torch.dtype) -> Sight:
        if memory is not None:
            raise ValueError("mpnet keeps no memory")
        queries = batch.at_queries(batch.positions)
        buckets = distance_buckets(batch.positions[:, None, :] - queries[:, :, None], self.wider)
        # Gathered in float32, so that the gradient of a bucket, a sum over thousands of pairs, is summed in it.
        bias = nn.functional.embedding(buckets, at_least_float32(self.distances.weight))
        # Neighbouring keys lie side by side: fused kernels of a GPU refuse a bias in which neighbouring heads do.
        return Sight.of(visible(batch), dtype, bias=bias.to(dtype).permute(0, 3, 1, 2).contiguous())


def distance_buckets(distances: Tensor, wider: Tensor) -> Tensor:
    """Return the bucket of each of `distances` (int64: place of key - place of query), from 0 to `BUCKETS` - 1.

    `wider` is `WIDER`, int64 on the same device.
    """
    size = distances.abs()
    shared = WIDER[0] - 1 + torch.bucketize(size, wider, right=True)
    return torch.where(size < WIDER[0], size, shared) + (distances > 0) * (BUCKETS // 2)


def build_mpnet(settings: MPNetSettings, vocabulary: Vocabulary) -> Encoder:
    """Build MPNet's encoder with fresh weights."""
    width, epsilon = settings.width, settings.norm_epsilon

    def head() -> VocabularyHead:
        # The exact gelu whatever the blocks have, as in `transformers`.
        return VocabularyHead(vocabulary.size, Transform(width, ACTIVATIONS["gelu"], epsilon))

    def block() -> Block:
        return Block(
            SelfAttention(width, settings.heads, settings.attention_dropout),
            FeedForward(width, settings.feed_forward, settings.activation),
            width,
            dropout=settings.dropout,
            norm_epsilon=epsilon,
        )

    embeddings = MPNetEmbeddings(settings, vocabulary)
    encoder = Encoder(
        settings,
        embeddings,
        [block() for _ in range(settings.layers)],
        MPNetSight(settings),
        head=head,
        features=Features(partial(Summary, settings.width)),
        offers=MPNET_OFFERS,
    )
    initialise(encoder, settings.initial_deviation)
    if settings.initial_positions == "sinusoidal":
        initialise_sinusoidal(embeddings.positions, settings.initial_deviation)
    return encoder


MPNET_NAMES = Names(
    (
        ("encoder.embeddings.tokens.weight", "mpnet.embeddings.word_embeddings.weight", "same"),
        ("encoder.embeddings.positions.weight", "mpnet.embeddings.position_embeddings.weight", "same"),
        *linear("encoder.embeddings.norm", "mpnet.embeddings.LayerNorm"),
        ("encoder.look.distances.weight", "mpnet.encoder.relative_attention_bias.weight", "same"),
        *(
            row
            for ours, theirs in (
                ("attention.query", "attention.attn.q"),
                ("attention.key", "attention.attn.k"),
                ("attention.value", "attention.attn.v"),
                ("attention.output", "attention.attn.o"),
                ("attention_norm", "attention.LayerNorm"),
                ("feed_forward.inner", "intermediate.dense"),
                ("feed_forward.outer", "output.dense"),
                ("feed_forward_norm", "output.LayerNorm"),
            )
            for row in linear(f"encoder.blocks.{{i}}.{ours}", f"mpnet.encoder.layer.{{i}}.{theirs}")
        ),
        *linear("objective.head.transform.dense", "lm_head.dense"),
        *linear("objective.head.transform.norm", "lm_head.layer_norm"),
        ("objective.head.bias", "lm_head.bias", "same"),
    )
)
