"""Tiny BERT and XLNet runs on text that needs no tokenizer, for everything that is said about training."""

import json
from pathlib import Path

import numpy as np
import torch
from model_cases import make_vocabulary
from safetensors.torch import load_file, save_file

from bothways import runtime
from bothways.formats import FORMATS, Loader
from bothways.formats.shorter import shortened
from bothways.interop.configs import FAMILIES
from bothways.interop.folder import named_parameters
from bothways.model.backbones import BACKBONES, build_encoder
from bothways.objectives import OBJECTIVES, build_objective
from bothways.objectives.sentence_pair import SentencePairSettings
from bothways.training.distributed import Place
from bothways.training.loop import Run, train
from bothways.training.metrics import Progress, read_metrics
from bothways.training.settings import TrainingSettings

VOCABULARY = make_vocabulary(101)
SHAPE = {"layers": 2, "width": 32, "heads": 2, "feed_forward": 64}
ROWS = 8

MODELS = {
    # backbone, its settings, objective, format and its settings
    "bert": ("bert", {"max_positions": 32}, "masked", "pairs", {"length": 32}),
    "xlnet": (
        "transformer_xl",
        {"memory": 24},
        "permutation",
        "stream",
        {"length": 32, "reuse": 16, "bidirectional": True},
    ),
}
"""Both with the pair loss, so that every part of a run takes part."""


class ChainText:
    """Documents of frequent and rare tokens, each of which often decides the next: there is something to learn."""

    num_documents = 12

    def __init__(self, vocabulary=VOCABULARY, length=400, seed=0):
        draw = np.random.default_rng(seed)
        ordinary = vocabulary.ordinary()
        follower = draw.permutation(len(ordinary))
        frequency = 1 / np.arange(1, len(ordinary) + 1)
        self._documents = []
        for _ in range(self.num_documents):
            chain = draw.choice(len(ordinary), size=length, p=frequency / frequency.sum())
            for place in np.flatnonzero(draw.random(length - 1) < 0.4):
                chain[place + 1] = follower[chain[place]]
            self._documents.append(ordinary[chain].astype(np.int32))
        self.document_lengths = np.full(self.num_documents, length)

    def document(self, index, /):
        return self._documents[index]

    def sentence_lengths(self, index, /):
        length = len(self._documents[index])
        return np.diff(np.append(np.arange(0, length, 11), length))


TEXT = ChainText()


def make_run(
    model, folder, *, place=None, evaluate=None, dropout=0.1, seed=1, precision="float32", **training
):
    """Build a run; `training` are its settings."""
    backbone, shape, objective, form, rows = MODELS[model]
    dropouts = {"dropout": dropout, "attention_dropout": dropout}
    return build_run(
        BACKBONES[backbone][0](**SHAPE, **dropouts, **shape),
        OBJECTIVES[objective][0](),
        [SentencePairSettings()],
        FORMATS[form][0](**rows),
        TrainingSettings(**{"batch": ROWS, "log_every": 1, "save_every": None} | training),
        folder,
        place=place,
        evaluate=evaluate,
        seed=seed,
        precision=precision,
    )


def build_run(
    backbone,
    objective,
    extras,
    rows,
    settings,
    folder,
    *,
    place=None,
    evaluate=None,
    seed=1,
    precision="float32",
):
    """Build a run from the settings of its parts."""
    place = place or Place(0, 1, torch.device("cpu"))
    runtime.seed_everything(seed)
    encoder = build_encoder(backbone, VOCABULARY).to(place.device)
    built = build_objective(objective, extras, VOCABULARY, encoder).to(place.device)
    layout = FAMILIES[backbone.kind].layout

    def load(share=1.0):
        return Loader(
            FORMATS[rows.kind][1](shortened(rows, share), TEXT, VOCABULARY, seed, settings.batch, layout),
            built.corrupt,
            seed=seed,
            global_rows=settings.batch,
            micro_rows=settings.micro_batch or settings.batch // place.world,
            rank=place.rank,
            world=place.world,
        )

    def write_model(partial):
        save_file(named_parameters(encoder, built), partial / "model.safetensors")

    runtime.seed_everything(seed, place.rank)
    chosen = runtime.choose_precision(place.device, precision)
    parts = (encoder, built, load(), settings, seed, Path(folder), place, chosen, write_model, evaluate)
    return Run(*parts, shorter=load)


def resumed(run, checkpoint):
    """Give a run the weights of a checkpoint and train it from there."""
    saved = load_file(Path(checkpoint) / "model.safetensors")
    with torch.no_grad():
        for name, parameter in named_parameters(run.encoder, run.objective).items():
            parameter.copy_(saved[name])
    return quietly(run, Path(checkpoint))


def quietly(run, checkpoint=None):
    return train(run, Progress(quiet=True), checkpoint)


def weights(run):
    return {
        name: value.detach().clone() for name, value in named_parameters(run.encoder, run.objective).items()
    }


def metrics(folder, *without):
    """Return the log of a run, without what depends on the clock."""
    clocks = {"seconds", "tokens_per_second", *without}
    lines = read_metrics(Path(folder) / "metrics.jsonl")
    return [{name: value for name, value in line.items() if name not in clocks} for line in lines]


def checkpoints(folder):
    return sorted(path.name for path in (Path(folder) / "checkpoints").glob("step-*"))


def saved_tensors(checkpoint):
    """Return every tensor of a checkpoint, by file and name."""
    return {
        f"{file.name}:{name}": tensor
        for file in sorted(Path(checkpoint).rglob("*.safetensors"))
        for name, tensor in load_file(file).items()
    }


def saved_state(checkpoint):
    """Return a checkpoint's counters, without what depends on the clock."""
    state = json.loads((Path(checkpoint) / "training_state" / "state.json").read_text())
    del state["seconds"], state["interval"]["seconds"]
    return state


def assert_same_bits(left, right):
    """Compare two dictionaries of tensors bit for bit."""
    assert left.keys() == right.keys()
    different = [
        name
        for name in left
        if left[name].dtype != right[name].dtype or not torch.equal(left[name], right[name])
    ]
    assert different == []


def set_cap(monkeypatch, steps):
    monkeypatch.setenv("BOTHWAYS_MAX_STEPS", str(steps))
