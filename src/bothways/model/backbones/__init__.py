"""Every backbone, by the name that recipes give it."""

from collections.abc import Callable
from typing import Any

from bothways.model.backbones.bert import (
    BERT_NAMES,
    BERT_OFFERS,
    ELECTRA_NAMES,
    GPT2_NAMES,
    ROBERTA_NAMES,
    BertSettings,
    build_bert,
)
from bothways.model.backbones.modern import MODERN_NAMES, MODERN_OFFERS, ModernSettings, build_modern
from bothways.model.backbones.mpnet import MPNET_NAMES, MPNET_OFFERS, MPNetSettings, build_mpnet
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
    "mpnet": (MPNetSettings, build_mpnet),
    "modern": (ModernSettings, build_modern),
}

OFFERS: dict[str, frozenset[str]] = {
    "bert": BERT_OFFERS,
    "transformer_xl": TRANSFORMER_XL_OFFERS,
    "mpnet": MPNET_OFFERS,
    "modern": MODERN_OFFERS,
}
"""What each backbone can do for objectives and formats; where its settings decide it, `offers_of` knows."""

NAMES: dict[str, Names] = {
    "bert": BERT_NAMES,
    "roberta": ROBERTA_NAMES,
    "electra": ELECTRA_NAMES,
    "gpt2": GPT2_NAMES,
    "transformer_xl": TRANSFORMER_XL_NAMES,
    "mpnet": MPNET_NAMES,
    "modern": MODERN_NAMES,
}
"""How parameters are called in a Hugging Face folder: by backbone, and by those variants that are called otherwise."""


def offers_of(settings: Any) -> frozenset[str]:
    """Return what a backbone of these settings can do for objectives and formats."""
    offers: frozenset[str] = getattr(settings, "offers", OFFERS[settings.kind])
    return offers


def build_encoder(settings: EncoderSettings, vocabulary: Vocabulary) -> Encoder:
    """Build the encoder that `settings` (a member of `BACKBONES`) describe, with fresh weights."""
    for kind, build in BACKBONES.values():
        if isinstance(settings, kind):
            return build(settings, vocabulary)
    raise TypeError(f"{type(settings).__name__} belongs to no backbone")
