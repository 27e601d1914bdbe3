"""The peers do the same work: from the same weights, on the same batch, they come to the same loss."""

import dataclasses
import sys

import pytest
import torch

from bothways.bench import peers
from bothways.bench.cases import Case
from bothways.bench.ours import build, recipe_of
from bothways.bench.peers import Theirs, has_peer, import_transformers
from bothways.errors import UsageError
from bothways.recipe import resolve

PLAIN = ["training.precision=float32", "training.device=cpu", "backbone.layers=2"]
BERT = Case("bert", "tiny", 32, dropout=0.0, tokens=128)
XLNET = Case("xlnet", "tiny", 32, dropout=0.0, tokens=128)
MEMORY = dataclasses.replace(XLNET, memory=24)


def both(case, peer, *words):
    ours = build(recipe_of(case, [*PLAIN, *words]), vocabulary=211)
    theirs = Theirs(ours, peer, may_compile=False)
    if case.model == "xlnet":
        # The script names no segments, which leaves out a term that ours always has.
        with torch.no_grad():
            for block in ours.model.encoder.blocks:
                block.attention.segments.zero_()
    return ours, theirs


def our_losses(ours):
    memory, losses = None, []
    for batch in ours.batches:
        parts, memory = ours.model.objective(ours.model.encoder, batch, memory)
        ((name, loss),) = parts.items()
        losses.append(loss.sum / ours.model.objective.counts(batch)[name])
    return losses


@pytest.mark.parametrize("peer", ["script", "script float32", "strongest"])
@pytest.mark.parametrize("case", [BERT, XLNET, MEMORY], ids=lambda case: case.name)
def test_the_loss_and_its_gradient_are_those_of_ours(case, peer):
    ours, theirs = both(case, peer)
    for inputs, loss in zip(theirs.inputs, our_losses(ours), strict=True):
        their_loss, theirs.mems = theirs.forward(inputs)
        torch.testing.assert_close(their_loss, loss, rtol=1e-5, atol=1e-6)
    loss.backward()
    their_loss.backward()
    embedding = theirs.model.get_input_embeddings().weight.grad
    torch.testing.assert_close(embedding, ours.model.encoder.token_embedding.grad, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("peer", ["script", "strongest"])
def test_padding_and_segments_reach_bert(peer):
    recipe = resolve(
        "bert-tiny", [*PLAIN, "extras=[]", "format.length=48", "training.batch=4", "backbone.dropout=0"]
    )
    ours = build(recipe, vocabulary=211)
    assert any(batch.enters is not None for batch in ours.batches)
    theirs = Theirs(ours, peer, may_compile=False)
    for inputs, loss in zip(theirs.inputs, our_losses(ours), strict=True):
        torch.testing.assert_close(theirs.forward(inputs)[0], loss, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("case", [BERT, XLNET, MEMORY], ids=lambda case: case.name)
def test_both_have_the_same_number_of_weights(case):
    ours, theirs = both(case, "script")
    parts = (ours.model.encoder, ours.model.objective)
    mine = sum(weight.numel() for part in parts for weight in part.parameters())
    its = sum(weight.numel() for weight in theirs.model.parameters())
    assert mine == its


@pytest.mark.parametrize("case", [BERT, XLNET], ids=lambda case: case.name)
def test_both_learn(case):
    ours, theirs = both(case, "script")
    before = theirs.step(theirs.inputs[0])
    for _ in range(20):
        after = theirs.step(theirs.inputs[0])
    assert after < before
    side = ours.side()
    weight = ours.model.encoder.token_embedding.detach().clone()
    side.run()
    assert not torch.equal(weight, ours.model.encoder.token_embedding)


def test_the_strongest_peer_meets_the_head_at_scored_positions_only():
    _, script = both(XLNET, "script")
    _, strongest = both(XLNET, "strongest")
    assert script.inputs[0]["target_mapping"].shape == (4, 32, 32)
    assert strongest.inputs[0]["target_mapping"].shape[1] < 8


def test_a_compiler_that_fails_is_left_out_and_said(monkeypatch):
    def broken(function):
        def refuse(*_):
            raise RuntimeError("no")

        return refuse

    monkeypatch.setattr(peers.torch, "compile", broken)
    monkeypatch.setattr(peers.runtime, "check_compiler", lambda _: None)
    ours, _ = both(BERT, "script")
    theirs = Theirs(ours, "strongest")
    assert theirs.step(theirs.inputs[0]).isfinite()
    assert theirs.note == "the peer runs uncompiled: torch.compile failed (RuntimeError)"


def test_without_a_compiler_the_strongest_peer_says_so(monkeypatch):
    def refuse(_):
        raise UsageError("there is none")

    monkeypatch.setattr(peers.runtime, "check_compiler", refuse)
    ours, _ = both(BERT, "script")
    assert "no C++ compiler" in Theirs(ours, "strongest").note


def test_a_mistake_of_the_model_itself_is_no_matter_of_compiling():
    _, theirs = both(BERT, "strongest")
    with pytest.raises(ValueError, match="input_ids"):
        theirs.step({})
    assert theirs.note == ""


def test_only_what_a_script_trains_has_a_peer():
    assert has_peer(resolve("bert-tiny"))
    assert has_peer(resolve("xlnet-tiny"))
    assert not has_peer(resolve("xlnet-tiny", ["objective.kind=masked"]))


def test_a_missing_package_is_named_with_its_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UsageError, match=r"pip install 'bothways\[bench\]'"):
        import_transformers()
