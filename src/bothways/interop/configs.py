"""What each backbone is called in a Hugging Face folder, and its settings in `config.json`, there and back.

One backbone may have several families: `transformers` has a class for each of BERT's relatives, which for us differ in
settings only. `family_of` chooses by these settings. What no class of `transformers` computes belongs to a family of
ours, whose `model_type` none of its classes accepts: better refused than read as something else.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bothways.config import build
from bothways.errors import CheckpointError, UsageError
from bothways.interop.bert import (
    Config,
    read_bert,
    read_electra,
    read_gpt2,
    read_mpnet,
    read_roberta,
    write_bert,
    write_electra,
    write_gpt2,
    write_mpnet,
    write_roberta,
)
from bothways.interop.modern import read_modern, write_modern
from bothways.interop.xlnet import read_xlnet, write_xlnet
from bothways.model.backbones import BACKBONES
from bothways.model.backbones.mpnet import BUCKETS
from bothways.model.settings import EncoderSettings
from bothways.text.tokenizer import Layout
from bothways.vocabulary import Vocabulary


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
    encoder: str | None = None
    """The class that loads the encoder alone."""
    discriminator: str | None = None
    """The class that loads an encoder trained to detect replaced tokens, with its detector."""
    demands: Mapping[str, Any] = field(default_factory=dict)
    """What a foreign config must say, where it says anything, for us to compute the same."""
    backbone: str | None = None
    """The backbone that this is a variant of; None: the family is called as its backbone."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What our settings must be for a model to be of this family."""
    is_causal: bool = False
    """Whether `transformers` lets a slot of this family see only those before it."""
    padding: int | None = None
    """The number of the padding token, where `transformers` takes no other."""


def _variant(backbone: str, layout: Layout) -> Family:
    """Return the family of a backbone's models that no class of `transformers` computes: settings under our names."""
    kind = BACKBONES[backbone][0]

    def write(settings: EncoderSettings, vocabulary: Vocabulary) -> Config:
        return settings.model_dump() | {"vocab_size": vocabulary.size}

    def read(config: Mapping[str, Any]) -> Config:
        return {name: config[name] for name in kind.model_fields if name in config}

    return Family(
        model_type=f"bothways_{backbone}",
        write=write,
        read=read,
        layout=layout,
        # Never asked for: our folders say what they were trained with.
        objective="masked",
        backbone=backbone,
    )


_BERT: Config = {
    "positions_after_padding": False,
    "num_segments": 2,
    "has_embedding_width": False,
    "norm": "post",
    "head": "transform",
}
_BERT_DEMANDS: Config = {
    "position_embedding_type": "absolute",
    "type_vocab_size": 2,
    "is_decoder": False,
    "tie_word_embeddings": True,
}

FAMILIES: dict[str, Family] = {
    "bert": Family(
        model_type="bert",
        write=write_bert,
        read=read_bert,
        layout="cls_first",
        objective="masked",
        architecture="BertForMaskedLM",
        architecture_with_pairs="BertForPreTraining",
        encoder="BertModel",
        demands=_BERT_DEMANDS,
        settings=_BERT,
    ),
    "roberta": Family(
        model_type="roberta",
        write=write_roberta,
        read=read_roberta,
        layout="cls_first",
        objective="masked",
        architecture="RobertaForMaskedLM",
        architecture_with_pairs="RobertaForMaskedLM",
        encoder="RobertaModel",
        # Its head computes the exact gelu whatever the encoder's activation is.
        demands=_BERT_DEMANDS | {"type_vocab_size": 1, "hidden_act": "gelu"},
        backbone="bert",
        settings=_BERT | {"positions_after_padding": True, "num_segments": 1, "activation": "gelu"},
    ),
    "electra": Family(
        model_type="electra",
        write=write_electra,
        read=read_electra,
        layout="cls_first",
        objective="masked",
        architecture="ElectraForMaskedLM",
        architecture_with_pairs="ElectraForMaskedLM",
        encoder="ElectraModel",
        discriminator="ElectraForPreTraining",
        # So does that of its generator.
        demands=_BERT_DEMANDS | {"hidden_act": "gelu"},
        backbone="bert",
        settings=_BERT | {"has_embedding_width": True, "activation": "gelu"},
    ),
    "gpt2": Family(
        model_type="gpt2",
        write=write_gpt2,
        read=read_gpt2,
        layout="cls_first",
        objective="causal",
        architecture="GPT2LMHeadModel",
        architecture_with_pairs="GPT2LMHeadModel",
        encoder="GPT2Model",
        demands={
            "scale_attn_weights": True,
            "scale_attn_by_inverse_layer_idx": False,
            "add_cross_attention": False,
            "tie_word_embeddings": True,
        },
        backbone="bert",
        settings=_BERT | {"num_segments": 0, "norm": "pre", "head": "plain"},
        is_causal=True,
    ),
    "bert_variant": _variant("bert", "cls_first"),
    "transformer_xl": Family(
        model_type="xlnet",
        write=write_xlnet,
        read=read_xlnet,
        layout="cls_last",
        objective="permutation",
        architecture="XLNetLMHeadModel",
        architecture_with_pairs="XLNetLMHeadModel",
        encoder="XLNetModel",
        demands={
            "attn_type": "bi",
            "untie_r": True,
            "same_length": False,
            "bi_data": False,
            "tie_word_embeddings": True,
        },
        # Its own `same_length` limits models of type "uni" only, to one token more.
        settings={"cutoffs": (), "same_length": False},
    ),
    "transformer_xl_variant": _variant("transformer_xl", "cls_last"),
    "mpnet": Family(
        model_type="mpnet",
        write=write_mpnet,
        read=read_mpnet,
        layout="cls_first",
        objective="mpnet",
        architecture="MPNetForMaskedLM",
        architecture_with_pairs="MPNetForMaskedLM",
        encoder="MPNetModel",
        # Another number would only change the size of a table in `transformers`, which always counts 32 buckets.
        demands={"relative_attention_num_buckets": BUCKETS, "tie_word_embeddings": True},
        # It counts positions by leaving out token 1, whatever its config says.
        padding=1,
    ),
    "mpnet_variant": _variant("mpnet", "cls_first"),
    "modern": Family(
        model_type="modernbert",
        write=write_modern,
        read=read_modern,
        layout="cls_first",
        objective="masked",
        architecture="ModernBertForMaskedLM",
        architecture_with_pairs="ModernBertForMaskedLM",
        encoder="ModernBertModel",
        demands={
            "hidden_activation": "gelu",
            "classifier_activation": "gelu",
            "attention_bias": False,
            "mlp_bias": False,
            "norm_bias": False,
            "classifier_bias": False,
            "decoder_bias": True,
            "tie_word_embeddings": True,
        },
        settings={"activation": "gelu", "num_segments": 0},
    ),
    "modern_variant": _variant("modern", "cls_first"),
}
"""By our name of the backbone or of its variant; a model is of the first family that its settings fit."""


def family_of(settings: Any, *, is_theirs: bool = True) -> str:
    """Return the name of the family that a backbone of these settings belongs to.

    `is_theirs`: whether its class in `transformers`, if it has one, computes what the whole model was trained to; if it
    does not, the family is one of ours.
    """
    return next(
        name
        for name, family in FAMILIES.items()
        if (family.backbone or name) == settings.kind
        and (is_theirs or family.architecture is None)
        and all(getattr(settings, key) == value for key, value in family.settings.items())
    )


def backbone_of(config: Mapping[str, Any], folder: Path) -> tuple[str, EncoderSettings]:
    """Return the family's name and the settings that a `config.json` describes, or raise `CheckpointError`."""
    for name, family in FAMILIES.items():
        if config.get("model_type") == family.model_type:
            _refuse_variants(config, family, folder)
            return name, _settings_of(config, family, BACKBONES[family.backbone or name][0], folder)
    known = ", ".join(family.model_type for family in FAMILIES.values())
    raise CheckpointError(
        f"{folder} holds a model of type {config.get('model_type')!r}; Bothways reads: {known}"
    )


def _settings_of(
    config: Mapping[str, Any], family: Family, kind: type[EncoderSettings], folder: Path
) -> EncoderSettings:
    try:
        return build(kind, family.read(config), "our settings of it")
    except KeyError as error:
        why = f"it has no {error}"
    except (ValueError, UsageError) as error:
        why = str(error)
    raise CheckpointError(f"{folder}/config.json cannot be used: {why}; use another copy")


def _refuse_variants(config: Mapping[str, Any], family: Family, folder: Path) -> None:
    for key, wanted in family.demands.items():
        if config.get(key, wanted) != wanted:
            raise CheckpointError(
                f"{folder}/config.json says {key}={config[key]!r}; only {wanted!r} is supported, "
                "so the numbers would differ: use another checkpoint"
            )
