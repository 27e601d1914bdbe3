"""What holds for whole encoders: directions, memory, padding, documents, probes, rows, recomputation."""

import dataclasses

import numpy as np
import pytest
import torch
from model_cases import (
    CASES,
    LENGTH,
    PAD,
    every_case,
    every_variant,
    left_padded_pairs,
    make_encoder,
    make_objective,
    packed,
    pairs,
    rng,
    stream,
    take,
    unpadded,
    whole,
    without_probes,
    words,
)

from bothways.batch import IGNORED, Batch, Memory
from bothways.model.backbones import BACKBONES
from bothways.model.dropout import Dropout
from bothways.model.encoder import Encoder
from bothways.objectives import OBJECTIVES
from bothways.objectives.base import Objective

CLOSE = {"atol": 1e-12, "rtol": 0.0}
BOTH = pytest.mark.parametrize("name", ["masked", "permutation"])


def hide(examples, seed=0):
    """Hide and ask for two ordinary slots of every row."""
    ordinary = examples.tokens > 4
    order = np.argsort(np.where(ordinary, rng(seed).random(ordinary.shape), 2.0), axis=1)
    hidden = np.zeros_like(ordinary)
    np.put_along_axis(hidden, order[:, :2], True, axis=1)
    return hidden


def by_row(objective, encoder, examples, hidden):
    """Log-probabilities [rows, asked, vocabulary]."""
    batch = objective.cloze(examples, hidden, hidden)
    return objective.predict(encoder, batch).unflatten(0, (len(hidden), -1))


def loss_and_gradients(encoder):
    """The permutation loss of the same rows, with the same dropout, and its gradient by each weight."""
    objective = make_objective("permutation", encoder)
    batch = objective.corrupt(whole(), rng())
    torch.manual_seed(3)
    losses, _ = objective(encoder, batch)
    losses["permutation"].sum.backward()
    return [losses["permutation"].sum.detach(), *(p.grad for p in encoder.parameters())]


def turned(examples):
    """Reverse every row and negate the positions of its slots."""
    return dataclasses.replace(
        take(examples, slice(None), slice(None, None, -1)), positions=-examples.positions
    )


@BOTH
@pytest.mark.parametrize("backbone", ["transformer_xl", "modern"])
def test_reversing_a_row_and_negating_its_positions_gives_the_same_logits(backbone, name):
    encoder = make_encoder(backbone)
    objective = make_objective(name, encoder)
    examples = left_padded_pairs(length=12)
    examples = dataclasses.replace(examples, positions=np.tile(np.arange(12), (4, 1)))
    hidden = hide(examples)
    forward = by_row(objective, encoder, examples, hidden)
    backward = by_row(objective, encoder, turned(examples), hidden[:, ::-1])
    torch.testing.assert_close(backward.flip(1), forward, **CLOSE)
    unsigned = dataclasses.replace(turned(examples), positions=examples.positions)
    assert (by_row(objective, encoder, unsigned, hidden[:, ::-1]).flip(1) - forward).abs().max() > 0.01


@BOTH
def test_forward_and_backward_rows_in_one_batch_equal_those_rows_alone(name):
    encoder = make_encoder("transformer_xl", memory=12)
    objective = make_objective(name, encoder)
    memory, alone = None, [None] * 4
    for step in range(3):
        examples = stream(step).examples
        batch = objective.cloze(examples, hide(examples, step), hide(examples, step))
        assert batch.backward.tolist() == [False, True, False, True]
        together, memory = encoder(batch, memory)
        for row in range(4):
            one = take(examples, [row], slice(None))
            single = objective.cloze(one, hide(examples, step)[[row]], hide(examples, step)[[row]])
            states, alone[row] = encoder(single, alone[row])
            torch.testing.assert_close(together[[row]], states, **CLOSE)


def causal(tokens: torch.Tensor, begin: int, carry: int = 0) -> Batch:
    """A batch in which every slot sees those before it and itself."""
    index = torch.arange(begin, begin + tokens.shape[1]).expand(tokens.shape).contiguous()
    nothing = torch.tensor([], dtype=torch.long)
    return Batch(
        tokens, torch.zeros_like(tokens), index, nothing, nothing, enters=index, now=index, carry=carry
    )


def pass_with_stopped_gradient(encoder: Encoder, batch: Batch, cut: int) -> torch.Tensor:
    """Run all blocks over the whole row; slots before `cut` are seen, but no gradient enters them."""
    hidden = encoder.embeddings(batch)
    sight = encoder.look(batch, None, hidden.dtype)
    for block in encoder.blocks:
        hidden = torch.cat([hidden[:, :cut].detach(), hidden[:, cut:]], dim=1)
        hidden = block(hidden, hidden, sight)
    return encoder.final(hidden)


def test_memory_of_two_segments_equals_one_longer_pass_with_stopped_gradient():
    encoder = make_encoder("transformer_xl", memory=16)
    tokens = torch.from_numpy(words(24, rows=3)).long()
    memory = None
    for begin in (0, 8):
        part = causal(tokens[:, begin : begin + 8], begin, carry=8)
        _, memory = encoder(part, memory)
    assert memory.length == 16
    assert not any(state.requires_grad for state in memory.states)
    last, _ = encoder(causal(tokens[:, 16:], 16), memory)
    long = pass_with_stopped_gradient(encoder, causal(tokens, 0), 16)[:, 16:]
    torch.testing.assert_close(last, long, **CLOSE)
    weights = torch.randn_like(last)
    parameters = list(encoder.parameters())
    ours = torch.autograd.grad((last * weights).sum(), parameters, allow_unused=True)
    theirs = torch.autograd.grad((long * weights).sum(), parameters, allow_unused=True)
    for one, other in zip(ours, theirs, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            torch.testing.assert_close(one, other, atol=1e-10, rtol=0.0)


def in_segments(encoder: Encoder, tokens: torch.Tensor, length: int) -> torch.Tensor:
    """Hidden states of a text that is read `length` tokens at a time with memory."""
    memory, parts = None, []
    for begin in range(0, tokens.shape[1], length):
        hidden, memory = encoder(causal(tokens[:, begin : begin + length], begin, carry=length), memory)
        parts.append(hidden)
    return torch.cat(parts, dim=1)


@pytest.mark.parametrize("length", [2, 3, 4, 8, 24])
def test_with_same_length_it_does_not_matter_how_a_text_is_cut_into_rows(length):
    tokens = torch.from_numpy(words(24, rows=2)).long()
    encoder = make_encoder("transformer_xl", memory=6, same_length=True)
    torch.testing.assert_close(in_segments(encoder, tokens, length), in_segments(encoder, tokens, 6), **CLOSE)
    plain = make_encoder("transformer_xl", memory=6)
    if length != 6:
        cut = in_segments(plain, tokens, length) - in_segments(plain, tokens, 6)
        assert cut[:, :2].abs().max() < 1e-12
        assert cut.abs().max() > 0.01


def test_a_clamp_changes_what_lies_beyond_it_alone():
    tokens = torch.from_numpy(words(12, rows=2)).long()
    free, clamped = (make_encoder("transformer_xl", clamp=clamp)(causal(tokens, 0))[0] for clamp in (None, 4))
    torch.testing.assert_close(clamped[:, :5], free[:, :5], **CLOSE)
    assert (clamped - free)[:, 6:].abs().amax(dim=(0, 2)).min() > 1e-4


def test_an_encoder_may_look_further_back_for_a_while():
    tokens = torch.from_numpy(words(24, rows=2)).long()
    encoder = make_encoder("transformer_xl", memory=4)
    changes = {"memory": 9, "clamp": 7, "same_length": True}
    before = in_segments(encoder, tokens, 4)
    with encoder.looking_back(**changes):
        assert encoder.memory_length == 9
        further = in_segments(encoder, tokens, 4)
    assert torch.equal(further, in_segments(make_encoder("transformer_xl", **changes), tokens, 4))
    assert not torch.equal(further, before)
    assert torch.equal(in_segments(encoder, tokens, 4), before)
    with (
        pytest.raises(ValueError, match="keeps no memory"),
        make_encoder("bert").looking_back(memory=9),
    ):
        pass


def test_same_length_without_memory_is_refused():
    with pytest.raises(ValueError, match="memory is 0"):
        make_encoder("transformer_xl", same_length=True)


@pytest.mark.parametrize("limit", [5, 8, 13, 100])
def test_memory_keeps_the_newest_states_up_to_its_length(limit):
    encoder = make_encoder("transformer_xl", memory=limit)
    tokens = torch.from_numpy(words(24, rows=2)).long()
    everything = make_encoder("transformer_xl", memory=1000)
    memory = None
    for step in range(3):
        part = dataclasses.replace(causal(tokens[:, 8 * step : 8 * step + 8], 0, carry=8), documents=None)
        _, memory = encoder(part, memory)
        assert memory.length == min(limit, 8 * (step + 1))
    _, first = everything(causal(tokens[:, :8], 0, carry=6))
    assert first.length == 6


def test_memory_of_other_documents_is_not_seen():
    encoder = make_encoder("transformer_xl", memory=8)
    objective = make_objective("masked", encoder)
    examples = stream(1, bidirectional=False).examples
    batch = objective.corrupt(examples, rng())
    states = tuple(torch.randn(4, 8, 32, dtype=torch.float64) for _ in range(2))
    alone, _ = encoder(batch)
    other, kept = encoder(batch, Memory(states, torch.full((4, 8), 7)))
    same, _ = encoder(batch, Memory(states, torch.zeros(4, 8, dtype=torch.long)))
    torch.testing.assert_close(other, alone, **CLOSE)
    assert (same - alone).abs().max() > 0.01
    assert torch.equal(kept.documents, batch.documents[:, :8])


def learned(encoder, objective, steps, *, everywhere):
    """Return loss, gradients, hidden states and memory after rows that follow each other, from all states or few."""
    memory, total = None, 0.0
    for batch in steps:
        wanted = None if everywhere else objective.reads(batch)
        hidden, memory = encoder(batch, memory, wanted)
        total = total + sum(
            part.sum for part in objective.losses(hidden, encoder.token_embedding, batch).values()
        )
    parameters = [*encoder.parameters(), *objective.parameters()]
    return total, torch.autograd.grad(total, parameters, allow_unused=True), hidden, memory


@pytest.mark.parametrize(
    "case", [case for case in CASES if OBJECTIVES[case.cell[0]][1].forward is Objective.forward], ids=str
)
def test_computing_only_what_the_loss_reads_changes_no_state_loss_gradient_or_memory(case):
    encoder, objective = case.build(**({"memory": 8} if case.backbone == "transformer_xl" else {}))
    rows = [stream(step).examples for step in range(2)] if case.format == "stream" else [case.examples]
    steps = [objective.corrupt(examples, rng(step)) for step, examples in enumerate(rows)]
    loss, gradients, hidden, memory = learned(encoder, objective, steps, everywhere=False)
    plain_loss, plain_gradients, plain_hidden, plain_memory = learned(
        encoder, objective, steps, everywhere=True
    )
    torch.testing.assert_close(loss, plain_loss, **CLOSE)
    for mine, plain in zip(gradients, plain_gradients, strict=True):
        torch.testing.assert_close(mine, plain, atol=1e-10, rtol=0.0)
    wanted = objective.reads(steps[-1])
    is_wanted = torch.zeros(hidden.shape[:2], dtype=torch.bool).scatter_(1, wanted, True)
    torch.testing.assert_close(hidden[is_wanted], plain_hidden[is_wanted], **CLOSE)
    assert not is_wanted.all()
    assert hidden[~is_wanted].isnan().all()
    assert (memory is None) == (plain_memory is None)
    if memory is not None:
        for mine, plain in zip(memory.states, plain_memory.states, strict=True):
            torch.testing.assert_close(mine, plain, **CLOSE)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_a_generator_computes_only_what_it_is_asked(backbone):
    encoder = make_encoder(backbone)
    objective = make_objective("replaced", encoder)
    batch = objective.corrupt(packed(), rng())
    states, _ = objective.generator(encoder, batch)
    plain, _ = objective.generator(encoder, dataclasses.replace(batch, asked=None))
    is_asked = torch.zeros(states.shape[:2], dtype=torch.bool).scatter_(1, batch.asked, True)
    torch.testing.assert_close(states[is_asked], plain[is_asked], **CLOSE)
    assert not is_asked.all()
    assert states[~is_asked].isnan().all()


@every_variant
def test_any_queries_may_be_wanted_in_any_order_and_more_than_once(backbone):
    encoder = make_encoder(backbone)
    batch = make_objective("permutation", encoder).corrupt(packed(), rng())
    last = batch.num_slots + batch.num_probes - 1
    wanted = torch.tensor([[last, 0, 3], [3, 3, 3], [0, last, 0], [5, 16, 4]])
    rows = torch.arange(4)[:, None]
    few = encoder(batch, None, wanted)[0]
    torch.testing.assert_close(few[rows, wanted], encoder(batch)[0][rows, wanted], **CLOSE)


def test_no_memory_is_returned_where_the_batch_carries_none_or_the_backbone_keeps_none():
    rows = stream(0, bidirectional=False).examples
    for encoder, carry in (
        (make_encoder("bert"), 8),
        (make_encoder("transformer_xl", memory=0), 8),
        (make_encoder("transformer_xl", memory=8), 0),
    ):
        batch = make_objective("masked", encoder).corrupt(dataclasses.replace(rows, carry=carry), rng())
        assert encoder(batch)[1] is None
    bert = make_encoder("bert")
    batch = make_objective("masked", bert).corrupt(rows, rng())
    with pytest.raises(ValueError, match="keeps no memory"):
        bert(batch, Memory((torch.zeros(4, 1, 32),) * 2, torch.zeros(4, 1, dtype=torch.long)))


@BOTH
@every_variant
@pytest.mark.parametrize("rows", [pairs, left_padded_pairs], ids=["right", "left"])
@pytest.mark.parametrize("more", [0, 1, 7])
def test_padding_changes_nothing_on_either_side_at_any_length(rows, more, backbone, name):
    encoder = make_encoder(backbone)
    objective = make_objective(name, encoder)
    examples = rows()
    sides = ((0, 0), (0, more) if rows is pairs else (more, 0))
    padded = dataclasses.replace(
        examples,
        tokens=np.pad(examples.tokens, sides, constant_values=PAD),
        segments=np.pad(examples.segments, sides),
        positions=np.pad(examples.positions, sides),
    )
    hidden = hide(padded)
    together = by_row(objective, encoder, padded, hidden)
    for row in range(4):
        alone = unpadded(padded, row)
        shown = hidden[[row]][:, padded.tokens[row] != PAD]
        torch.testing.assert_close(by_row(objective, encoder, alone, shown)[0], together[row], **CLOSE)


@BOTH
@every_variant
def test_a_packed_row_equals_its_documents_run_alone(backbone, name):
    encoder = make_encoder(backbone)
    objective = make_objective(name, encoder)
    examples = packed()
    hidden = examples.tokens > 4
    hidden[:, ::2] = False
    batch = objective.cloze(examples, hidden, hidden)
    rows, slots = np.nonzero(hidden)
    packed_answers = objective.predict(encoder, batch)[batch.targets != IGNORED]
    for row in range(len(hidden)):
        for document in range(3):
            inside = examples.documents[row] == document
            alone = take(examples, [row], inside, documents=None)
            asked = hidden[[row]][:, inside]
            if not asked.any():
                continue
            answers = objective.predict(encoder, objective.cloze(alone, asked, asked))
            here = (rows == row) & inside[slots]
            torch.testing.assert_close(answers, packed_answers[torch.from_numpy(here)], **CLOSE)


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if "token context" in case.objective or case.objective == "mpnet token"],
    ids=str,
)
def test_probes_never_influence_the_slots(case):
    encoder, objective = case.build()
    batch = objective.corrupt(case.examples, rng())
    with_probes, _ = encoder(batch)
    without, _ = encoder(without_probes(batch))
    torch.testing.assert_close(with_probes[:, : batch.num_slots], without, **CLOSE)


@every_case
def test_the_order_of_rows_in_a_batch_does_not_matter(case):
    encoder, objective = case.build()
    batch = objective.corrupt(case.examples, rng())
    order = torch.tensor([2, 0, 3, 1])
    per_row = {
        "tokens",
        "segments",
        "positions",
        "probes",
        "documents",
        "enters",
        "leaves",
        "now",
        "backward",
    }
    shuffled = dataclasses.replace(
        batch,
        **{field: None if (value := getattr(batch, field)) is None else value[order] for field in per_row},
    )
    torch.testing.assert_close(encoder(shuffled)[0], encoder(batch)[0][order], **CLOSE)


@every_variant
def test_recomputing_activations_gives_identical_losses_and_gradients_with_dropout_on(backbone):
    answers = []
    for recompute in (False, True):
        encoder = make_encoder(backbone, dropout=0.2, attention_dropout=0.2)
        encoder.recompute_activations = recompute
        answers.append(loss_and_gradients(encoder))
    for kept, recomputed in zip(*answers, strict=True):
        assert torch.equal(kept, recomputed)


@pytest.mark.parametrize("backbone", ["bert", "transformer_xl"])
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # the compiler looks
def test_compiled_blocks_drop_the_same_weights_of_attention(backbone):
    """The compiler goes around what draws from NumPy's generator; backend "eager" traces and needs no C++."""
    answers = []
    for compiled in (False, True):
        encoder = make_encoder(backbone, dropout=0.0, attention_dropout=0.2)
        encoder.use_attention("explicit")
        if compiled:
            encoder.compile_blocks(backend="eager")
        answers.append(loss_and_gradients(encoder))
    for plain, traced in zip(*answers, strict=True):
        torch.testing.assert_close(traced, plain, **CLOSE)


@every_variant
def test_dropout_acts_in_training_and_not_in_evaluation(backbone):
    encoder = make_encoder(backbone, dropout=0.3, attention_dropout=0.0)
    batch = make_objective("masked", encoder).corrupt(whole(), rng())
    assert not torch.equal(encoder(batch)[0], encoder(batch)[0])
    encoder.eval()
    assert torch.equal(encoder(batch)[0], encoder(batch)[0])
    assert encoder(batch)[0].shape == (4, LENGTH, 32)


@pytest.mark.parametrize(
    ("backbone", "places"),
    [("bert", 1 + 2 * 2), ("mpnet", 1 + 2 * 2), ("transformer_xl", 2 + 3 * 2 + 1), ("modern", 2)],
)
def test_hidden_dropout_stands_everywhere_the_paper_has_it(backbone, places):
    """BERT, MPNet: embeddings, both sublayers. XLNet: also distances, within the feed-forward network, at the end.

    ModernBERT: attention alone.
    """
    encoder = make_encoder(backbone, dropout=0.3)
    acted = []
    for module in encoder.modules():
        if isinstance(module, Dropout) and module.share == 0.3:
            module.register_forward_hook(lambda module, given, dropped: acted.append(dropped == 0))
    encoder(make_objective("masked", encoder).corrupt(whole(), rng()))
    assert len(acted) == places
    assert all(zeros.any() for zeros in acted)
