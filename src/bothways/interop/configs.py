"""What each backbone is called in a Hugging Face folder, and its settings in `config.json`, there and back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bothways.errors import CheckpointError
from bothways.model.backbones import BACKBONES
from bothways.model.backbones.bert import BertSettings
from bothways.model.backbones.transformer_xl import TransformerXLSettings
from bothways.model.settings import EncoderSettings
from bothways.text.tokenizer import Layout
from bothways.vocabulary import Vocabulary

Config = dict[str, Any]


@dataclass(frozen=True)
class Family:
    """How a model of one backbone stands in a folder."""

    model_type: str
    write: Callable[[Any, Vocabulary], Config]
    read: Callable[[Mapping[str, Any]], Config]
    """Returns the values of our settings."""
    layout: Layout
    """Where rows hold CLS: BERT's first, XLNet's last."""
    objective: str
    """What a folder of this family was pretrained with when it does not say so itself."""
    architecture: str | None = None
    """The class of `transformers` that loads the folder; None: it has none for this backbone."""
    architecture_with_pairs: str | None = None
    """The same where a pair loss was trained too."""
    demands: Mapping[str, Any] = field(default_factory=dict)
    """What a foreign config must say, where it says anything, for us to compute the same."""


def _write_bert(settings: BertSettings, vocabulary: Vocabulary) -> Config:
    return {
        "vocab_size": vocabulary.size,
        "hidden_size": settings.width,
        "num_hidden_layers": settings.layers,
        "num_attention_heads": settings.heads,
        "intermediate_size": settings.feed_forward,
        "hidden_act": settings.activation,
        "hidden_dropout_prob": settings.dropout,
        "attention_probs_dropout_prob": settings.attention_dropout,
        "max_position_embeddings": settings.max_positions,
        "type_vocab_size": 2,
        "initializer_range": settings.initial_deviation,
        "layer_norm_eps": settings.norm_epsilon,
        "pad_token_id": vocabulary.pad,
    }


def _read_bert(config: Mapping[str, Any]) -> Config:
    return {
        "kind": "bert",
        "layers": config["num_hidden_layers"],
        "width": config["hidden_size"],
        "heads": config["num_attention_heads"],
        "feed_forward": config["intermediate_size"],
        "activation": config.get("hidden_act", "gelu"),
        "dropout": config.get("hidden_dropout_prob", 0.1),
        "attention_dropout": config.get("attention_probs_dropout_prob", 0.1),
        "max_positions": config.get("max_position_embeddings", 512),
        "initial_deviation": config.get("initializer_range", 0.02),
        "norm_epsilon": config.get("layer_norm_eps", 1e-12),
    }


def _write_xlnet(settings: TransformerXLSettings, vocabulary: Vocabulary) -> Config:
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
        # Theirs limits models of type "uni" only, to one token more; ours is a key that transformers ignores.
        "same_length": False,
        "sees_memory_length": settings.same_length,
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


def _read_xlnet(config: Mapping[str, Any]) -> Config:
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
        "clamp": clamp if (clamp := config.get("clamp_len", -1)) > 0 else None,
        "same_length": config.get("sees_memory_length", False),
        "initial_deviation": config.get("initializer_range", 0.02),
        "norm_epsilon": config.get("layer_norm_eps", 1e-12),
    }


FAMILIES: dict[str, Family] = {
    "bert": Family(
        model_type="bert",
        write=_write_bert,
        read=_read_bert,
        layout="cls_first",
        objective="masked",
        architecture="BertForMaskedLM",
        architecture_with_pairs="BertForPreTraining",
        demands={
            "position_embedding_type": "absolute",
            "type_vocab_size": 2,
            "is_decoder": False,
            "tie_word_embeddings": True,
        },
    ),
    "transformer_xl": Family(
        model_type="xlnet",
        write=_write_xlnet,
        read=_read_xlnet,
        layout="cls_last",
        objective="permutation",
        architecture="XLNetLMHeadModel",
        architecture_with_pairs="XLNetLMHeadModel",
        demands={
            "attn_type": "bi",
            "untie_r": True,
            "same_length": False,
            "bi_data": False,
            "tie_word_embeddings": True,
        },
    ),
}
"""By our name of the backbone."""


def backbone_of(config: Mapping[str, Any], folder: Path) -> tuple[str, EncoderSettings]:
    """Return the backbone's name and settings that a `config.json` describes, or raise `CheckpointError`."""
    for name, family in FAMILIES.items():
        if config.get("model_type") == family.model_type:
            _refuse_variants(config, family, folder)
            try:
                return name, BACKBONES[name][0].model_validate(family.read(config))
            except (KeyError, ValidationError) as error:
                why = " ".join(str(error).split())
                raise CheckpointError(
                    f"{folder}/config.json cannot be used: {why}; check the folder"
                ) from None
    known = ", ".join(family.model_type for family in FAMILIES.values())
    raise CheckpointError(
        f"{folder} holds a model of type {config.get('model_type')!r}; Bothways reads: {known}"
    )


def _refuse_variants(config: Mapping[str, Any], family: Family, folder: Path) -> None:
    for key, wanted in family.demands.items():
        if config.get(key, wanted) != wanted:
            raise CheckpointError(
                f"{folder}/config.json says {key}={config[key]!r}; only {wanted!r} is supported, "
                "so the numbers would differ: use another checkpoint"
            )
