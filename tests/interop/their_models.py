"""Small models of ours and of transformers, with tokenizers that were really learned."""

import dataclasses
from typing import Any

import numpy as np
import torch
from model_cases import BERT_VARIANTS

from bothways.batch import Examples
from bothways.interop.configs import FAMILIES, family_of
from bothways.interop.folder import Model
from bothways.model.backbones import BACKBONES, build_encoder
from bothways.objectives import OBJECTIVES, build_objective
from bothways.objectives.sentence_pair import SentencePairSettings
from bothways.text.tokenizer import vocabulary_of

LINES = [
    f"The quick brown fox jumps over {number} lazy dogs near Zürich , and nobody knows why it does so ."
    for number in range(40)
]
SENTENCE, SECOND = "the quick fox knows why", "nobody jumps over dogs"
SHAPE = {"layers": 2, "width": 32, "heads": 2, "feed_forward": 48}
OWN: dict[str, dict[str, Any]] = {
    "bert": {"max_positions": 40},
    "transformer_xl": {"memory": 20, "attention_dropout": 0.3},
    "mpnet": {"max_positions": 40},
    "modern": {"window": 2, "dropout": 0.2, "attention_dropout": 0.3},
}


@dataclasses.dataclass(frozen=True)
class Case:
    """A backbone, what it was trained with, and which model of transformers it becomes."""

    backbone: str
    objective: str
    pair: bool
    tokenizer: str
    architecture: str
    variant: str | None = None
    """A row of `BERT_VARIANTS`."""

    def __str__(self):
        return f"{self.variant or self.backbone} {self.objective}{' pair' if self.pair else ''}"

    @property
    def settings(self):
        """The settings of the backbone that are its own."""
        return {**OWN[self.backbone], **BERT_VARIANTS.get(self.variant, {})}


BERT = Case("bert", "masked", False, "wordpiece", "BertForMaskedLM")
BERT_PAIR = Case("bert", "masked", True, "wordpiece", "BertForPreTraining")
XLNET = Case("transformer_xl", "permutation", False, "unigram", "XLNetLMHeadModel")
XLNET_PAIR = Case("transformer_xl", "permutation", True, "wordpiece", "XLNetLMHeadModel")
CROSSED = Case("transformer_xl", "masked", False, "unigram", "XLNetLMHeadModel")
ROBERTA = Case("bert", "masked", False, "bpe", "RobertaForMaskedLM", "roberta")
ELECTRA = Case("bert", "masked", False, "wordpiece", "ElectraForMaskedLM", "electra")
ELECTRA_PAIR = Case("bert", "masked", True, "wordpiece", "ElectraForMaskedLM", "electra")
DISCRIMINATOR = Case("bert", "replaced", False, "wordpiece", "ElectraForPreTraining", "electra")
DISCRIMINATOR_PAIR = Case("bert", "replaced", True, "wordpiece", "ElectraForPreTraining", "electra")
"""Not in `CASES`, because it has no scores over the vocabulary; tests/interop/test_electra.py is about them."""
GPT2 = Case("bert", "causal", False, "bpe", "GPT2LMHeadModel", "gpt2")
MPNET = Case("mpnet", "mpnet", False, "mpnet", "MPNetForMaskedLM")
MPNET_MASKED = Case("mpnet", "masked", False, "mpnet", "MPNetForMaskedLM")
MODERN = Case("modern", "masked", False, "bpe", "ModernBertForMaskedLM")
CASES = [
    BERT,
    BERT_PAIR,
    XLNET,
    XLNET_PAIR,
    CROSSED,
    ROBERTA,
    ELECTRA,
    ELECTRA_PAIR,
    GPT2,
    MPNET,
    MPNET_MASKED,
    MODERN,
]


def built(case: Case, tokenizer: Any, **shape: Any):
    """Return a model with random weights (biases too) and the settings of its objective and extras."""
    vocabulary = vocabulary_of(tokenizer)
    encoder = build_encoder(BACKBONES[case.backbone][0](**{**SHAPE, **case.settings, **shape}), vocabulary)
    objective_settings = OBJECTIVES[case.objective][0]()
    extras = [SentencePairSettings(weight=0.5)] if case.pair else []
    objective = build_objective(objective_settings, extras, vocabulary, encoder)
    with torch.no_grad():
        for module in (encoder, objective):
            for name, parameter in module.named_parameters():
                parameter.normal_(1.0 if "norm.weight" in name else 0.0, 0.2)
    layout = FAMILIES[family_of(encoder.settings)].layout
    return Model(encoder.eval(), objective.eval(), tokenizer, vocabulary, layout), objective_settings, extras


def our_logits(model: Model, encoded: dict[str, torch.Tensor]):
    """Return the scores [slots, vocabulary] of our model at every slot of one encoded row, as transformers gives.

    A slot sees all others, or itself and those before it where the objective asks from left to right alone.
    """
    tokens = encoded["input_ids"].numpy().astype(np.int32)
    segments = encoded["token_type_ids"].numpy() if "token_type_ids" in encoded else np.zeros_like(tokens)
    positions = np.broadcast_to(np.arange(tokens.shape[1], dtype=np.int32), tokens.shape).copy()
    examples = Examples(tokens, segments.astype(np.int32), positions)
    if "leave one out" in model.objective.answers:
        nothing = np.zeros(tokens.shape, dtype=bool)
        cloze = model.objective.cloze(examples, nothing, ~nothing)
        batch = dataclasses.replace(cloze, probes=None, now=None, enters=None)
    else:
        batch = model.objective.left_to_right(examples)
    with torch.no_grad():
        hidden, _ = model.encoder(batch)
        return model.objective.head(hidden, model.encoder.token_embedding)[0]
