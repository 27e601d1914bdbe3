"""The settings of XLNet in `config.json`, as `transformers` names them, there and back."""

from collections.abc import Mapping
from typing import Any

from bothways.interop.entries import whole
from bothways.model.backbones.transformer_xl import TransformerXLSettings
from bothways.vocabulary import Vocabulary

Config = dict[str, Any]


def write_xlnet(settings: TransformerXLSettings, vocabulary: Vocabulary) -> Config:
    """Return XLNet's entries, and one of ours that `transformers` ignores."""
    return {
        "vocab_size": vocabulary.size,
        "d_model": settings.width,
        "n_layer": settings.layers,
        "n_head": settings.heads,
        "d_head": settings.width // settings.heads,
        "d_inner": settings.feed_forward,
        "ff_activation": settings.activation,
        "dropout": settings.dropout,
        # transformers has one dropout for both; it ignores this key and we read it back.
        "attention_dropout": settings.attention_dropout,
        "attn_type": "bi",
        "untie_r": True,
        "bi_data": False,
        "clamp_len": settings.clamp or -1,
        "same_length": False,
        "mem_len": settings.memory or None,
        "reuse_len": None,
        "use_mems_train": False,
        "initializer_range": settings.initial_deviation,
        "layer_norm_eps": settings.norm_epsilon,
        "summary_type": "last",
        "summary_use_proj": True,
        "summary_activation": "tanh",
        "pad_token_id": vocabulary.pad,
    }


def read_xlnet(config: Mapping[str, Any]) -> Config:
    """Return the values of our settings."""
    # None, 0 and -1 clamp nothing.
    clamp = None if config.get("clamp_len") is None else whole(config, "clamp_len", least=-1)
    return {
        "kind": "transformer_xl",
        "layers": config["n_layer"],
        "width": config["d_model"],
        "heads": config["n_head"],
        "feed_forward": config["d_inner"],
        "activation": config.get("ff_activation", "gelu"),
        "dropout": config.get("dropout", 0.1),
        "attention_dropout": config.get("attention_dropout", config.get("dropout", 0.1)),
        "memory": config.get("mem_len") or 0,
        "clamp": None if clamp is None or clamp <= 0 else clamp,
        # Ours, from before such models had a family of their own.
        "same_length": config.get("sees_memory_length", False),
        "initial_deviation": config.get("initializer_range", 0.02),
        "norm_epsilon": config.get("layer_norm_eps", 1e-12),
    }
