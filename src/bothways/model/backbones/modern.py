"""ModernBERT's encoder: rotary positions, gated feed-forward, local and global layers (Warner et al. 2024, section 2).

Pre-norm without any bias: the embeddings are normalised and so is the end; the first layer's attention, which would
normalise the embeddings again, does not. Every third layer from the first on sees whole documents, the others what is
near. Only the vocabulary has a bias.

ModernBERT knows no segments; with `num_segments: 2` an embedding of A or B is added, so that pairs can be read. Probes
are not part of it either: they embed as `[MASK]` at their place.
"""

import dataclasses
from collections import OrderedDict
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from bothways.batch import Batch, Memory
from bothways.model.attention import RotaryAttention, Sight
from bothways.model.blocks import ACTIVATIONS, Block, GatedFeedForward
from bothways.model.encoder import Encoder
from bothways.model.features import Features
from bothways.model.heads import Transform, VocabularyHead
from bothways.model.initialise import initialise, shrink_residuals
from bothways.model.kernels.runs import Runs
from bothways.model.names import Names
from bothways.model.rotary import turns_of
from bothways.model.settings import EncoderSettings
from bothways.model.visibility import visible, windowed
from bothways.vocabulary import Vocabulary

MODERN_OFFERS = frozenset({"probes", "segments", "repeated positions"})


class ModernSettings(EncoderSettings):
    """ModernBERT's encoder."""

    adjustable: ClassVar[frozenset[str]] = frozenset(
        {"window", "global_every", "global_theta", "local_theta"}
    )

    kind: Literal["modern"] = "modern"
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of hidden values dropped in training, behind each attention only (0.1 in the paper's table 3)."""
    attention_dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of attention weights dropped in training."""
    norm_epsilon: float = Field(default=1e-5, gt=0)
    """Added to the variance in layer normalisation."""
    window: int = Field(default=64, ge=1)
    """How many tokens away a local layer sees, either way; half of what `transformers` calls `local_attention`."""
    global_every: int = Field(default=3, ge=1)
    """Every so many layers, from the first on, one sees whole documents; 1: all do."""
    global_theta: float = Field(default=160_000.0, gt=1)
    """How slowly rotary positions turn in global layers: the ratio of their longest to their shortest wavelength."""
    local_theta: float = Field(default=10_000.0, gt=1)
    """The same in local layers."""
    num_segments: Literal[0, 2] = 0
    """Embeddings of segments: none, as published, or A and B, without which the parts of a pair look alike."""

    @property
    def offers(self) -> frozenset[str]:
        """What this encoder can do: without segments it takes no pairs."""
        return MODERN_OFFERS if self.num_segments else MODERN_OFFERS - {"segments"}

    @property
    def windows(self) -> list[int | None]:
        """How far each layer sees, in tokens either way; None: to the ends of a document."""
        return [self.window if layer % self.global_every else None for layer in range(self.layers)]


class ModernEmbeddings(nn.Module):
    """Token, and segment if there are any, then normalisation; positions come in attention."""

    def __init__(self, settings: ModernSettings, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.mask = vocabulary.mask
        self.tokens = nn.Embedding(vocabulary.size, settings.width)
        self.segments = nn.Embedding(2, settings.width) if settings.num_segments else None
        self.norm = nn.LayerNorm(settings.width, settings.norm_epsilon, bias=False)

    def forward(self, batch: Batch) -> Tensor:
        """Return [rows, slots + probes, width]."""
        hidden = self.tokens(batch.shown(self.mask))
        if self.segments is not None:
            # XLNet's rows mark CLS as a third segment, which is none here.
            hidden = hidden + self.segments(batch.at_queries(batch.segments).clamp(max=1))
        normed: Tensor = self.norm(hidden)
        return normed


class ModernSight(nn.Module):
    """Who sees whom and at which places, once a batch: for global layers, and in `near` for local ones."""

    def __init__(self, settings: ModernSettings) -> None:
        super().__init__()
        self.settings = settings

    def forward(self, batch: Batch, memory: Memory | None, dtype: torch.dtype) -> Sight:
        if memory is not None:
            raise ValueError("modern keeps no memory")
        settings = self.settings
        seen = visible(batch)
        within = windowed(batch, seen, settings.window)
        everywhere = Sight.of(seen, dtype)
        near = everywhere if within is seen else Sight.of(within, dtype)
        head = settings.width // settings.heads
        return dataclasses.replace(
            everywhere,
            runs=Runs.of(batch),
            turns=turns_of(batch, head, settings.global_theta, dtype),
            near=dataclasses.replace(
                near,
                runs=Runs.of(batch, settings.window),
                turns=turns_of(batch, head, settings.local_theta, dtype),
            ),
        )


def build_modern(settings: ModernSettings, vocabulary: Vocabulary) -> Encoder:
    """Build ModernBERT's encoder with fresh weights."""
    width, epsilon = settings.width, settings.norm_epsilon

    def transform() -> Transform:
        return Transform(width, ACTIVATIONS[settings.activation], epsilon, has_bias=False)

    def head() -> VocabularyHead:
        return VocabularyHead(vocabulary.size, transform())

    def block(window: int | None) -> Block:
        return Block(
            RotaryAttention(
                width,
                settings.heads,
                settings.attention_dropout,
                settings.dropout,
                is_local=window is not None,
            ),
            GatedFeedForward(width, settings.feed_forward, settings.activation),
            width,
            dropout=0.0,
            norm_epsilon=epsilon,
            norm="pre",
            norm_bias=False,
        )

    blocks: list[nn.Module] = [block(window) for window in settings.windows]
    blocks[0].attention_norm = nn.Identity()
    encoder = Encoder(
        settings,
        ModernEmbeddings(settings, vocabulary),
        blocks,
        ModernSight(settings),
        head=head,
        features=Features(sentence=transform, token=transform),
        offers=settings.offers,
        final=nn.Sequential(OrderedDict(norm=nn.LayerNorm(width, epsilon, bias=False))),
    )
    initialise(encoder, settings.initial_deviation)
    shrink_residuals(encoder.blocks)
    return encoder


MODERN_NAMES = Names(
    (
        ("encoder.embeddings.tokens.weight", "model.embeddings.tok_embeddings.weight", "same"),
        ("encoder.embeddings.norm.weight", "model.embeddings.norm.weight", "same"),
        *(
            (f"encoder.blocks.{{i}}.{ours}.weight", f"model.layers.{{i}}.{theirs}", "same")
            for ours, theirs in (
                ("attention_norm", "attn_norm.weight"),
                ("attention.query", "attn.Wqkv.weight[0]"),
                ("attention.key", "attn.Wqkv.weight[1]"),
                ("attention.value", "attn.Wqkv.weight[2]"),
                ("attention.output", "attn.Wo.weight"),
                ("feed_forward_norm", "mlp_norm.weight"),
                ("feed_forward.inner", "mlp.Wi.weight[0]"),
                ("feed_forward.gate", "mlp.Wi.weight[1]"),
                ("feed_forward.outer", "mlp.Wo.weight"),
            )
        ),
        ("encoder.final.norm.weight", "model.final_norm.weight", "same"),
        ("objective.head.transform.dense.weight", "head.dense.weight", "same"),
        ("objective.head.transform.norm.weight", "head.norm.weight", "same"),
        ("objective.head.bias", "decoder.bias", "same"),
    )
)
