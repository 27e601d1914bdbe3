"""The sizes of published encoders, and the settings that every backbone shares."""

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from bothways.config import Settings

Size = Literal["tiny", "mini", "small", "medium", "base", "large"]
Activation = Literal["gelu", "gelu_new", "relu"]

SIZES: dict[str, dict[str, int]] = {
    "tiny": {"layers": 2, "width": 128, "heads": 2, "feed_forward": 512},
    "mini": {"layers": 4, "width": 256, "heads": 4, "feed_forward": 1024},
    "small": {"layers": 4, "width": 512, "heads": 8, "feed_forward": 2048},
    "medium": {"layers": 8, "width": 512, "heads": 8, "feed_forward": 2048},
    "base": {"layers": 12, "width": 768, "heads": 12, "feed_forward": 3072},
    "large": {"layers": 24, "width": 1024, "heads": 16, "feed_forward": 4096},
}
"""Turc et al. 2019, table 1 (tiny to medium), Devlin et al. 2019, section 3 (base, large): heads of 64."""


class EncoderSettings(Settings):
    """The shape of a Transformer encoder; `size` fills in whatever of it is not given."""

    head_multiple: ClassVar[int] = 2
    """What the size of a head must be a multiple of."""

    of_training: ClassVar[frozenset[str]] = frozenset({"dropout", "attention_dropout", "initial_deviation"})
    """Settings that are a matter of training: a run that starts from other weights has them from its recipe."""
    adjustable: ClassVar[frozenset[str]] = frozenset()
    """Settings that no weight depends on, but what it was trained to: such a run keeps them unless told otherwise."""

    size: Size | None = None
    """A row of the table of published sizes."""
    layers: int = Field(ge=1)
    """Number of Transformer blocks."""
    width: int = Field(ge=1)
    """Size of the hidden states."""
    heads: int = Field(ge=1)
    """Attention heads a layer; must divide the width."""
    feed_forward: int = Field(ge=1)
    """Inner size of the feed-forward network."""
    activation: Activation = "gelu"
    """`gelu` is exact, `gelu_new` the tanh approximation of the released BERT and XLNet."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Share of hidden values dropped in training."""
    attention_dropout: float = Field(default=0.1, ge=0, lt=1)
    """Share of attention weights dropped in training."""
    norm_epsilon: float = Field(default=1e-12, gt=0)
    """Added to the variance in layer normalisation."""
    initial_deviation: float = Field(default=0.02, gt=0)
    """Standard deviation of the initial weights."""

    @model_validator(mode="before")
    @classmethod
    def _fill_in_the_size(cls, values: Any) -> Any:
        if not isinstance(values, dict) or values.get("size") not in SIZES:
            return values
        return {**SIZES[values["size"]], **values}

    @model_validator(mode="after")
    def _heads_divide_the_width(self) -> "EncoderSettings":
        if self.width % self.heads or (self.width // self.heads) % self.head_multiple:
            kind, need = ("an even", "even") if self.head_multiple == 2 else ("one", "a whole number")
            raise ValueError(
                f"width {self.width} does not split into {self.heads} heads of {kind} size; "
                f"choose heads so that width / heads is {need} (published models: 64)"
            )
        return self

    def narrowed(self, share: float) -> Self:
        """Return the settings of an encoder as deep as this one and about `share` as wide.

        It has fewer heads of the same size, at least one, and a feed-forward network narrower by as much.
        """
        size = self.width // self.heads
        heads = max(1, round(share * self.heads))
        heads += heads * size % 2  # sines and cosines come in pairs, so a width is even
        feed_forward = max(1, round(self.feed_forward * heads / self.heads))
        shape = {"size": None, "width": heads * size, "heads": heads, "feed_forward": feed_forward}
        return type(self)(**{**self.model_dump(), **shape})
