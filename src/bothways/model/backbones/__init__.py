"""Every backbone, by the name that recipes give it."""

from collections.abc import Callable
from typing import Any

from bothways.model.backbones.bert import BERT_NAMES, BERT_OFFERS, BertSettings, build_bert
from bothways.model.backbones.transformer_xl import (
    TRANSFORMER_XL_NAMES,
    TRANSFORMER_XL_OFFERS,
    TransformerXLSettings,
    build_transformer_xl,
)
from bothways.model.encoder import Encoder
from bothways.model.names import Names
from bothways.model.settings import EncoderSettings
from bothways.vocabulary import Vocabulary

BACKBONES: dict[str, tuple[type[EncoderSettings], Callable[[Any, Vocabulary], Encoder]]] = {
    "bert": (BertSettings, build_bert),
    "transformer_xl": (TransformerXLSettings, build_transformer_xl),
}

OFFERS: dict[str, frozenset[str]] = {"bert": BERT_OFFERS, "transformer_xl": TRANSFORMER_XL_OFFERS}
"""What each backbone can do for objectives and formats."""

NAMES: dict[str, Names] = {"bert": BERT_NAMES, "transformer_xl": TRANSFORMER_XL_NAMES}
"""How each backbone's parameters are called in a Hugging Face folder."""


def build_encoder(settings: EncoderSettings, vocabulary: Vocabulary) -> Encoder:
    """Build the encoder that `settings` (a member of `BACKBONES`) describe, with fresh weights."""
    for kind, build in BACKBONES.values():
        if isinstance(settings, kind):
            return build(settings, vocabulary)
    raise TypeError(f"{type(settings).__name__} belongs to no backbone")
