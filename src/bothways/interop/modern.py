"""ModernBERT's settings in `config.json`, as `transformers` names them, there and back."""

from collections.abc import Mapping
from typing import Any

from bothways.interop.entries import whole
from bothways.model.backbones.modern import ModernSettings
from bothways.vocabulary import Vocabulary

Config = dict[str, Any]


def write_modern(settings: ModernSettings, vocabulary: Vocabulary) -> Config:
    """Return the entries of `config.json`, under the names of `transformers` 5 and of those before it."""
    thetas = {"full_attention": settings.global_theta, "sliding_attention": settings.local_theta}
    return {
        "vocab_size": vocabulary.size,
        "hidden_size": settings.width,
        "num_hidden_layers": settings.layers,
        "num_attention_heads": settings.heads,
        "intermediate_size": settings.feed_forward,
        "hidden_activation": settings.activation,
        "classifier_activation": settings.activation,
        # Theirs drops both, what attention returns and its weights; ours is a key that transformers ignores.
        "attention_dropout": settings.dropout,
        "attention_weights_dropout": settings.attention_dropout,
        # Rotary positions end nowhere; this is as far as the published model was trained.
        "max_position_embeddings": 8192,
        "local_attention": 2 * settings.window,
        "layer_types": _layer_types(settings.layers, settings.global_every),
        "rope_parameters": {
            kind: {"rope_type": "default", "rope_theta": theta} for kind, theta in thetas.items()
        },
        # Before version 5 transformers knew the last two by these names.
        "global_attn_every_n_layers": settings.global_every,
        "global_rope_theta": settings.global_theta,
        "local_rope_theta": settings.local_theta,
        "initializer_range": settings.initial_deviation,
        "norm_eps": settings.norm_epsilon,
        "pad_token_id": vocabulary.pad,
        "bos_token_id": vocabulary.cls,
        "eos_token_id": vocabulary.sep,
        "cls_token_id": vocabulary.cls,
        "sep_token_id": vocabulary.sep,
    }


def read_modern(config: Mapping[str, Any]) -> Config:
    """Return the values of our settings; raise `ValueError` for layers or positions that we do not compute."""
    layers = whole(config, "num_hidden_layers", least=1)
    dropout = config.get("attention_dropout", 0.0)
    theta = _theta(config, "full_attention", "global_rope_theta", 160_000.0)
    return {
        "kind": "modern",
        "layers": layers,
        "width": config["hidden_size"],
        "heads": config["num_attention_heads"],
        "feed_forward": config["intermediate_size"],
        "activation": config.get("hidden_activation", "gelu"),
        "dropout": dropout,
        "attention_dropout": config.get("attention_weights_dropout", dropout),
        "window": whole(config, "local_attention", 128) // 2,
        "global_every": _global_every(config, layers),
        "global_theta": theta,
        # Before version 5 none of their own meant that of global layers.
        "local_theta": _theta(config, "sliding_attention", "local_rope_theta", 10_000.0) or theta,
        "initial_deviation": config.get("initializer_range", 0.02),
        "norm_epsilon": config.get("norm_eps", 1e-5),
    }


def _layer_types(layers: int, every: int) -> list[str]:
    return ["sliding_attention" if layer % every else "full_attention" for layer in range(layers)]


def _global_every(config: Mapping[str, Any], layers: int) -> int:
    """Return how often a layer is global; raise `ValueError` for a list of layers that has no such rule."""
    said = whole(config, "global_attn_every_n_layers", 3, least=1)
    types = config.get("layer_types") or _layer_types(layers, said)
    for every in (said, *range(1, layers + 1)):
        if types == _layer_types(layers, every):
            return every
    raise ValueError(f"layer_types={types} does not begin with a global layer that returns every few layers")


def _theta(config: Mapping[str, Any], kind: str, old: str, published: float) -> float | None:
    """Return the base of rotary positions; raise `ValueError` for positions that are scaled."""
    all_kinds = config.get("rope_parameters") or {}
    rotary = (all_kinds.get(kind) or {}) if isinstance(all_kinds, dict) else None
    if not isinstance(rotary, dict):
        raise ValueError(f"rope_parameters={all_kinds!r} does not say what holds for {kind}")
    if rotary.get("rope_type", "default") != "default":
        raise ValueError(
            f"rope_parameters={config['rope_parameters']} scale positions, which is not supported"
        )
    theta: float | None = rotary.get("rope_theta", config.get(old, published))
    return theta
