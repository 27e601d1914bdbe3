"""Asking a trained model: clozes, leave one out, left to right."""

import dataclasses

import numpy as np
import pytest
import torch
from model_cases import (
    BACKBONE_CASES,
    CASES,
    CLS,
    MASK,
    PAD,
    SEP,
    VOCABULARY,
    every_variant,
    goes_with,
    make_encoder,
    make_objective,
    pairs,
    rng,
    take,
    whole,
    words,
)
from scored import objective_named, scored_slots

from bothways.batch import IGNORED, NEVER, Examples
from bothways.objectives import OBJECTIVES
from bothways.objectives.layout import draw_ranks


def answering(*measures: str) -> pytest.MarkDecorator:
    """Return the parameters of all that answer these measures, on every backbone that they go with."""
    return pytest.mark.parametrize(
        ("name", "backbone"),
        [
            (name, backbone)
            for name, (_, objective) in OBJECTIVES.items()
            if objective.answers.issuperset(measures)
            for backbone in BACKBONE_CASES
            if goes_with(name, backbone)
        ],
    )


def ask(examples: Examples, seed: int = 0, shown: float = 0.6) -> tuple[np.ndarray, np.ndarray]:
    """Hide some ordinary slots of every row, and ask for some of those."""
    draw = rng(seed)
    hidden = (examples.tokens > MASK) & (draw.random(examples.tokens.shape) > shown)
    return hidden, hidden & (draw.random(hidden.shape) < 0.6)


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if "leave one out" in OBJECTIVES[case.cell[0]][1].answers],
    ids=str,
)
def test_a_cloze_asks_exactly_the_asked_slots_in_row_major_order(case):
    encoder, objective = case.build()
    examples = case.examples
    hidden, asked = ask(examples)
    batch = objective.cloze(examples, hidden, asked)
    assert (scored_slots(batch) == asked).all()
    assert batch.targets[batch.targets != IGNORED].tolist() == examples.tokens[asked].tolist()
    answers = objective.predict(encoder, batch)[batch.targets != IGNORED]
    assert answers.shape == (asked.sum(), VOCABULARY.size)
    torch.testing.assert_close(answers.exp().sum(-1), torch.ones(len(answers), dtype=answers.dtype))


@answering("leave one out")
def test_what_stands_at_hidden_slots_does_not_matter_and_what_is_shown_does(backbone, name):
    encoder = make_encoder(backbone)
    objective = make_objective(name, encoder)
    examples = whole()
    hidden, asked = ask(examples)
    answers = objective.predict(encoder, objective.cloze(examples, hidden, asked))
    kept = objective.cloze(examples, hidden, asked).targets != IGNORED
    for where, changes in ((hidden, False), (~hidden & (examples.tokens > MASK), True)):
        tokens = np.where(where, MASK + 1 + (examples.tokens - MASK) % 50, examples.tokens)
        batch = objective.cloze(dataclasses.replace(examples, tokens=tokens), hidden, asked)
        assert torch.equal(objective.predict(encoder, batch)[kept], answers[kept]) != changes


@answering("leave one out")
def test_leave_one_out_does_not_depend_on_the_token_that_is_left_out(backbone, name):
    encoder = make_encoder(backbone)
    objective = make_objective(name, encoder)
    slot = 5
    examples = take(whole(rows=1), [0] * 8, slice(None))
    examples.tokens[:, slot] = np.arange(10, 18)
    hidden = np.zeros_like(examples.tokens, dtype=bool)
    hidden[:, slot] = True
    answers = objective.predict(encoder, objective.cloze(examples, hidden, hidden))
    assert len(answers) == 8
    torch.testing.assert_close(answers, answers[:1].expand_as(answers), atol=1e-13, rtol=0.0)


def left_to_right_answers(encoder, objective, examples: Examples) -> torch.Tensor:
    batch = objective.left_to_right(examples)
    assert (scored_slots(batch) == (examples.tokens > MASK)).all()
    return objective.predict(encoder, batch)


@answering("leave one out", "left to right")
def test_left_to_right_equals_a_chain_of_clozes_where_context_is_not_encoded_twice(backbone, name):
    """In one layer. Beyond it a cloze lets the known slots see each other, and left to right they may not."""
    encoder = make_encoder(backbone, layers=1)
    objective = make_objective(name, encoder)
    examples = whole(rows=2)
    answers = left_to_right_answers(encoder, objective, examples).unflatten(0, (2, -1))
    slots = np.flatnonzero(examples.tokens[0] > MASK)
    for number, slot in enumerate(slots):
        hidden = (examples.tokens > MASK) & (np.arange(16) >= slot)
        asked = hidden & (np.arange(16) == slot)
        chained = objective.predict(encoder, objective.cloze(examples, hidden, asked))
        torch.testing.assert_close(chained, answers[:, number], atol=1e-12, rtol=0.0)


@answering("orders")
def test_an_order_equals_a_chain_of_clozes_where_context_is_not_encoded_twice(backbone, name):
    """In one layer, as for left to right."""
    encoder = make_encoder(backbone, layers=1)
    objective = make_objective(name, encoder)
    examples = whole(rows=3)
    ranks = draw_ranks(examples.tokens > MASK, rng())
    batch = objective.in_order(examples, ranks)
    assert (scored_slots(batch) == (ranks > 0)).all()
    answers = objective.predict(encoder, batch).unflatten(0, (3, -1))
    slots = np.flatnonzero(ranks[0])  # every row asks for the same slots
    for rank in range(1, len(slots) + 1):
        asked = ranks == rank
        chained = objective.predict(encoder, objective.cloze(examples, ranks >= rank, asked))
        in_pass = answers[torch.arange(3), np.searchsorted(slots, np.nonzero(asked)[1])]
        torch.testing.assert_close(chained, in_pass, atol=1e-12, rtol=0.0)


@answering("orders")
def test_in_one_pass_every_token_of_an_order_is_answered_as_if_it_were_asked_alone(backbone, name):
    """Each question: what is later in the order is replaced, and has no order of its own."""
    encoder = make_encoder(backbone)
    objective = make_objective(name, encoder)
    examples = whole(rows=1)
    ranks = draw_ranks(examples.tokens > MASK, rng(1))
    answers = objective.predict(encoder, objective.in_order(examples, ranks))
    for number, slot in enumerate(np.flatnonzero(ranks)):
        rank = ranks[0, slot]
        tokens = np.where(ranks >= rank, MASK + 1 + (examples.tokens - MASK) % 50, examples.tokens)
        question = objective.in_order(dataclasses.replace(examples, tokens=tokens), np.minimum(ranks, rank))
        alone = objective.predict(encoder, question)[number]
        torch.testing.assert_close(alone, answers[number], atol=1e-12, rtol=0.0)
        changed = np.where(ranks < rank, tokens[:, ::-1], examples.tokens)
        other = objective.in_order(dataclasses.replace(examples, tokens=changed), ranks)
        assert (objective.predict(encoder, other)[number] - answers[number]).abs().max() > 1e-6


@every_variant
def test_left_to_right_each_answer_is_that_of_the_row_cut_off_before_the_next_token(backbone):
    encoder = make_encoder(backbone)
    objective = make_objective("permutation", encoder)
    examples = dataclasses.replace(whole(rows=2), tokens=words(16, rows=2))
    answers = left_to_right_answers(encoder, objective, examples).unflatten(0, (2, -1))
    for slot in range(16):
        cut = take(examples, slice(None), slice(slot + 1))
        last = left_to_right_answers(encoder, objective, cut).unflatten(0, (2, -1))[:, -1]
        torch.testing.assert_close(last, answers[:, slot], atol=1e-12, rtol=0.0)


def test_left_to_right_special_tokens_are_known_and_padding_is_not_seen():
    examples = pairs()
    objective = objective_named("permutation span context")
    batch = objective.left_to_right(examples)
    assert (batch.enters.numpy()[np.isin(examples.tokens, [CLS, SEP])] == 0).all()
    assert (batch.enters.numpy()[examples.tokens == PAD] == NEVER).all()
