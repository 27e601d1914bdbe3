"""The other side of a pretraining step: the model of transformers with our weights, on our batches.

`script` drives it as the example scripts `run_mlm` and `run_plm` do with the Trainer's defaults: logits at every
position and -100 where nothing is scored; for XLNet a float mask [B, L, L] of the factorisation order and an identity
map [B, L, L] of all positions as targets; attention as the model chooses (SDPA for BERT; XLNet has its own only); the
fused AdamW, gradients clipped at 1. `strongest` is the best that we can make of the same model without editing it:
only scored positions meet the head, XLNet's map names the targets alone, freed memory is kept as ours is, and
`torch.compile` compiles the forward and backward pass where it can. Both run under autocast in the precision of ours,
`script float32` in the one that the scripts have by default.

In the peer's favour: its inputs lie on the device and in the form it wants before the clock starts, and XLNet's
segments, which its script leaves out, are left out here too.
"""

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bothways import allocator, runtime
from bothways.batch import IGNORED, NEVER, Batch
from bothways.bench.cases import Peer
from bothways.bench.measure import Side, waiting
from bothways.bench.ours import Ours
from bothways.errors import UsageError
from bothways.interop.configs import FAMILIES, family_of
from bothways.interop.folder import named_parameters, names_of
from bothways.model.names import all_theirs
from bothways.recipe import Recipe
from bothways.runtime import Precision

Inputs = dict[str, Tensor]
Mems = list[Tensor] | None

CLIP = 1.0
"""The Trainer's `max_grad_norm`."""


@dataclasses.dataclass(frozen=True)
class Driving:
    """A way to compute the loss of one model of transformers."""

    inputs: Callable[[Batch], Inputs]
    """Turns a batch of ours into the model's tensors, before the clock starts."""
    loss: Callable[[Any, Inputs, Mems], tuple[Tensor, Mems]]
    """Returns the mean loss and the memory for the next rows."""


def import_transformers() -> Any:
    """Return the module; raise `UsageError` where it is not installed."""
    try:
        import transformers
    except ImportError:
        raise UsageError(
            "the peer is not installed here: pip install 'bothways[bench]' brings transformers and datasets"
        ) from None
    return transformers


def has_peer(recipe: Recipe) -> bool:
    """Say whether transformers has a model of this backbone, and a script that trains it so."""
    family = family_of(recipe.backbone)
    return family in _WAYS and FAMILIES[family].objective == recipe.objective.kind


def peer_model(ours: Ours) -> nn.Module:
    """Return the model of transformers with the shape, the dropout and the weights of ours, on its device."""
    settings = ours.model.encoder.settings
    family = FAMILIES[family_of(settings)]
    architecture = getattr(import_transformers(), str(family.architecture))
    values = family.write(settings, ours.model.vocabulary) | {"reuse_len": ours.batches[0].carry or None}
    model: nn.Module = architecture(architecture.config_class(**values))
    parameters = named_parameters(ours.model.encoder, ours.model.objective)
    held = {name: tensor.detach() for name, tensor in parameters.items()}
    weights = all_theirs(held, names_of(settings), settings.heads)
    model.load_state_dict(weights, strict=False)
    return model.to(ours.stepper.place.device)


class Theirs:
    """A model of transformers, ready to take steps."""

    def __init__(self, ours: Ours, peer: Peer, *, may_compile: bool = True) -> None:
        self.model = peer_model(ours).train()
        self.device = ours.stepper.place.device
        self.is_strongest = peer == "strongest"
        self.note = ""
        """What had to be left out, for the table."""
        way = _WAYS[family_of(ours.model.encoder.settings)][peer == "strongest"]
        self.inputs = [
            {name: tensor.to(self.device) for name, tensor in way.inputs(batch).items()}
            for batch in ours.batches
        ]
        self.mems: Mems = None
        self.precision = (
            Precision("float32", "as asked") if peer == "script float32" else ours.stepper.precision
        )
        self._plain_loss = self._loss = way.loss
        is_strongest = peer == "strongest"
        self._set_up = allocator.keep_freed_memory if is_strongest else allocator.give_freed_memory_back
        if is_strongest and may_compile:
            self._compile()
        # The Trainer's defaults: its `adamw_torch_fused`, a rate of 5e-5 and no weight decay.
        self._optimizer = torch.optim.AdamW(self.model.parameters(), lr=5e-5, weight_decay=0.0, fused=True)

    def side(self) -> Side:
        """Return one step at a time, over the batches in turn."""
        turns = itertools.cycle(self.inputs)
        return Side(lambda: self.step(next(turns)), waiting(self.device), self._set_up)

    def step(self, inputs: Inputs) -> Tensor:
        """Take one optimizer step; return its loss."""
        loss = self._forward_and_backward(inputs)
        nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
        self._optimizer.step()
        self._optimizer.zero_grad()
        return loss.detach()

    def forward(self, inputs: Inputs) -> tuple[Tensor, Mems]:
        """Return the mean loss, and the memory for the next rows."""
        with self.precision.autocast(self.device):
            return self._loss(self.model, inputs, self.mems)

    def _forward_and_backward(self, inputs: Inputs) -> Tensor:
        try:
            loss, mems = self.forward(inputs)
            loss.backward()
        except Exception as error:
            # A compiler may refuse in either pass, with an error of any kind; the model itself still works.
            if self._loss is self._plain_loss:
                raise
            self.note = f"the peer runs uncompiled: torch.compile failed ({type(error).__name__})"
            self._loss = self._plain_loss
            self._optimizer.zero_grad()
            return self._forward_and_backward(inputs)
        self.mems = mems
        return loss

    def _compile(self) -> None:
        try:
            runtime.check_compiler(self.device)
        except UsageError:
            self.note = "the peer runs uncompiled: there is no C++ compiler here"
        else:
            torch._dynamo.reset()
            self._loss = torch.compile(self._plain_loss)


def _masked_everywhere(batch: Batch) -> Inputs:
    """Return what the collator of `run_mlm` makes: a label at every position, -100 where none is asked."""
    labels = torch.full_like(batch.tokens, IGNORED)
    labels.view(-1)[batch.scored] = batch.targets
    return {
        "input_ids": batch.tokens,
        "attention_mask": _is_text(batch).long(),
        "token_type_ids": batch.segments.clamp(max=1),
        "labels": labels,
    }


def _masked_loss(model: Any, inputs: Inputs, mems: Mems) -> tuple[Tensor, Mems]:
    return model(**inputs).loss, mems


def _masked_scored(batch: Batch) -> Inputs:
    """Return rows without what a whole row does not need, and the scored positions apart."""
    inputs = {"input_ids": batch.tokens, "scored": batch.scored, "targets": batch.targets}
    if not _is_text(batch).all():
        inputs["attention_mask"] = _is_text(batch).long()
    return inputs | ({"token_type_ids": batch.segments.clamp(max=1)} if batch.segments.any() else {})


def _masked_scored_loss(model: Any, inputs: Inputs, mems: Mems) -> tuple[Tensor, Mems]:
    rows = {name: value for name, value in inputs.items() if name not in ("scored", "targets")}
    hidden = model.bert(**rows).last_hidden_state.flatten(0, 1)[inputs["scored"]]
    return F.cross_entropy(model.cls(hidden).float(), inputs["targets"], ignore_index=IGNORED), mems


def _permuted_everywhere(batch: Batch) -> Inputs:
    """Return what the collator of `run_plm` makes: every position a target, -100 where none is asked."""
    slots = batch.num_slots
    labels = torch.full_like(batch.tokens, IGNORED)
    rows, columns, targets = _asked(batch)
    labels[rows, columns] = targets
    every = torch.eye(slots).expand(len(batch.tokens), slots, slots).contiguous()
    order = _order(batch)
    return {"input_ids": batch.tokens, "perm_mask": order, "target_mapping": every, "labels": labels}


def _permuted_scored(batch: Batch) -> Inputs:
    """Return a map of the scored positions alone."""
    probes = _probes(batch)
    return {
        "input_ids": batch.tokens,
        "perm_mask": _order(batch),
        "target_mapping": F.one_hot(probes, batch.num_slots).float(),
        "labels": batch.targets.view_as(probes),
    }


def _permuted_loss(model: Any, inputs: Inputs, mems: Mems) -> tuple[Tensor, Mems]:
    if not model.config.mem_len:
        return model(**inputs).loss, None
    out = model(**inputs, mems=mems, use_mems=True)
    return out.loss, list(out.mems)


def _order(batch: Batch) -> Tensor:
    """Return the collator's `perm_mask`, float [B, L, L]: 1 where a target may not see a slot.

    A probe looks one rank before its slot, so of the slots that its slot sees it misses exactly that one.
    """
    assert batch.enters is not None
    assert batch.now is not None
    looking = batch.now[:, : batch.num_slots, None]
    hidden = batch.enters[:, None, :] > looking
    rows, columns, _ = _asked(batch)
    hidden[rows, columns, columns] = True
    return hidden.float()


def _asked(batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """Return row, slot and token of every target, int64 [scored]; probes that only fill up a row are left out."""
    probes = _probes(batch)
    targets = batch.targets.view_as(probes)
    is_real = targets != IGNORED
    return is_real.nonzero()[:, 0], probes[is_real], targets[is_real]


def _probes(batch: Batch) -> Tensor:
    assert batch.probes is not None
    return batch.probes


def _is_text(batch: Batch) -> Tensor:
    return torch.ones_like(batch.tokens, dtype=torch.bool) if batch.enters is None else batch.enters < NEVER


_WAYS: dict[str, tuple[Driving, Driving]] = {
    "bert": (Driving(_masked_everywhere, _masked_loss), Driving(_masked_scored, _masked_scored_loss)),
    "transformer_xl": (
        Driving(_permuted_everywhere, _permuted_loss),
        Driving(_permuted_scored, _permuted_loss),
    ),
}
"""Family -> as the script does it, and the strongest way."""
