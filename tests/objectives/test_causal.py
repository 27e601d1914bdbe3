"""The causal objective: what it predicts from what, and that its likelihood is that of the chain rule."""

import dataclasses

import numpy as np
import pytest
import torch
from model_cases import (
    CLS,
    FORMATS,
    MASK,
    PAD,
    SEP,
    VOCABULARY,
    every_backbone,
    make_encoder,
    make_objective,
    packed,
    pairs,
    rng,
    stream,
    take,
    whole,
    words,
)
from scored import objective_named, scored_slots

from bothways.batch import IGNORED, Examples
from bothways.evaluate import EvaluationSettings, Subject, draw_sample, make_evaluator, measure
from bothways.evaluate.sequential import left_to_right_nats
from bothways.evaluate.windows import Documents
from bothways.model.visibility import visible

CLOSE = {"atol": 1e-12, "rtol": 0.0}


def predicted_by_loop(examples: Examples, row: int, known: int = 0) -> list[int]:
    """Return which slots of a row are predicted, in the slowest way."""
    tokens = examples.tokens[row].tolist()
    documents = [0] * len(tokens) if examples.documents is None else examples.documents[row].tolist()
    return [
        slot
        for slot in range(max(1, known), len(tokens))
        if tokens[slot] > MASK and tokens[slot - 1] != PAD and documents[slot] == documents[slot - 1]
    ]


@pytest.mark.parametrize("rows", FORMATS)
def test_every_ordinary_token_with_something_before_it_is_predicted(rows):
    examples = FORMATS[rows]()
    scored = scored_slots(objective_named("causal").corrupt(examples, rng()), ahead=1)
    for row in range(len(scored)):
        assert np.flatnonzero(scored[row]).tolist() == predicted_by_loop(examples, row)


@pytest.mark.parametrize("rows", FORMATS)
def test_a_slot_sees_itself_and_what_stands_before_it_in_its_document(rows):
    examples = FORMATS[rows]()
    sees = visible(objective_named("causal").corrupt(examples, rng())).numpy()
    documents = np.zeros_like(examples.tokens) if examples.documents is None else examples.documents
    same = documents[:, :, None] == documents[:, None, :]
    expected = np.tril(np.ones(sees.shape[1:], dtype=bool)) & same & (examples.tokens != PAD)[:, None, :]
    assert (sees == expected).all()


def test_a_prefix_sees_itself_both_ways_and_is_not_predicted():
    examples, objective = whole(rows=400), objective_named("causal prefix", prefix=0.5)
    batch = objective.corrupt(examples, rng())
    scored, sees = scored_slots(batch, ahead=1), visible(batch)
    known = (
        sees[:, 0].sum(dim=1).numpy()
    )  # the first slot sees the whole prefix, or itself where there is none
    for row in range(len(scored)):
        assert np.flatnonzero(scored[row]).tolist() == predicted_by_loop(examples, row, known[row])
        assert sees[row, : known[row], : known[row]].all()
        assert not sees[row, : known[row], known[row] :].any()
        assert torch.equal(sees[row, known[row] :], torch.ones(16, 16).tril().bool()[known[row] :])
    assert set(known) == set(range(1, 8))


def test_the_prefix_is_a_share_of_the_text_not_of_the_padding():
    for left in (False, True):
        examples = pairs(rows=4, length=32, left=left)
        tokens = examples.tokens.copy()
        tokens[0, slice(12) if left else slice(20, None)] = PAD
        objective = objective_named("causal prefix", prefix=0.5)
        examples = dataclasses.replace(examples, tokens=tokens)
        for seed in range(20):
            enters = objective.corrupt(examples, rng(seed)).enters[0].numpy()
            assert (enters == 0)[tokens[0] != PAD].sum() <= 10


def chain_rule(encoder, objective, tokens: np.ndarray) -> torch.Tensor:
    """Return log p of each token but the first, by encoding the row cut off before it and asking its last slot."""
    found = []
    for slot in range(1, len(tokens)):
        cut = np.array([tokens[:slot]])
        places = np.arange(slot, dtype=np.int32)[None]
        batch = objective.left_to_right(Examples(cut, np.zeros_like(cut), places))
        hidden, _ = encoder(batch)
        logits = objective.head(hidden[:, -1], encoder.token_embedding)
        found.append(logits.log_softmax(-1)[0, tokens[slot]])
    return torch.stack(found)


@every_backbone
def test_the_likelihood_is_the_chain_rule_over_prefixes_one_token_at_a_time(backbone):
    encoder = make_encoder(backbone)
    objective = make_objective("causal", encoder)
    tokens = words(12, seed=3)
    tokens[0] = CLS
    places = np.arange(12, dtype=np.int32)[None]
    batch = objective.left_to_right(Examples(tokens[None], np.zeros_like(tokens[None]), places))
    answers = objective.predict(encoder, batch)
    expected = chain_rule(encoder, objective, tokens)
    torch.testing.assert_close(answers.gather(1, batch.targets[:, None])[:, 0], expected, **CLOSE)
    losses, _ = objective(encoder, batch)
    torch.testing.assert_close(losses["causal"].sum, -expected.sum(), **CLOSE)


def test_all_texts_of_two_tokens_have_probability_one_together():
    encoder = make_encoder("bert")
    objective = make_objective("causal", encoder)
    every = np.arange(VOCABULARY.size)
    first, second = np.repeat(every, len(every)), np.tile(every, len(every))
    tokens = np.stack([np.full_like(first, CLS), first, second], axis=1)
    places = np.tile(np.arange(3, dtype=np.int32), (len(tokens), 1))
    batch = objective.left_to_right(Examples(tokens, np.zeros_like(tokens), places))
    hidden, _ = encoder(batch)
    chances = objective.head(hidden, encoder.token_embedding).log_softmax(-1)
    rows = np.arange(len(tokens))
    joint = chances[rows, 0, first] + chances[rows, 1, second]
    torch.testing.assert_close(joint.exp().sum(), torch.ones((), dtype=joint.dtype), **CLOSE)


def test_a_document_of_a_packed_row_is_predicted_as_if_alone():
    for backbone in ("bert", "transformer_xl"):
        encoder = make_encoder(backbone)
        objective = make_objective("causal", encoder)
        examples = packed()
        batch = objective.left_to_right(examples)
        together = torch.full(examples.tokens.shape, torch.nan, dtype=torch.float64)
        answers = objective.predict(encoder, batch).gather(1, batch.targets[:, None])[:, 0]
        together.view(-1)[batch.scored] = answers
        for row in range(len(examples.tokens)):
            for document in range(3):
                inside = examples.documents[row] == document
                alone = objective.left_to_right(take(examples, [row], inside, documents=None))
                answers = objective.predict(encoder, alone).gather(1, alone.targets[:, None])[:, 0]
                mine = together[row][torch.from_numpy(inside)][alone.scored]
                torch.testing.assert_close(mine, answers, **CLOSE)


def test_rows_of_a_stream_continue_each_other_through_memory():
    """In one layer memory is exact: the second row's states are those of both rows read at once."""
    encoder = make_encoder("transformer_xl", layers=1, memory=8)
    objective = make_objective("causal", encoder)
    text = words(16, rows=2)

    def rows(slots: slice, carry: int) -> Examples:
        tokens = text[:, slots]
        places = np.tile(np.arange(16, dtype=np.int32)[slots], (2, 1))
        return Examples(tokens, np.zeros_like(tokens), places, carry=carry)

    _, memory = encoder(objective.left_to_right(rows(slice(0, 8), 8)))
    second, _ = encoder(objective.left_to_right(rows(slice(8, 16), 0)), memory)
    both, _ = encoder(objective.left_to_right(rows(slice(0, 16), 0)))
    torch.testing.assert_close(second, both[:, 8:], **CLOSE)


def test_every_token_of_a_stream_is_predicted_but_the_first():
    predicted = set()
    for step in range(4):
        row = stream(step, columns=1)
        scored = scored_slots(objective_named("causal").corrupt(row.examples, rng()), ahead=1)
        predicted |= set(row.offsets[0][scored[0]])
    assert set(range(1, 4 * 8)) <= predicted


@pytest.mark.parametrize(("backbone", "layout"), [("bert", "cls_first"), ("transformer_xl", "cls_last")])
def test_held_out_text_is_scored_from_left_to_right_and_what_is_not_defined_has_no_number(backbone, layout):
    encoder = make_encoder(backbone, **({"memory": 20} if backbone == "transformer_xl" else {}))
    subject = Subject(encoder, make_objective("causal", encoder), VOCABULARY, layout)
    text = Documents([words(40, seed) for seed in range(6)])
    settings = EvaluationSettings(tokens=10, spans=5, left_to_right_tokens=60, window=14, rows=8)
    sample = draw_sample(text, VOCABULARY, subject.limit(14), settings)
    found = {item.key: item.model for item in measure(subject, sample, settings)}
    defined = {"left_to_right_nats"} | ({"left_to_right_memory_nats"} if subject.remembers else set())
    assert {key for key, value in found.items() if value is not None} == defined
    windows = [window for run in sample.runs for window in run]
    # CLS stands for the begin of text; in rows that end with it nothing does.
    unasked = 0 if layout == "cls_first" else len(windows)
    assert found["left_to_right_nats"].count == sum(map(len, windows)) - unasked
    evaluator = make_evaluator(text, VOCABULARY, layout, settings)
    assert set(evaluator(encoder, subject.objective)) == {"left_to_right_nats"}


def test_left_to_right_nats_are_those_of_the_chain_rule():
    encoder = make_encoder("bert")
    objective = make_objective("causal", encoder)
    windows = [words(10, seed) for seed in range(3)]
    subject = Subject(encoder, objective, VOCABULARY, "cls_first")
    scored = left_to_right_nats(subject, [[window] for window in windows], remember=False, rows=2)
    sums = np.bincount(scored.windows, weights=scored.nats)
    for window, nats in zip(windows, sums, strict=True):
        with torch.no_grad():
            expected = -chain_rule(encoder, objective, np.array([CLS, *window], dtype=np.int32)).sum()
        assert nats == pytest.approx(float(expected), rel=1e-5)


def test_special_tokens_are_never_targets():
    for examples in (pairs(), pairs(left=True), packed(), stream().examples):
        batch = objective_named("causal").corrupt(examples, rng())
        assert not set(batch.targets[batch.targets != IGNORED].tolist()) & {PAD, CLS, SEP, MASK}
