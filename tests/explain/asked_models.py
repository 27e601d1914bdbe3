"""Small models with random weights that know nine words."""

import torch
from tokenizers import Tokenizer, models, pre_tokenizers

from bothways.evaluate.asking import Subject
from bothways.model.backbones import BACKBONES, build_encoder
from bothways.model.initialise import initialise
from bothways.objectives import OBJECTIVES, build_objective
from bothways.text.tokenizer import vocabulary_of

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = ["new", "york", "is", "a", "city", "los", "angeles", "big", "<b>"]
SHAPE = {"layers": 2, "width": 16, "heads": 2, "feed_forward": 32}
BACKBONE = {
    "permutation": ("transformer_xl", "cls_last"),
    "masked": ("bert", "cls_first"),
    "mpnet": ("bert", "cls_first"),
    "causal": ("bert", "cls_first"),
    "replaced": ("bert", "cls_first"),
}


def tokenizer():
    """One token a word."""
    every = [*SPECIAL, *WORDS]
    built = Tokenizer(models.WordLevel({word: index for index, word in enumerate(every)}, unk_token="[UNK]"))
    built.add_special_tokens(SPECIAL)
    built.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return built


def subject(objective):
    """Return a model that was "trained" with an objective of this name."""
    torch.manual_seed(0)
    vocabulary = vocabulary_of(tokenizer())
    backbone, layout = BACKBONE[objective]
    encoder = build_encoder(BACKBONES[backbone][0](**SHAPE), vocabulary)
    built = build_objective(OBJECTIVES[objective][0](), [], vocabulary, encoder)
    for module in (encoder, built):
        initialise(module, 0.3)
    return Subject(encoder, built, vocabulary, layout)
