"""The encoder: embeddings, a stack of blocks, memory in and memory out.

    hidden = project(embed(batch))             [rows, slots + probes, width]
    hidden = block(hidden, source, sight)      once a layer; source = [memory | slots]
    memory' = the inputs of every layer at the row's first `carry` slots

A backbone (`backbones/`) is a choice of embeddings, of the attention in each block and of the final step; this file
is the same for all of them. Probes travel as further rows of the same tensors, so the two streams of XLNet share
every weight and every matrix product (Yang et al. 2019, section 2.3).
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from bothways.batch import Batch, Memory
from bothways.model.attention import Attention, Sight
from bothways.model.dtypes import compute_dtype
from bothways.model.features import Features, Summary
from bothways.model.heads import Head
from bothways.model.kernels import AttentionName, leave_uncompiled
from bothways.model.kernels.rows import spread, take
from bothways.model.settings import EncoderSettings
from bothways.runtime import Choice


@dataclass(frozen=True)
class Past:
    """How an encoder with memory looks back (Dai et al. 2019, sections 3.2 and 4); no weight depends on it."""

    memory: int
    """How many hidden states of the text before are kept a layer."""
    clamp: int | None = None
    """Distances beyond so many tokens share one encoding; absent: each has its own."""
    same_length: bool = False
    """Whether a query sees the last `memory` keys only, itself included, however many more there are."""


class Encoder(nn.Module):
    """A stack of Transformer blocks that any objective can train.

    `offers` names what objectives and formats may ask for: `probes`, `segments`, `memory`, `signed positions`, and
    `repeated positions` (several slots of a row may hold one position, and a probe embeds as `[MASK]` would there).
    """

    def __init__(
        self,
        settings: EncoderSettings,
        embeddings: nn.Module,
        blocks: list[nn.Module],
        look: nn.Module,
        *,
        head: Callable[[], Head],
        features: Features | None = None,
        offers: frozenset[str],
        memory_length: int = 0,
        projection: nn.Module | None = None,
        final: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.embeddings = embeddings
        self.projection = projection or nn.Identity()
        self.blocks = nn.ModuleList(blocks)
        self.final = final or nn.Identity()
        self.look = look
        self.vocabulary_head = head
        self.features = features or Features(partial(Summary, settings.width))
        self.offers = offers
        self.memory_length = memory_length
        self.recompute_activations = False
        """Trade time for memory: keep only the blocks' inputs and compute the rest again in the backward pass."""

    def use_attention(self, name: AttentionName) -> None:
        """Force one of `kernels.ATTENTIONS`, or leave it to them (`auto`)."""
        for attention in self._attentions():
            attention.implementation = name

    def compile_blocks(self, backend: str = "inductor") -> None:
        """Have `torch.compile` compile each block when it is first computed, with one of its backends."""
        leave_uncompiled()
        for block in self.blocks:
            block.compile(backend=backend)

    def attention_choice(self, device: torch.device, dtype: torch.dtype) -> Choice:
        """Return how attention is computed on `device` when products have `dtype`, and why."""
        return next(self._attentions()).choice(device, dtype)

    @contextlib.contextmanager
    def looking_back(self, **changes: Any) -> Iterator[None]:
        """Change fields of `Past` for a while: evaluation may remember more than training did.

        Raises `ValueError` where the encoder keeps no memory.
        """
        before = getattr(self.look, "past", None)
        if before is None:
            raise ValueError("this encoder keeps no memory, so it cannot look back in another way")
        try:
            self._look_back(dataclasses.replace(before, **changes))
            yield
        finally:
            self._look_back(before)

    def _look_back(self, past: Past) -> None:
        self.memory_length = past.memory
        self.look.past = past  # type: ignore[assignment]

    def _attentions(self) -> Iterator[Attention]:
        return (module for module in self.modules() if isinstance(module, Attention))

    @property
    def token_embedding(self) -> Tensor:
        """Return float [vocabulary, embedding width], shared with the vocabulary head."""
        weight: Tensor = self.embeddings.tokens.weight  # type: ignore[union-attr,assignment]
        return weight

    def forward(
        self, batch: Batch, memory: Memory | None = None, wanted: Tensor | None = None
    ) -> tuple[Tensor, Memory | None]:
        """Encode a batch.

        Returns the hidden states [rows, slots + probes, width] and the memory for the next row of each column,
        which is None when the backbone keeps none or the batch carries none. With `wanted`, int64 [rows, wanted], the
        last layer computes these queries only; the states of all others are not numbers.
        """
        return self.contextualise(self.embeddings(batch), batch, memory, wanted)

    def contextualise(
        self, embedded: Tensor, batch: Batch, memory: Memory | None = None, wanted: Tensor | None = None
    ) -> tuple[Tensor, Memory | None]:
        """Encode a batch that is embedded already, [rows, slots + probes, embedding width]; see `forward`."""
        states, memory = self.states(embedded, batch, memory, wanted)
        return states[-1], memory

    def states(
        self, embedded: Tensor, batch: Batch, memory: Memory | None = None, wanted: Tensor | None = None
    ) -> tuple[list[Tensor], Memory | None]:
        """Encode what is embedded already and return the input of every layer, then what `forward` returns.

        All but the last are whole, whatever is `wanted`.
        """
        hidden = self.projection(embedded)
        sight = self.look(batch, memory, compute_dtype(hidden))
        inputs = []
        for layer, block in enumerate(self.blocks):
            inputs.append(hidden)
            source = hidden[:, : batch.num_slots]
            if memory is not None:
                source = torch.cat([memory.states[layer].to(source.dtype), source], dim=1)
            if wanted is not None and layer == len(self.blocks) - 1:
                hidden, sight = take(hidden, wanted), sight.at(wanted)
            hidden = self._through(block, hidden, source, sight)
        hidden = self.final(hidden)
        if wanted is not None:
            hidden = spread(hidden, wanted, batch.num_slots + batch.num_probes)
        return [*inputs, hidden], self._remember(batch, inputs, memory)

    def _through(self, block: nn.Module, hidden: Tensor, source: Tensor, sight: Sight) -> Tensor:
        if self.recompute_activations and torch.is_grad_enabled():
            return checkpoint(block, hidden, source, sight, use_reentrant=False)
        return block(hidden, source, sight)

    def _remember(self, batch: Batch, inputs: list[Tensor], memory: Memory | None) -> Memory | None:
        """Keep each layer's input at the first `carry` slots, after what was remembered before; no gradient."""
        if not (self.memory_length and batch.carry):
            return None
        states = [layer[:, : batch.carry].detach() for layer in inputs]
        documents = None if batch.documents is None else batch.documents[:, : batch.carry]
        if memory is not None:
            states = [torch.cat(pair, dim=1) for pair in zip(memory.states, states, strict=True)]
            if documents is not None and memory.documents is not None:
                documents = torch.cat([memory.documents, documents], dim=1)
        kept = slice(-self.memory_length, None)
        return Memory(
            tuple(state[:, kept].contiguous() for state in states),
            None if documents is None else documents[:, kept].contiguous(),
        )
