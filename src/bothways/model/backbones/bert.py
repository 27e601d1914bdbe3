"""BERT's Transformer: learned absolute positions, segments, post-norm (Devlin et al. 2019, section 3).

The relatives that differ in settings only:

| | `num_segments` | `positions_after_padding` | `embedding_width` | `norm` | `head` | `norm_epsilon` |
|---|---|---|---|---|---|---|
| BERT | 2 | no | – | post | transform | 1e-12 |
| RoBERTa (Liu et al. 2019) | 1 | yes | – | post | transform | 1e-5 |
| ELECTRA (Clark et al. 2020) | 2 | no | 128 at size small | post | transform | 1e-12 |
| GPT-2 (Radford et al. 2019) | 0 | no | – | pre | plain | 1e-5 |

RoBERTa has no segments; its published checkpoints, and ours, hold one that is added everywhere, which is the same.

Probes are not part of BERT. They embed as `[MASK]` at their place, so that a permutation objective runs here too.
"""

import dataclasses
from collections import OrderedDict
from functools import partial
from typing import ClassVar, Literal, Self

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from bothways.batch import Batch, Memory
from bothways.model.attention import SelfAttention, Sight
from bothways.model.blocks import ACTIVATIONS, Block, FeedForward, NormPlace
from bothways.model.dropout import Dropout
from bothways.model.encoder import Encoder
from bothways.model.features import Features, Summary
from bothways.model.heads import Transform, VocabularyHead
from bothways.model.initialise import initialise, initialise_sinusoidal, shrink_residuals
from bothways.model.kernels.runs import Runs
from bothways.model.names import Names, Row, linear
from bothways.model.settings import EncoderSettings
from bothways.model.visibility import visible
from bothways.vocabulary import Vocabulary

BERT_OFFERS = frozenset({"probes", "segments", "repeated positions"})


class BertSettings(EncoderSettings):
    """BERT's encoder."""

    of_training: ClassVar[frozenset[str]] = EncoderSettings.of_training | {"initial_positions"}

    kind: Literal["bert"] = "bert"
    max_positions: int = Field(default=512, ge=1)
    """The longest row that has position embeddings, in tokens."""
    initial_positions: Literal["normal", "sinusoidal"] = "normal"
    """How learned positions begin: drawn like everything else, as published, or as sinusoids (ours), from which a small
    model learns in minutes to look at its neighbours."""
    positions_after_padding: bool = False
    """Whether positions begin after the id of the padding token, as RoBERTa's do (at 2); the table grows by as many."""
    num_segments: int = Field(default=2, ge=0, le=2)
    """Embeddings of segments: A and B, one for all, or none. Fewer than two cannot tell the parts of a pair apart."""
    embedding_width: int | None = Field(default=None, ge=2, multiple_of=2)
    """Size of the embeddings where it is a choice of its own (ELECTRA); a linear map leads from it to another width."""
    norm: NormPlace = "post"
    """Where normalisation stands: at the embeddings and after each sublayer (`post`, BERT), or before each sublayer and
    at the end, with residual sums that begin small (`pre`, GPT-2: Radford et al. 2019, section 2.3)."""
    head: Literal["transform", "plain"] = "transform"
    """How states become scores: through BERT's dense layer, plus a bias, or by the token embeddings alone (GPT-2)."""

    @property
    def offers(self) -> frozenset[str]:
        """What this encoder can do: without two segments it takes no pairs."""
        return BERT_OFFERS if self.num_segments == 2 else BERT_OFFERS - {"segments"}

    @property
    def has_embedding_width(self) -> bool:
        """Whether the size of embeddings was chosen, as ELECTRA does even where it is the width."""
        return self.embedding_width is not None

    def narrowed(self, share: float) -> Self:
        """Return the settings of a narrower encoder over embeddings of the same size (ELECTRA's generator)."""
        embeddings = {"embedding_width": self.embedding_width or self.width}
        return super().narrowed(share).model_copy(update=embeddings)


class BertEmbeddings(nn.Module):
    """Token + position + segment, then normalisation and dropout (Devlin et al. 2019, figure 2)."""

    def __init__(self, settings: BertSettings, vocabulary: Vocabulary) -> None:
        super().__init__()
        width = settings.embedding_width or settings.width
        self.mask = vocabulary.mask
        self.first_position = vocabulary.pad + 1 if settings.positions_after_padding else 0
        self.tokens = nn.Embedding(vocabulary.size, width)
        self.positions = nn.Embedding(self.first_position + settings.max_positions, width)
        self.segments = nn.Embedding(settings.num_segments, width) if settings.num_segments else None
        self.norm = nn.LayerNorm(width, settings.norm_epsilon) if settings.norm == "post" else nn.Identity()
        self.dropout = Dropout(settings.dropout)

    def forward(self, batch: Batch) -> Tensor:
        """Return [rows, slots + probes, embedding width]."""
        positions = batch.at_queries(batch.positions) + self.first_position
        hidden = self.tokens(batch.shown(self.mask)) + self.positions(positions)
        if self.segments is not None:
            # XLNet's rows mark CLS as a third segment, which BERT does not have.
            segments = batch.at_queries(batch.segments).clamp(max=self.segments.num_embeddings - 1)
            hidden = hidden + self.segments(segments)
        dropped: Tensor = self.dropout(self.norm(hidden))
        return dropped


class BertSight(nn.Module):
    """Who sees whom, once a batch."""

    def forward(self, batch: Batch, memory: Memory | None, dtype: torch.dtype) -> Sight:
        if memory is not None:
            raise ValueError("bert keeps no memory")
        sight = Sight.of(visible(batch), dtype)
        return dataclasses.replace(sight, runs=Runs.of(batch))


def build_bert(settings: BertSettings, vocabulary: Vocabulary) -> Encoder:
    """Build BERT's encoder, or that of a relative, with fresh weights."""
    width, epsilon = settings.width, settings.norm_epsilon
    embedding_width = settings.embedding_width or width

    def head() -> VocabularyHead:
        if settings.head == "plain":
            return VocabularyHead(vocabulary.size, has_bias=False)
        activation = ACTIVATIONS[settings.activation]
        return VocabularyHead(vocabulary.size, Transform(embedding_width, activation, epsilon, width))

    def block() -> Block:
        return Block(
            SelfAttention(width, settings.heads, settings.attention_dropout),
            FeedForward(width, settings.feed_forward, settings.activation),
            width,
            dropout=settings.dropout,
            norm_epsilon=epsilon,
            norm=settings.norm,
        )

    embeddings = BertEmbeddings(settings, vocabulary)
    last = nn.Sequential(OrderedDict(norm=nn.LayerNorm(width, epsilon))) if settings.norm == "pre" else None
    encoder = Encoder(
        settings,
        embeddings,
        [block() for _ in range(settings.layers)],
        BertSight(),
        head=head,
        features=_features(settings),
        offers=settings.offers,
        projection=None if embedding_width == width else nn.Linear(embedding_width, width),
        final=last,
    )
    initialise(encoder, settings.initial_deviation)
    if settings.norm == "pre":
        shrink_residuals(encoder.blocks)
    if settings.initial_positions == "sinusoidal":
        initialise_sinusoidal(embeddings.positions, settings.initial_deviation)
    return encoder


def _features(settings: BertSettings) -> Features:
    if settings.head == "plain":
        return Features(nn.Identity, has_bias=False)
    activation = F.gelu if settings.has_embedding_width else torch.tanh
    return Features(partial(Summary, settings.width, activation))


def _encoder_names(base: str) -> tuple[Row, ...]:
    """Return the rows that BERT, RoBERTa and ELECTRA share; their names begin with `base`."""
    return (
        ("encoder.embeddings.tokens.weight", f"{base}.embeddings.word_embeddings.weight", "same"),
        ("encoder.embeddings.positions.weight", f"{base}.embeddings.position_embeddings.weight", "same"),
        ("encoder.embeddings.segments.weight", f"{base}.embeddings.token_type_embeddings.weight", "same"),
        *linear("encoder.embeddings.norm", f"{base}.embeddings.LayerNorm"),
        *(
            row
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
            for row in linear(f"encoder.blocks.{{i}}.{ours}", f"{base}.encoder.layer.{{i}}.{theirs}")
        ),
    )


BERT_NAMES = Names(
    (
        *_encoder_names("bert"),
        *linear("objective.head.transform.dense", "cls.predictions.transform.dense"),
        *linear("objective.head.transform.norm", "cls.predictions.transform.LayerNorm"),
        ("objective.head.bias", "cls.predictions.bias", "same"),
        *linear("objective.extras.sentence_pair.head.pooler", "bert.pooler.dense"),
        *linear("objective.extras.sentence_pair.head.classifier", "cls.seq_relationship"),
    )
)

ROBERTA_NAMES = Names(
    (
        *_encoder_names("roberta"),
        *linear("objective.head.transform.dense", "lm_head.dense"),
        *linear("objective.head.transform.norm", "lm_head.layer_norm"),
        ("objective.head.bias", "lm_head.bias", "same"),
    )
)

ELECTRA_NAMES = Names(
    (
        *_encoder_names("electra"),
        *linear("encoder.projection", "electra.embeddings_project"),
        *linear("objective.head.transform.dense", "generator_predictions.dense"),
        *linear("objective.head.transform.norm", "generator_predictions.LayerNorm"),
        ("objective.head.bias", "generator_lm_head.bias", "same"),
        *linear("objective.detector.dense", "discriminator_predictions.dense"),
        *linear("objective.detector.output", "discriminator_predictions.dense_prediction"),
    )
)

GPT2_NAMES = Names(
    (
        ("encoder.embeddings.tokens.weight", "transformer.wte.weight", "same"),
        ("encoder.embeddings.positions.weight", "transformer.wpe.weight", "same"),
        *(
            row
            for ours, theirs in (
                ("attention.output", "attn.c_proj"),
                ("feed_forward.inner", "mlp.c_fc"),
                ("feed_forward.outer", "mlp.c_proj"),
            )
            for row in linear(f"encoder.blocks.{{i}}.{ours}", f"transformer.h.{{i}}.{theirs}", "transposed")
        ),
        *(
            row
            for part, ours in enumerate(("query", "key", "value"))
            for row in linear(
                f"encoder.blocks.{{i}}.attention.{ours}",
                "transformer.h.{i}.attn.c_attn",
                "transposed",
                part=f"[{part}]",
            )
        ),
        *linear("encoder.blocks.{i}.attention_norm", "transformer.h.{i}.ln_1"),
        *linear("encoder.blocks.{i}.feed_forward_norm", "transformer.h.{i}.ln_2"),
        *linear("encoder.final.norm", "transformer.ln_f"),
    )
)
