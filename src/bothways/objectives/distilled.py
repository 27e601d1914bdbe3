"""An objective taught by larger models of the same kind: their predictions, states and attention as further losses.

    loss = (1 - mix) · the objective's own
         + mix · T² · KL(teachers' predictions ‖ the student's)         at every scored position (`teaching.py`)
         + hidden · mean over layers of 1 - cos(map(student's state), teacher's state)          at every token
         + attention · KL(teacher's relations ‖ the student's)          of the last layers (`relations.py`)

Student and teachers read the very same batch, so this goes with any objective whose scored positions have a
distribution over the vocabulary, and with any two backbones that read its rows.

States: student layer i learns from teacher layer round(i · T / S), embeddings from embeddings, through a learned linear
map where widths differ (TinyBERT: Jiao et al. 2020, sections 3.1 and 3.2). Their distance is DistilBERT's cosine (Sanh
et al. 2019, section 2) and not TinyBERT's squared error: states of pre-norm models grow from layer to layer, and a
cosine weighs all layers and all backbones alike.

Teachers only answer: they have no gradient, and belong to no optimizer, checkpoint or count of parameters. On a stream
each remembers for itself; its memory travels behind the student's.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn

from bothways.batch import IGNORED, NEVER, Batch, Examples, Loss, Losses, Memory
from bothways.model.blocks import Block
from bothways.model.dtypes import at_least_float32
from bothways.model.encoder import Encoder
from bothways.model.initialise import initialise
from bothways.objectives.base import Objective
from bothways.objectives.relations import relation_heads, relation_nats, unseen
from bothways.objectives.teaching import TeachingSettings, averaged, divergence

PREDICTIONS, HIDDEN, ATTENTION = "distil_predictions", "distil_hidden", "distil_attention"
"""What the further losses are called in a log."""


class DistilSettings(TeachingSettings):
    """What a language model learns from larger ones."""

    hidden: float = Field(default=0.0, ge=0)
    """Weight of the distance between hidden states; one teacher only."""
    attention: float = Field(default=0.0, ge=0)
    """Weight of the divergence between attention relations of the last layers; one teacher only."""

    @model_validator(mode="after")
    def _something_is_learned_that_there_is(self) -> Self:
        if not (self.mix or self.looks_inside):
            raise ValueError("mix, hidden and attention are all 0, so nothing is learned from the teachers")
        if self.looks_inside and len(self.teachers) > 1:
            raise ValueError(
                "hidden and attention are about the inside of one teacher; name one, or learn the predictions alone"
            )
        return self

    @property
    def looks_inside(self) -> bool:
        """Whether more than predictions is learned."""
        return bool(self.hidden or self.attention)


@dataclass(frozen=True)
class Teacher:
    """A trained model, which is asked and never changed."""

    encoder: Encoder
    objective: Objective


@dataclass(frozen=True)
class Told:
    """What a model makes of a batch."""

    states: list[Tensor]
    """The input of every layer, then the final states, [rows, slots + probes, width] each; none where nobody asks."""
    logits: Tensor | None
    """[scored, vocabulary]; None where nobody asks."""


class Distilled(Objective):
    """A student's objective with what its teachers say; the student itself is trained, written and asked as ever."""

    name = "distilled"
    settings: DistilSettings

    def __init__(
        self, settings: DistilSettings, student: Objective, encoder: Encoder, teachers: Sequence[Teacher]
    ) -> None:
        super().__init__(settings, student.vocabulary, encoder, {})
        self.student = student
        # In a tuple of plain objects, so that PyTorch does not take them for parts of this module.
        self.teachers = tuple(teachers)
        self.maps = nn.ModuleList(self._maps(encoder) if settings.hidden else [])
        initialise(self.maps, encoder.settings.initial_deviation)

    def add_heads(self, encoder: Encoder) -> None:
        """Create nothing: the student has its heads."""

    def corrupt(self, examples: Examples, rng: np.random.Generator) -> Batch:
        return self.student.corrupt(examples, rng)

    def counts(self, batch: Batch) -> dict[str, int]:
        """Return the student's counts, and over how many scored positions and tokens it is taught."""
        scored = {PREDICTIONS: int((batch.targets != IGNORED).sum())} if self.settings.mix else {}
        tokens = {HIDDEN: self.settings.hidden, ATTENTION: self.settings.attention}
        read = batch.num_tokens
        return self.student.counts(batch) | scored | {name: read for name, weight in tokens.items() if weight}

    def weights(self) -> dict[str, float]:
        """Return what each part's mean is multiplied by; the student's auxiliary losses keep their weights."""
        settings, own = self.settings, self.student.weights()
        own[self.student.name] *= 1 - settings.mix
        taught = {
            PREDICTIONS: settings.mix,
            HIDDEN: settings.hidden,
            ATTENTION: settings.attention,
        }
        return own | {name: weight for name, weight in taught.items() if weight}

    def forward(
        self, encoder: Encoder, batch: Batch, memory: Memory | None = None
    ) -> tuple[Losses, Memory | None]:
        """Return the student's losses and what it is taught, and the memory of student and teachers."""
        encoders = [encoder, *(teacher.encoder for teacher in self.teachers)]
        remembered = split_memory(memory, encoders)
        embedding = encoder.token_embedding
        reads = None if self.settings.looks_inside else self.student.reads(batch)
        states, remembered[0] = encoder.states(encoder.embeddings(batch), batch, remembered[0], reads)
        told = []
        for number, teacher in enumerate(self.teachers, start=1):
            said, remembered[number] = self._told(teacher, batch, remembered[number])
            told.append(said)
        sums = {name: loss.sum for name, loss in self.student.losses(states[-1], embedding, batch).items()}
        if self.settings.mix:
            logits = self.student.log_probabilities(states[-1], embedding, batch)
            sums[PREDICTIONS] = self._of_predictions(told, logits, batch)
        if self.settings.hidden:
            sums[HIDDEN] = self._of_states(told[0], states, batch)
        if self.settings.attention:
            sums[ATTENTION] = self._of_attention(encoder, told[0], states, batch)
        weights = self.weights()
        return {name: Loss(each, weights[name]) for name, each in sums.items()}, join_memory(remembered)

    @torch.no_grad()
    def _told(self, teacher: Teacher, batch: Batch, memory: Memory | None) -> tuple[Told, Memory | None]:
        reads = None if self.settings.looks_inside else batch.asked
        encoder = teacher.encoder
        states, memory = encoder.states(encoder.embeddings(batch), batch, memory, reads)
        said = None
        if self.settings.mix:
            said = teacher.objective.log_probabilities(states[-1], encoder.token_embedding, batch)
        return Told(states if self.settings.looks_inside else [], said), memory

    def _of_predictions(self, told: Sequence[Told], logits: Tensor, batch: Batch) -> Tensor:
        """Return the summed divergence from the teachers' distributions; `logits` [scored, vocabulary]."""
        targets = averaged([each.logits for each in told if each.logits is not None], self._temperature)
        nats = divergence(targets, logits, self._temperature)
        return nats.masked_fill(batch.targets == IGNORED, 0.0).sum()

    def _of_states(self, told: Told, states: Sequence[Tensor], batch: Batch) -> Tensor:
        """Return the summed distance of the states of all tokens, a mean over layers."""
        text = is_text(batch)
        total = torch.zeros((), device=text.device)
        layers = layer_map(len(states) - 1, len(told.states) - 1)
        for mapped, ours, layer in zip(self.maps, states, layers, strict=True):
            mine, theirs = mapped(ours[:, : batch.num_slots]), told.states[layer][:, : batch.num_slots]
            near = F.cosine_similarity(at_least_float32(mine), at_least_float32(theirs), dim=-1)
            total = total + ((1 - near) * text).sum()
        return total / len(layers)

    def _of_attention(self, encoder: Encoder, told: Told, states: Sequence[Tensor], batch: Batch) -> Tensor:
        """Return the summed divergence of the relations of all tokens in the last layers."""
        teacher = self.teachers[0].encoder
        with torch.no_grad():
            theirs = _last(teacher).queries_keys_values(told.states[-2][:, : batch.num_slots])
        ours = _last(encoder).queries_keys_values(states[-2][:, : batch.num_slots])
        heads = relation_heads((encoder.settings.width, teacher.settings.width), teacher.settings.heads)
        return (relation_nats(theirs, ours, heads, unseen(batch)) * is_text(batch)).sum()

    def _maps(self, encoder: Encoder) -> list[nn.Module]:
        """Return a map for the embeddings and for every layer of the student."""
        ours, theirs = encoder.settings.width, self.teachers[0].encoder.settings.width
        return [
            nn.Identity() if ours == theirs else nn.Linear(ours, theirs, bias=False)
            for _ in range(encoder.settings.layers + 1)
        ]

    @property
    def _temperature(self) -> float:
        return self.settings.temperature


def layer_map(student: int, teacher: int) -> list[int]:
    """Return the layer of `teacher` layers that each of `student` layers learns from; 0 are the embeddings."""
    return [(2 * layer * teacher + student) // (2 * student) for layer in range(student + 1)]


def is_text(batch: Batch) -> Tensor:
    """Return float [rows, slots]: 1 where a slot is neither padding nor a placeholder; `num_tokens` counts these."""
    text = torch.ones_like(batch.tokens, dtype=torch.float32)
    if batch.enters is not None:
        text = (batch.enters < NEVER).to(text.dtype)
    if batch.placeholders:
        text[:, -batch.placeholders :] = 0
    return text


def split_memory(memory: Memory | None, encoders: Sequence[Encoder]) -> list[Memory | None]:
    """Return each encoder's part of a memory; None for those that keep none."""
    if memory is None:
        return [None for _ in encoders]
    parts: list[Memory | None] = []
    begin = 0
    for encoder in encoders:
        end = begin + (len(encoder.blocks) if encoder.memory_length else 0)
        states = memory.states[begin:end]
        parts.append(dataclasses.replace(memory, states=states) if states else None)
        begin = end
    return parts


def join_memory(parts: Sequence[Memory | None]) -> Memory | None:
    """Undo `split_memory`: all parts are equally long and of the same rows."""
    kept = [part for part in parts if part is not None]
    if not kept:
        return None
    return Memory(tuple(state for part in kept for state in part.states), kept[0].documents)


def _last(encoder: Encoder) -> Block:
    block = encoder.blocks[-1]
    assert isinstance(block, Block)
    return block
