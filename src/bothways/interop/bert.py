"""The settings of BERT and its relatives RoBERTa, ELECTRA, GPT-2 and MPNet in `config.json`, there and back."""

from collections.abc import Mapping
from typing import Any

from bothways.interop.entries import whole
from bothways.model.backbones.bert import BertSettings
from bothways.model.backbones.mpnet import BUCKETS, FIRST_POSITION, MPNetSettings
from bothways.vocabulary import Vocabulary

Config = dict[str, Any]


def _write_encoder(settings: BertSettings | MPNetSettings, vocabulary: Vocabulary) -> Config:
    """Return the entries that BERT's, RoBERTa's, ELECTRA's and MPNet's configs share."""
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
        "initializer_range": settings.initial_deviation,
        "layer_norm_eps": settings.norm_epsilon,
        "pad_token_id": vocabulary.pad,
    }


def write_bert(settings: BertSettings, vocabulary: Vocabulary) -> Config:
    """Return BERT's entries."""
    return _write_encoder(settings, vocabulary) | {"type_vocab_size": 2}


def read_bert(config: Mapping[str, Any]) -> Config:
    """Return the values of our settings."""
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


def write_roberta(settings: BertSettings, vocabulary: Vocabulary) -> Config:
    """Return RoBERTa's entries; its positions count from after the padding token."""
    return write_bert(settings, vocabulary) | {
        "max_position_embeddings": settings.max_positions + vocabulary.pad + 1,
        "type_vocab_size": 1,
        "bos_token_id": vocabulary.cls,
        "eos_token_id": vocabulary.sep,
    }


def read_roberta(config: Mapping[str, Any]) -> Config:
    """Return the values of our settings."""
    first = whole(config, "pad_token_id", 1) + 1
    return read_bert(config) | {
        "max_positions": whole(config, "max_position_embeddings", 512) - first,
        "positions_after_padding": True,
        "num_segments": 1,
    }


def write_electra(settings: BertSettings, vocabulary: Vocabulary) -> Config:
    """Return ELECTRA's entries."""
    return write_bert(settings, vocabulary) | {"embedding_size": settings.embedding_width}


def read_electra(config: Mapping[str, Any]) -> Config:
    """Return the values of our settings."""
    return read_bert(config) | {"embedding_width": config.get("embedding_size", 128)}


def write_gpt2(settings: BertSettings, vocabulary: Vocabulary) -> Config:
    """Return GPT-2's entries."""
    return {
        "vocab_size": vocabulary.size,
        "n_embd": settings.width,
        "n_layer": settings.layers,
        "n_head": settings.heads,
        "n_inner": settings.feed_forward,
        "n_positions": settings.max_positions,
        "activation_function": settings.activation,
        "embd_pdrop": settings.dropout,
        "resid_pdrop": settings.dropout,
        "attn_pdrop": settings.attention_dropout,
        "layer_norm_epsilon": settings.norm_epsilon,
        "initializer_range": settings.initial_deviation,
        "bos_token_id": vocabulary.cls,
        "eos_token_id": vocabulary.sep,
        "pad_token_id": vocabulary.pad,
    }


def read_gpt2(config: Mapping[str, Any]) -> Config:
    """Return the values of our settings."""
    return {
        "kind": "bert",
        "layers": config["n_layer"],
        "width": config["n_embd"],
        "heads": config["n_head"],
        "feed_forward": config.get("n_inner") or 4 * whole(config, "n_embd"),
        "activation": config.get("activation_function", "gelu_new"),
        "dropout": config.get("resid_pdrop", 0.1),
        "attention_dropout": config.get("attn_pdrop", 0.1),
        "max_positions": config.get("n_positions", 1024),
        "num_segments": 0,
        "norm": "pre",
        "head": "plain",
        "initial_deviation": config.get("initializer_range", 0.02),
        "norm_epsilon": config.get("layer_norm_epsilon", 1e-5),
    }


def write_mpnet(settings: MPNetSettings, vocabulary: Vocabulary) -> Config:
    """Return MPNet's entries; its positions count from after its padding token, whose number is fixed."""
    return _write_encoder(settings, vocabulary) | {
        "max_position_embeddings": settings.max_positions + FIRST_POSITION,
        "relative_attention_num_buckets": BUCKETS,
        "bos_token_id": vocabulary.cls,
        "eos_token_id": vocabulary.sep,
    }


def read_mpnet(config: Mapping[str, Any]) -> Config:
    """Return the values of our settings."""
    return read_bert(config) | {
        "kind": "mpnet",
        "max_positions": whole(config, "max_position_embeddings", 512) - FIRST_POSITION,
    }
