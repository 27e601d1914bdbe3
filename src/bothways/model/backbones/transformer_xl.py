"""Transformer-XL's encoder as XLNet uses it: relative positions and segments, memory, post-norm.

Dai et al. 2019, section 3 (recurrence, relative encodings); Yang et al. 2019, sections 2.4 and 2.5. Where XLNet's
paper and code differ we follow the code: biases per layer, segment terms per layer, no absolute positions at all.

Trained from left to right without bidirectional rows it is the language model of Dai et al. Their PyTorch code shares
the content and position biases of all layers and multiplies embeddings by √width; their TensorFlow code, for its best
models, and XLNet have biases of their own in each layer, and so have we, without an option.
"""

import dataclasses
from functools import partial
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from bothways.batch import Batch, Memory
from bothways.model.attention import RelativeAttention, Sight
from bothways.model.blocks import Block, FeedForward
from bothways.model.dropout import Dropout
from bothways.model.encoder import Encoder, Past
from bothways.model.features import Features, Summary
from bothways.model.heads import AdaptiveHead, Head, VocabularyHead
from bothways.model.initialise import initialise
from bothways.model.names import Layout, Names
from bothways.model.positions import positions_of
from bothways.model.settings import Activation, EncoderSettings
from bothways.model.visibility import nearer, visible
from bothways.vocabulary import Vocabulary

TRANSFORMER_XL_OFFERS = frozenset({"probes", "segments", "memory", "signed positions"})


class TransformerXLSettings(EncoderSettings):
    """Transformer-XL's encoder."""

    head_multiple: ClassVar[int] = 1
    of_training: ClassVar[frozenset[str]] = EncoderSettings.of_training | {"memory", "clamp", "same_length"}

    kind: Literal["transformer_xl"] = "transformer_xl"
    activation: Activation = "gelu_new"
    """XLNet's released code computes the tanh approximation of gelu."""
    memory: int = Field(default=0, ge=0)
    """How many hidden states of the text before are kept a layer (XLNet's `mem_len`), in tokens."""
    clamp: int | None = Field(default=None, ge=1)
    """Distances beyond so many tokens share one encoding (Transformer-XL's `clamp_len`); null: each has its own."""
    same_length: bool = False
    """Whether every token sees the last `memory` tokens only, itself included, wherever in a row it stands."""
    # Strict pydantic takes no list for a tuple, and YAML has lists only.
    cutoffs: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(strict=False)] = ()
    """Adaptive softmax: ids from which clusters of rarer and rarer tokens begin, as [20000, 40000, 200000], for large
    vocabularies numbered by falling frequency; those that a vocabulary does not reach are left out. Empty: one softmax
    over all."""

    @model_validator(mode="after")
    def _a_limit_leaves_something(self) -> "TransformerXLSettings":
        if self.same_length and not self.memory:
            raise ValueError(
                "same_length lets a token see the last `memory` tokens, and memory is 0; "
                "set memory, or same_length to false"
            )
        if list(self.cutoffs) != sorted(set(self.cutoffs)):
            raise ValueError(f"cutoffs {list(self.cutoffs)} must rise")
        if self.width % 2:
            raise ValueError(f"width {self.width} is odd, and every distance has a sine and a cosine; add 1")
        return self


class TransformerXLEmbeddings(nn.Module):
    """Token embeddings and dropout; every probe starts from one learned vector (`w` in Yang et al. 2019)."""

    def __init__(self, settings: TransformerXLSettings, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary.size, settings.width)
        self.probe = nn.Parameter(torch.empty(settings.width))
        self.dropout = Dropout(settings.dropout)

    def forward(self, batch: Batch) -> Tensor:
        """Return [rows, slots + probes, width]."""
        hidden = self.tokens(batch.tokens)
        if batch.probes is not None:
            hidden = torch.cat([hidden, self.probe.expand(*batch.probes.shape, -1)], dim=1)
        dropped: Tensor = self.dropout(hidden)
        return dropped


class TransformerXLSight(nn.Module):
    """Who sees whom and from how far, once a batch; the encodings of distances are dropped out like embeddings."""

    def __init__(self, settings: TransformerXLSettings) -> None:
        super().__init__()
        self.width = settings.width
        self.past = Past(settings.memory, settings.clamp, settings.same_length)
        self.dropout = Dropout(settings.dropout)

    def forward(self, batch: Batch, memory: Memory | None, dtype: torch.dtype) -> Sight:
        length = 0 if memory is None else memory.length
        segments = RelativeAttention.num_segments
        relative = positions_of(batch, length, self.width, segments, dtype, self.past.clamp)
        dropped = dataclasses.replace(relative, encodings=self.dropout(relative.encodings))
        seen = visible(batch, memory)
        if self.past.same_length:
            near = nearer(batch, length, self.past.memory)
            seen = near if seen is None else seen & near
        return Sight.of(seen, dtype, dropped)


def build_transformer_xl(settings: TransformerXLSettings, vocabulary: Vocabulary) -> Encoder:
    """Build Transformer-XL's encoder with fresh weights."""

    def block() -> Block:
        return Block(
            RelativeAttention(settings.width, settings.heads, settings.attention_dropout),
            FeedForward(settings.width, settings.feed_forward, settings.activation, settings.dropout),
            settings.width,
            dropout=settings.dropout,
            norm_epsilon=settings.norm_epsilon,
        )

    def head() -> Head:
        reached = [cutoff for cutoff in settings.cutoffs if cutoff < vocabulary.size]
        if reached:
            return AdaptiveHead(vocabulary.size, settings.width, reached)
        return VocabularyHead(vocabulary.size)

    encoder = Encoder(
        settings,
        TransformerXLEmbeddings(settings, vocabulary),
        [block() for _ in range(settings.layers)],
        TransformerXLSight(settings),
        head=head,
        features=Features(partial(Summary, settings.width)),
        offers=TRANSFORMER_XL_OFFERS,
        memory_length=settings.memory,
        final=Dropout(settings.dropout),
    )
    initialise(encoder, settings.initial_deviation)
    return encoder


_ATTENTION_NAMES: tuple[tuple[str, str, Layout], ...] = (
    ("query.weight", "q", "heads_out"),
    ("key.weight", "k", "heads_out"),
    ("value.weight", "v", "heads_out"),
    ("distance.weight", "r", "heads_out"),
    ("output.weight", "o", "heads_in"),
    ("content_bias", "r_w_bias", "same"),
    ("position_bias", "r_r_bias", "same"),
    ("segment_bias", "r_s_bias", "same"),
    ("segments", "seg_embed", "same"),
)

TRANSFORMER_XL_NAMES = Names(
    (
        ("encoder.embeddings.tokens.weight", "transformer.word_embedding.weight", "same"),
        ("encoder.embeddings.probe", "transformer.mask_emb", "vector"),
        *(
            (f"encoder.blocks.{{i}}.attention.{ours}", f"transformer.layer.{{i}}.rel_attn.{theirs}", layout)
            for ours, theirs, layout in _ATTENTION_NAMES
        ),
        *(
            (f"encoder.blocks.{{i}}.{ours}.{part}", f"transformer.layer.{{i}}.{theirs}.{part}", "same")
            for ours, theirs in (
                ("attention_norm", "rel_attn.layer_norm"),
                ("feed_forward.inner", "ff.layer_1"),
                ("feed_forward.outer", "ff.layer_2"),
                ("feed_forward_norm", "ff.layer_norm"),
            )
            for part in ("weight", "bias")
        ),
        ("objective.head.bias", "lm_loss.bias", "same"),
    )
)
