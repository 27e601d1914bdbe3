"""Two-layer models with random weights."""

import torch
from toy_language import VOCABULARY

from bothways.evaluate.asking import Subject
from bothways.model.backbones import build_encoder
from bothways.model.backbones.bert import BertSettings
from bothways.model.backbones.transformer_xl import TransformerXLSettings
from bothways.model.initialise import initialise
from bothways.objectives import build_objective
from bothways.objectives.masked import MaskedSettings
from bothways.objectives.mpnet import MPNetSettings
from bothways.objectives.permutation import PermutationSettings
from bothways.objectives.replaced import ReplacedSettings

SHAPE = {"layers": 2, "width": 32, "heads": 2, "feed_forward": 64}


def built(shape, kind, layout):
    torch.manual_seed(0)
    encoder = build_encoder(shape, VOCABULARY)
    objective = build_objective(kind, [], VOCABULARY, encoder)
    for module in (encoder, objective):
        initialise(module, 0.3)
    return Subject(encoder, objective, VOCABULARY, layout)


def bert():
    return built(BertSettings(**SHAPE, max_positions=14), MaskedSettings(), "cls_first")


def xlnet(memory=40, layout="cls_last"):
    return built(TransformerXLSettings(**SHAPE, memory=memory), PermutationSettings(), layout)


def mpnet():
    return built(BertSettings(**SHAPE, max_positions=14), MPNetSettings(), "cls_first")


def electra():
    return built(BertSettings(**SHAPE, max_positions=14), ReplacedSettings(), "cls_first")
