"""How much held-out text a model is asked about, and how."""

from dataclasses import fields
from typing import Any

from pydantic import Field

from bothways.caps import question_cap
from bothways.config import Settings
from bothways.model.encoder import Past


class EvaluationSettings(Settings):
    """How much held-out text is scored. The defaults are those of every table that Bothways prints."""

    tokens: int = Field(default=2_000, ge=1)
    """Tokens scored by leave-one-out; one row of the model each."""
    spans: int = Field(default=500, ge=0)
    """Spans of two to four words scored jointly; 0 leaves this measure out."""
    orders: int = Field(default=8, ge=0)
    """Random orders that a joint span is averaged over, where the objective knows orders."""
    left_to_right_tokens: int = Field(default=20_000, ge=0)
    """Tokens scored from left to right; 0 leaves this measure out."""
    first_tokens: bool = True
    """From left to right: whether a window's first token is scored too by models that see something before it, CLS or
    memory. Without it all models are scored on the same tokens."""
    words: int = Field(default=500, ge=0)
    """Whole words scored in nats per character, where text (not token shards) is given; 0 leaves them out."""
    window: int = Field(default=128, ge=4)
    """Longest row, in tokens with the special ones."""
    memory: int | None = Field(default=None, ge=1)
    """Tokens remembered where memory is carried from window to window; null: as many as in training."""
    clamp: int | None = Field(default=None, ge=1)
    """With memory: distances beyond so many tokens share one encoding; null: as in training."""
    same_length: bool | None = None
    """With memory: whether every token sees the last `memory` tokens only; null: as in training."""
    pool_tokens: int = Field(default=1_000_000, ge=2)
    """Tokens of held-out text that windows are drawn from; more is not read."""
    rows: int = Field(default=64, ge=1)
    """Rows answered at a time; fewer need less memory."""
    seed: int = Field(default=0, ge=0)
    """Which windows, tokens, spans and orders are drawn."""
    while_training_tokens: int = Field(default=400, ge=1)
    """Tokens scored at each evaluation during training."""

    def capped(self) -> "EvaluationSettings":
        """Return these settings with as many questions of each kind as `BOTHWAYS_MAX_QUESTIONS` allows."""
        cap = question_cap()
        if cap is None:
            return self
        counts = ("tokens", "spans", "left_to_right_tokens", "words")
        return self.model_copy(update={name: min(cap, getattr(self, name)) for name in counts})

    @property
    def past(self) -> dict[str, Any]:
        """Return what is said about looking back (see `model.encoder.Past`)."""
        names = [field.name for field in fields(Past)]
        return {name: value for name in names if (value := getattr(self, name)) is not None}
