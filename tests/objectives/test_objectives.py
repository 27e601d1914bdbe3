"""What every objective promises: purity, counts, targets, odd rows, the pair loss."""

import copy
import dataclasses

import numpy as np
import pytest
import torch
from model_cases import (
    ANYWHERE,
    CLS,
    MASK,
    OBJECTIVE_CASES,
    PAD,
    SEP,
    VOCABULARY,
    ahead,
    every_case,
    every_objective,
    goes_with,
    make_encoder,
    make_objective,
    pairs,
    rng,
    stream_examples,
    whole,
)
from scored import predicting_part, scored_slots
from torch.utils._python_dispatch import TorchDispatchMode

from bothways.batch import IGNORED, Batch, Examples, Loss
from bothways.config import Settings
from bothways.model.backbones import BACKBONES
from bothways.objectives import build_objective
from bothways.objectives.masked import Masked, MaskedSettings
from bothways.objectives.permutation import PermutationSettings
from bothways.training.ways import encoders


def same(one: Batch, other: Batch) -> bool:
    """Say whether two batches are equal, field by field."""
    for field in dataclasses.fields(one):
        left, right = getattr(one, field.name), getattr(other, field.name)
        if isinstance(left, torch.Tensor) and isinstance(right, torch.Tensor):
            if not torch.equal(left, right):
                return False
        elif left is not right and left != right:
            return False
    return True


@every_case
def test_corruption_is_a_pure_function_of_rows_and_seed(case):
    _, objective = case.build()
    examples = case.examples
    before = copy.deepcopy(examples)
    first = objective.corrupt(examples, rng(7))
    torch.rand(3)
    np.random.default_rng().random(3)
    assert same(objective.corrupt(examples, rng(7)), first)
    # Without a prefix there is nothing to draw.
    assert same(objective.corrupt(examples, rng(8)), first) == (case.objective == "causal")
    for field in dataclasses.fields(examples):
        np.testing.assert_array_equal(getattr(examples, field.name), getattr(before, field.name))


@every_case
def test_losses_are_finite_sums_over_the_counts_that_were_announced_and_they_train_everything(case):
    encoder, objective = case.build()
    batch = objective.corrupt(case.examples, rng())
    counts = objective.counts(batch)
    losses, _ = objective(encoder, batch)
    assert set(counts) == set(objective.weights()) == set(losses)
    assert all(counts.values())
    assert all(isinstance(part, Loss) and part.sum.isfinite() for part in losses.values())
    assert counts[predicting_part(objective)] == scored_slots(batch, ahead(case.objective)).sum()
    sum(part.sum for part in losses.values()).backward()
    untrained = {name for name, value in encoder.named_parameters() if value.grad is None}
    probe = {"embeddings.probe"} & set(dict(encoder.named_parameters()))
    assert untrained == (probe if batch.probes is None else set())
    assert all(value.grad is not None for value in objective.parameters())


class Waiting(TorchDispatchMode):
    """Refuses what waits for a GPU: a number, or a shape, that depends on what a tensor holds."""

    def __torch_dispatch__(self, function, types, args=(), values=None):
        waits = (torch.ops.aten._local_scalar_dense, torch.ops.aten.nonzero, torch.ops.aten.masked_select)
        assert function.overloadpacket not in waits, f"{function} waits for the device"
        return function(*args, **(values or {}))


@every_case
def test_no_loss_waits_for_the_device(case):
    encoder, objective = case.build()
    for part in encoders(encoder, objective):
        part.use_attention("fused")  # as on a GPU
    batch = objective.corrupt(case.examples, rng())
    with Waiting():
        losses, _ = objective(encoder, batch)
        sum(part.sum for part in losses.values()).backward()


@every_case
def test_every_scored_token_is_its_own_target_and_none_is_special(case):
    _, objective = case.build()
    batch = objective.corrupt(case.examples, rng())
    scored = scored_slots(batch, ahead(case.objective))
    assert (batch.targets[batch.targets != IGNORED].numpy() == case.examples.tokens[scored]).all()
    assert (case.examples.tokens[scored] > MASK).all()
    assert scored.any(axis=1).all()


@every_case
def test_the_table_of_needs_and_offers_agrees_with_what_runs(case):
    encoder, objective = case.build()
    assert objective.needs <= encoder.offers
    assert objective.answers
    assert ("both sides" in objective.offers) == ({"leave one out", "joint spans"} <= objective.answers)


@pytest.mark.parametrize("named", list(OBJECTIVE_CASES))
@pytest.mark.parametrize(
    "tokens",
    [[PAD], [CLS], [9], [PAD] * 5, [CLS, SEP, SEP], [9] * 6, [6] * 6, [CLS, 9, SEP, PAD], [5, 6]],
    ids=str,
)
def test_odd_rows_are_corrupted_and_scored_without_a_crash(named, tokens):
    array = np.array([tokens, tokens], dtype=np.int32)
    positions = np.tile(np.arange(len(tokens), dtype=np.int32), (2, 1))
    examples = Examples(array, np.zeros_like(array), positions)
    ordinary = (array > MASK).sum(axis=1)
    name, values = OBJECTIVE_CASES[named]
    for backbone in (backbone for backbone in BACKBONES if goes_with(name, backbone)):
        encoder = make_encoder(backbone)
        objective = make_objective(name, encoder, **values)
        batch = objective.corrupt(examples, rng())
        losses, _ = objective(encoder, batch)
        assert losses[objective.name].sum.isfinite()
        if named in ANYWHERE and values["select"] != "released":
            assert (scored_slots(batch).sum(axis=1) == np.minimum(1, ordinary)).all()


def test_the_pair_loss_reads_the_state_at_cls_wherever_it_stands():
    encoder = make_encoder("transformer_xl")
    objective = make_objective("masked", encoder, pair=True)
    pair = objective.extras["sentence_pair"]
    for examples in (pairs(), pairs(left=True), stream_examples()):
        batch = objective.corrupt(examples, rng())
        hidden, _ = encoder(batch)
        at_cls = hidden[examples.tokens == CLS]
        assert len(at_cls) == len(examples.labels) == pair.count(batch)
        expected = torch.nn.functional.cross_entropy(pair.head(at_cls), batch.labels, reduction="sum")
        torch.testing.assert_close(
            pair.loss(hidden, encoder.token_embedding, batch).sum, expected, atol=1e-12, rtol=0.0
        )


@every_case
def test_what_is_read_is_what_is_scored_and_cls_where_there_is_a_pair_loss(case):
    _, objective = case.build()
    batch = objective.corrupt(case.examples, rng())
    queries = batch.num_slots + batch.num_probes
    wanted = objective.reads(batch)
    assert (wanted is None) == (case.objective == "replaced")
    read = (
        [set(range(queries))] * len(batch.tokens) if wanted is None else [set(row) for row in wanted.tolist()]
    )
    for index, target in zip(batch.scored.tolist(), batch.targets.tolist(), strict=True):
        assert index % queries in read[index // queries] or target == IGNORED
    if "sentence_pair" in objective.extras:
        at_cls = (batch.tokens == CLS).int().argmax(dim=1).tolist()
        assert all(slot in row for slot, row in zip(at_cls, read, strict=True))


def test_a_loss_of_its_own_reads_every_state_unless_it_says_otherwise():
    class OfItsOwn(Masked):
        def losses(self, hidden: torch.Tensor, embedding: torch.Tensor, batch: Batch) -> dict[str, Loss]:
            return {"masked": Loss(hidden.sum())}

    encoder = make_encoder("bert")
    inherited = make_objective("masked", encoder)
    batch = inherited.corrupt(whole(), rng())
    assert torch.equal(inherited.reads(batch), batch.asked)
    assert inherited.reads(dataclasses.replace(batch, asked=None)) is None
    objective = OfItsOwn(MaskedSettings(), VOCABULARY, encoder, {})
    assert objective.reads(batch) is None
    losses, _ = objective(encoder, batch)
    assert losses["masked"].sum.isfinite()


def test_a_pair_loss_without_labels_is_refused():
    encoder = make_encoder("bert")
    objective = make_objective("masked", encoder, pair=True)
    batch = objective.corrupt(whole(), rng())
    assert objective.counts(batch)["sentence_pair"] == 0
    with pytest.raises(ValueError, match="labels pairs"):
        objective.extras["sentence_pair"].loss(torch.zeros(4, 16, 32), encoder.token_embedding, batch)


@every_objective
def test_losses_of_half_precision_are_summed_in_float32(named):
    name, values = OBJECTIVE_CASES[named]
    backbone = next(backbone for backbone in BACKBONES if goes_with(name, backbone))
    encoder = make_encoder(backbone, dtype=torch.bfloat16)
    objective = make_objective(name, encoder, **values)
    batch = objective.corrupt(whole(), rng())
    assert objective(encoder, batch)[0][name].sum.dtype == torch.float32
    assert objective.predict(encoder, batch).dtype == torch.float32


def test_settings_that_belong_to_no_objective_are_a_type_error():
    encoder = make_encoder("bert")
    with pytest.raises(TypeError, match="belongs to no objective"):
        build_objective(Settings(), [], VOCABULARY, encoder)
    assert PermutationSettings().one_in == 6
