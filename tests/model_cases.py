"""Tiny vocabularies, encoders, objectives and rows, and the one table of cases that drives the contract tests."""

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from bothways.batch import NEVER, Batch, Examples
from bothways.checks import refusal
from bothways.model.backbones import BACKBONES, OFFERS, build_encoder
from bothways.model.encoder import Encoder
from bothways.objectives import OBJECTIVES, build_objective
from bothways.objectives.base import Objective
from bothways.objectives.generator import Generator
from bothways.objectives.sentence_pair import SentencePairSettings
from bothways.objectives.span_boundary import SpanBoundarySettings
from bothways.recipe import crossed
from bothways.vocabulary import Vocabulary

PAD, UNK, CLS, SEP, MASK = range(5)
SIZE = 61
LENGTH = 16


@pytest.fixture(autouse=True)
def one_thread():
    """Compute on one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def make_vocabulary(size: int = SIZE) -> Vocabulary:
    """Ids 0 to 4 are special; of the others, two in three begin a word."""
    ids = np.arange(size)
    return Vocabulary(
        size=size,
        pad=PAD,
        unk=UNK,
        cls=CLS,
        sep=SEP,
        mask=MASK,
        end_of_document=SEP,
        is_special=ids <= MASK,
        starts_word=(ids <= MASK) | (ids % 3 != 0),
    )


VOCABULARY = make_vocabulary()


BERT_VARIANTS: dict[str, dict[str, Any]] = {
    "roberta": {"positions_after_padding": True, "num_segments": 1, "norm_epsilon": 1e-5},
    "electra": {"embedding_width": 24},
    "gpt2": {
        "num_segments": 0,
        "norm": "pre",
        "head": "plain",
        "activation": "gelu_new",
        "norm_epsilon": 1e-5,
    },
}
"""Relatives of BERT, which are settings of its backbone."""

BACKBONE_CASES: dict[str, tuple[str, dict[str, Any]]] = {
    **{kind: (kind, {}) for kind in BACKBONES},
    # Local layers must have something that they do not see.
    "modern": ("modern", {"window": 3}),
    "modern with segments": ("modern", {"window": 3, "num_segments": 2}),
    **{named: ("bert", settings) for named, settings in BERT_VARIANTS.items()},
}


def make_encoder(
    kind: str, *, seed: int = 0, dtype: torch.dtype = torch.float64, deviation: float = 0.2, **values: Any
) -> Encoder:
    """Return a tiny encoder without dropout, in `dtype`, every parameter random (biases and norms too)."""
    shape = {
        "layers": 2,
        "width": 32,
        "heads": 2,
        "feed_forward": 48,
        "dropout": 0.0,
        "attention_dropout": 0.0,
    }
    kind, variant = BACKBONE_CASES.get(kind, (kind, {}))
    settings = BACKBONES[kind][0](**{**shape, **variant, **values})
    return randomise(build_encoder(settings, VOCABULARY), seed, deviation).to(dtype)


def make_objective(
    name: str,
    encoder: Encoder,
    *,
    pair: bool = False,
    boundary: bool = False,
    seed: int = 1,
    deviation: float = 0.2,
    **values: Any,
) -> Objective:
    """Return an objective with random heads in the encoder's dtype, and the auxiliary losses that are wanted."""
    pairs, boundaries = [SentencePairSettings()], [SpanBoundarySettings(place_width=8)]
    extras = pairs * pair + boundaries * boundary
    objective = build_objective(OBJECTIVES[name][0](**values), extras, VOCABULARY, encoder)
    return randomise(objective, seed, deviation).to(encoder.token_embedding.dtype)


def drawing(drawn: torch.Tensor) -> Callable[..., tuple[torch.Tensor, torch.Tensor]]:
    """Return a `Generator.answer` that draws these tokens, whatever is predicted."""
    answer = Generator.answer
    return lambda *given: (answer(*given)[0], drawn)


def randomise(module: nn.Module, seed: int, deviation: float) -> Any:
    """Draw every parameter, around 1 for normalisation weights and around 0 for all others."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter.normal_(0.0, deviation, generator=generator)
            if "norm" in name and name.endswith("weight"):
                parameter.add_(1.0)
    return module


def words(count: int, seed: int = 0, rows: int | None = None) -> np.ndarray:
    """Return random ordinary tokens, int32 [count] or [rows, count]."""
    shape = (count,) if rows is None else (rows, count)
    return np.random.default_rng(seed).integers(MASK + 1, SIZE, shape).astype(np.int32)


def pairs(rows: int = 4, length: int = LENGTH, *, left: bool = False, seed: int = 0) -> Examples:
    """Rows `[CLS] A [SEP] B [SEP]` of falling length, padded on the right or, CLS last, on the left; labelled."""
    tokens = np.full((rows, length), PAD, dtype=np.int32)
    segments = np.zeros_like(tokens)
    positions = np.zeros_like(tokens)
    for row in range(rows):
        text = words(length, seed * 100 + row)
        used = length - row % 4
        a = used // 2 - 1
        inside = np.concatenate([text[:a], [SEP], text[a : used - 3], [SEP]])
        kinds = (np.arange(used - 1) > a).astype(np.int32)
        if left:
            tokens[row, length - used :] = [*inside, CLS]
            segments[row, length - used :] = [*kinds, 2]
            positions[row, length - used :] = np.arange(used)
        else:
            tokens[row, :used] = [CLS, *inside]
            segments[row, :used] = [0, *kinds]
            positions[row] = np.arange(length)
    return Examples(tokens, segments, positions, labels=np.arange(rows) % 2)


def left_padded_pairs(rows: int = 4, length: int = LENGTH) -> Examples:
    """XLNet's layout of the same."""
    return pairs(rows, length, left=True)


def packed(rows: int = 4, length: int = LENGTH, *, seed: int = 0) -> Examples:
    """Rows of three documents whose positions restart; documents do not see each other."""
    tokens = words(length, seed, rows)
    slots = np.broadcast_to(np.arange(length), tokens.shape)
    first = length // 3 + np.arange(rows)[:, None] % 2
    second = first + length // 3
    documents = (slots >= first).astype(np.int32) + (slots >= second)
    starts = np.choose(documents, [np.zeros_like(first), first, second])
    tokens[slots == first - 1] = SEP
    tokens[slots == second - 1] = SEP
    tokens[:, 0] = CLS
    return Examples(tokens, np.zeros_like(tokens), (slots - starts).astype(np.int32), documents)


def whole(rows: int = 4, length: int = LENGTH, *, seed: int = 0) -> Examples:
    """Rows of one document and no padding: every slot sees every other."""
    tokens = words(length, seed, rows)
    tokens[:, 0] = CLS
    tokens[:, -1] = SEP
    positions = np.broadcast_to(np.arange(length, dtype=np.int32), tokens.shape).copy()
    return Examples(tokens, np.zeros_like(tokens), positions)


@dataclasses.dataclass(frozen=True)
class StreamRow:
    """A step of all columns, and where each slot's token stands in the stream (-1: a special token)."""

    examples: Examples
    offsets: np.ndarray


def stream(
    step: int = 0, columns: int = 4, length: int = LENGTH, *, bidirectional: bool = True, seed: int = 0
) -> StreamRow:
    """Rows `[reuse][A][SEP][B][SEP][CLS]` of consecutive text; every other column is read backward.

    B continues A in even steps; in odd steps it comes from a part of the stream that no other row reads.
    """
    reuse = length // 2
    column, reach = 10_000, length - 3
    text = words(columns * column, seed)
    tokens = np.empty((columns, length), dtype=np.int32)
    offsets = np.full((columns, length), -1)
    segments = np.zeros_like(tokens)
    positions = np.empty_like(tokens)
    a = (length - reuse - 3) // 2
    for row in range(columns):
        begin = row * column + step * reuse
        backward = bidirectional and row % 2 == 1
        last = (row + 1) * column - 1 - step * reuse
        places = last - np.arange(reach) if backward else begin + np.arange(reach)
        if step % 2:
            places[reuse + a :] = (
                row * column + 5000 + 20 * step + np.arange(reach - reuse - a)[:: -1 if backward else 1]
            )
        slots = np.r_[0 : reuse + a, reuse + a + 1 : length - 2]
        offsets[row, slots] = places
        tokens[row] = np.where(offsets[row] >= 0, text[offsets[row]], SEP)
        tokens[row, -1] = CLS
        segments[row, reuse + a + 1 :] = 1
        segments[row, -1] = 2
        positions[row] = (step * reuse + np.arange(length)) * (-1 if backward else 1)
    documents = np.zeros_like(tokens)
    labels = np.full(columns, step % 2)
    return StreamRow(
        Examples(tokens, segments, positions, documents, second_block=reuse, carry=reuse, labels=labels),
        offsets,
    )


def stream_examples(rows: int = 4, length: int = LENGTH) -> Examples:
    """The first step of a bidirectional stream."""
    return stream(0, rows, length).examples


def plain_stream(step: int = 0, columns: int = 4, length: int = LENGTH, *, seed: int = 0) -> StreamRow:
    """Rows of nothing but consecutive text, all of which becomes memory."""
    text = words(columns * 10_000, seed)
    offsets = np.arange(columns)[:, None] * 10_000 + step * length + np.arange(length)
    positions = np.tile(np.arange(step * length, (step + 1) * length, dtype=np.int32), (columns, 1))
    nothing = np.zeros_like(positions)
    return StreamRow(Examples(text[offsets], nothing, positions, nothing, carry=length), offsets)


def plain_stream_examples(rows: int = 4, length: int = LENGTH) -> Examples:
    """The first step of a stream of plain text."""
    return plain_stream(0, rows, length).examples


FORMATS: dict[str, Callable[..., Examples]] = {
    "whole": whole,
    "pairs": pairs,
    "left padded pairs": left_padded_pairs,
    "packed": packed,
    "stream": stream_examples,
    "plain stream": plain_stream_examples,
}

LAID_OUT_BY = {
    "whole": "packed",
    "pairs": "pairs",
    "left padded pairs": "pairs",
    "packed": "packed",
    "stream": "stream",
    "plain stream": "stream",
}
"""Which format of the package lays out such rows."""

OBJECTIVE_CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "masked token": ("masked", {"select": "token"}),
    "masked word": ("masked", {"select": "word"}),
    "masked ngram": ("masked", {"select": "ngram"}),
    "masked span": ("masked", {"select": "span", "longest": 10}),
    "permutation span context": ("permutation", {"select": "span", "specials": "context"}),
    "permutation span original": ("permutation", {"select": "span", "specials": "original"}),
    "permutation released context": ("permutation", {"select": "released", "specials": "context"}),
    "permutation released original": ("permutation", {"select": "released", "specials": "original"}),
    "permutation token context": ("permutation", {"select": "token", "specials": "context"}),
    "permutation token original": ("permutation", {"select": "token", "specials": "original"}),
    "causal": ("causal", {}),
    "causal prefix": ("causal", {"prefix": 0.5}),
    "mpnet token": ("mpnet", {"select": "token"}),
    "mpnet word": ("mpnet", {"select": "word"}),
    "mpnet ngram": ("mpnet", {"select": "ngram"}),
    "replaced": ("replaced", {"select": "token"}),
}


def goes_with(objective: str, backbone: str) -> bool:
    """Say whether a backbone, or a variant of one, has what an objective needs."""
    return OBJECTIVES[objective][1].needs <= OFFERS[BACKBONE_CASES[backbone][0]]


def ahead(named: str) -> int:
    """Return how many slots behind the one that is scored its target stands."""
    return int(OBJECTIVE_CASES[named][0] == "causal")


@dataclasses.dataclass(frozen=True)
class Case:
    """One member of the table: an objective on a backbone over a format's rows."""

    objective: str
    backbone: str
    format: str

    def __str__(self) -> str:
        return f"{self.objective} / {self.backbone} / {self.format}"

    @property
    def examples(self) -> Examples:
        return FORMATS[self.format]()

    @property
    def cell(self) -> tuple[str, str, str]:
        """Objective, backbone and format by the names that recipes give them."""
        return OBJECTIVE_CASES[self.objective][0], self.backbone, LAID_OUT_BY[self.format]

    def build(self, **values: Any) -> tuple[Encoder, Objective]:
        encoder = make_encoder(self.backbone, **values)
        name, settings = OBJECTIVE_CASES[self.objective]
        pair = self.examples.labels is not None and "both sides" in OBJECTIVES[name][1].offers
        boundary = self.objective == "masked span"
        return encoder, make_objective(name, encoder, pair=pair, boundary=boundary, **settings)


EVERY_CASE = [Case(*parts) for parts in itertools.product(OBJECTIVE_CASES, BACKBONES, FORMATS)]

CASES = [case for case in EVERY_CASE if refusal(crossed(*case.cell)) is None] + [
    # A variant changes what no objective's choice of positions can tell apart: one case of each plan is enough.
    Case(objective, variant, rows)
    for objective in ("masked token", "permutation span context")
    for variant in BACKBONE_CASES
    if variant not in BACKBONES
    for rows in FORMATS
    if rows != "stream"
]
"""Those that `check` accepts; tests/test_contract.py says what it refuses."""

IN_STREAMS = list(dict.fromkeys(case.objective for case in CASES if case.format == "stream"))
"""Objectives that some backbone can train in ordered rows with memory."""

ANYWHERE = [
    named for named, (name, _) in OBJECTIVE_CASES.items() if "select" in OBJECTIVES[name][0].model_fields
]
"""Those that `select` a share of each row, anywhere in it; another objective may have another plan."""

every_case = pytest.mark.parametrize("case", CASES, ids=str)
every_objective = pytest.mark.parametrize("named", OBJECTIVE_CASES)
every_backbone = pytest.mark.parametrize("backbone", list(BACKBONES))
every_variant = pytest.mark.parametrize("backbone", list(BACKBONE_CASES))


def unpadded(examples: Examples, row: int, **changes: Any) -> Examples:
    """Return one row without its padding."""
    kept = examples.tokens[row] != PAD
    return take(examples, [row], kept, **changes)


def take(examples: Examples, rows: Any, slots: Any, **changes: Any) -> Examples:
    """Return some rows and slots of examples."""
    parts = {
        name: None if value is None else value[rows][:, slots]
        for name in ("tokens", "segments", "positions", "documents")
        for value in [getattr(examples, name)]
    }
    labels = None if examples.labels is None else examples.labels[rows]
    return dataclasses.replace(examples, **{**parts, "labels": labels, **changes})


def without_probes(batch: Batch) -> Batch:
    """Return the batch of the content slots alone."""
    now = None if batch.now is None else batch.now[:, : batch.num_slots]
    return dataclasses.replace(batch, probes=None, now=now)


def is_padding(batch: Batch) -> torch.Tensor:
    """Return bool [rows, slots]."""
    return torch.zeros_like(batch.tokens, dtype=torch.bool) if batch.enters is None else batch.enters == NEVER


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)
