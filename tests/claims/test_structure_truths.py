"""The exact references of the claims about structure, against brute force and against models that know the truth."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
import torch
from model_cases import one_thread as one_thread

from bothways.batch import IGNORED
from bothways.claims import (
    all_contexts,
    distance,
    heads,
    memory,
    order_independent_memory,
    position_blind,
    positions_needed,
    reach,
    recall,
    relative_positions,
    three_embeddings,
    two_streams,
)
from bothways.claims.trial import CLS, FIRST, MASK, begin, shape, symbols
from bothways.objectives.causal import CausalSettings
from bothways.objectives.masked import MaskedSettings
from bothways.objectives.permutation import PermutationSettings


def rng(seed=0):
    return np.random.default_rng(seed)


def a_trial(objective, **changes):
    return begin(shape("bert", max_positions=64, **changes), objective, symbols(40), seed=0)


def test_permutation_contexts_are_those_of_all_orders_written_out():
    places = range(1, all_contexts.LENGTH + 1)
    orders = list(itertools.permutations(places))
    every = {(order[k], frozenset(order[:k])) for order in orders for k in range(len(order))}
    half = {(order[k], frozenset(order[:k])) for order in orders for k in (2, 3)}
    assert all_contexts.allowed_contexts("permutation") == every
    assert all_contexts.allowed_contexts("permutation, last half") == half
    assert len(every) == all_contexts.EVERY


@pytest.mark.parametrize("name", all_contexts.OBJECTIVES)
def test_drawn_batches_train_on_exactly_the_contexts_that_an_objective_allows(name):
    objective = all_contexts._objective(all_contexts.OBJECTIVES[name])
    rows = all_contexts.as_rows(np.tile(all_contexts.ROW, (1000, 1)))
    assert all_contexts.trained_contexts(objective.corrupt(rows, rng())) == all_contexts.allowed_contexts(
        name
    )


def test_the_mask_of_another_order_is_not_that_of_the_example(monkeypatch):
    objective = all_contexts._objective(PermutationSettings(one_in=1, select="token"))
    assert all_contexts.wrong_cells(objective) == 0
    monkeypatch.setattr(all_contexts, "NAMED", {2: 1, 4: 2, 3: 4, 1: 3})
    assert all_contexts.wrong_cells(objective) > 0


@pytest.mark.parametrize("knows_place", [True, False])
def test_the_bounds_of_blind_positions_are_those_of_counted_rows(knows_place):
    rows = position_blind.rows(rng(), 50_000) - FIRST
    places = np.arange(position_blind.SHOWN, position_blind.LENGTH)
    shifts = (rows - rows[:, :1]) % position_blind.ALPHABET
    pairs = Counter(
        (int(place) if knows_place else 0, int(shift)) for place in places for shift in shifts[:, place]
    )
    total = sum(pairs.values())
    by_place = Counter()
    for (place, _), count in pairs.items():
        by_place[place] += count
    nats = -sum(count / total * math.log(count / by_place[place]) for (place, _), count in pairs.items())
    assert position_blind.bound(knows_place=knows_place) == pytest.approx(nats, abs=1e-2)


def test_a_blind_probe_predicts_the_same_for_every_place():
    trial = begin(
        shape("transformer_xl", heads=4), PermutationSettings(), symbols(position_blind.ALPHABET), 0
    )
    found = {}
    for knows_place in (False, True):
        batch = position_blind.ask(trial, rng(), 64, knows_place=knows_place)
        scores = trial.objective.predict(trial.encoder, batch).detach()
        bases = batch.tokens[:, 0]
        found[knows_place] = max(
            float((scores[bases == base] - scores[bases == base][:1]).abs().max()) for base in bases
        )
    assert found[False] < 1e-5
    assert found[True] > 1e-2


def test_facts_are_the_last_ones_and_stand_where_it_is_said():
    tokens, answers, distances = recall.facts(rng(), 50)
    for row in range(50):
        last, place = IGNORED, None
        for slot, token in enumerate(tokens[row]):
            if token != recall.FILLER:
                last, place = token, slot
            assert answers[row, slot] == last
            if place is not None:
                assert distances[row, slot] == slot - place
    gaps = np.concatenate([np.diff(np.flatnonzero(row != recall.FILLER)) for row in tokens])
    assert gaps.min() == 1
    assert gaps.max() <= recall.FURTHEST + 1


@pytest.mark.parametrize("look", memory.LOOKS.values())
def test_the_price_of_a_fact_is_that_of_an_oracle_with_such_a_reach(look):
    for distance_ in (1, 7, 8, 12, 16, 23, 24):
        costs = [
            0.0 if slot - distance_ >= -look.reach else math.log(recall.FACTS)
            for slot in range(recall.SEGMENT)
        ]
        assert recall.bound(look, distance_) == pytest.approx(np.mean(costs))


@pytest.mark.parametrize(("layers", "states"), [(1, 8), (2, 8), (1, 16), (3, 8)])
def test_reach_is_layers_times_memory_and_the_segment_itself(layers, states):
    assert reach.random_reach(recall.Looks(layers, states)) == min(layers * states + 7, 39)


def test_two_candidates_cost_what_an_even_bet_between_them_costs():
    draw = rng().integers(0, relative_positions.SYMBOLS, (2, 400_000))
    even = np.where(draw[0] == draw[1], 0.0, math.log(2)).mean()
    assert pytest.approx(even, abs=2e-3) == relative_positions.COIN


@pytest.mark.parametrize(
    ("name", "are_alike"), [(relative_positions.MODELS[1], True), (relative_positions.MODELS[2], False)]
)
def test_only_absolute_positions_mistake_a_remembered_place_for_the_segments_own(name, are_alike):
    trial = relative_positions.build(name, seed=0)
    place = 2
    before, after = (
        relative_positions.texts(rng(), 8)[0][:, : 2 * recall.SEGMENT].reshape(8, 2, -1).swapaxes(0, 1)
    )
    exchanged = before.copy(), after.copy()
    exchanged[0][:, place], exchanged[1][:, place] = after[:, place], before[:, place]
    ends = []
    for pair in ((before, after), exchanged):
        first, second = relative_positions.in_segments(
            trial.objective, np.concatenate(pair, axis=1), np.zeros((8, 16))
        )
        _, kept = trial.encoder(first)
        ends.append(trial.encoder(second, kept)[0][:, -1])
    assert torch.allclose(*ends, atol=1e-5) is are_alike


@pytest.mark.parametrize("kind", ["bert", "transformer_xl", "modern"])
def test_without_positions_every_encoder_commutes_with_permutations(kind):
    encoder = begin(shape(kind, layers=2), MaskedSettings(), symbols(12), 0).encoder
    with_them, without = positions_needed.order_gaps(encoder, np.arange(FIRST, FIRST + 12))
    assert without < 1e-12
    assert with_them > 1e-3


def test_every_question_has_the_answer_that_its_row_holds():
    trial = a_trial(MaskedSettings())
    batch = three_embeddings.questions(trial, rng(), 30)
    for row in range(30):
        tokens, segments = batch.tokens[row].tolist(), batch.segments[row].tolist()
        assert tokens[0] == CLS
        assert tokens[-1] == MASK
        assert batch.targets[row] == tokens[segments.index(1)]
    batch = heads.questions(trial, rng(), 3)
    rows, answers = batch.tokens - FIRST, batch.targets.view(3, -1)
    for row, slot in itertools.product(range(3), range(heads.FAR, heads.LENGTH)):
        pair = rows[row, slot - heads.NEAR] * heads.SYMBOLS + rows[row, slot - heads.FAR]
        assert answers[row, slot] == heads.PAIRS + pair
    batch = positions_needed.questions(trial, rng(), 3)
    assert torch.equal(batch.targets.view(3, -1)[:, 1:], batch.tokens[:, :-1])
    causal = a_trial(CausalSettings())
    copied = distance.questions(causal, "copy", 5, rng(), 4)
    assert torch.equal(copied.targets.view(4, -1)[:, -1], copied.tokens[:, 0])
    agreed = distance.questions(causal, "agreement", 5, rng(), 4)
    assert torch.equal(
        agreed.targets.view(4, -1)[:, -1] - distance.NUMBERS, (agreed.tokens[:, 0] - FIRST) % 2
    )
    assert (agreed.targets.view(4, -1)[:, :-1] == IGNORED).all()


def test_what_can_be_guessed_without_an_embedding_is_what_the_best_guess_gets():
    trial = a_trial(MaskedSettings())
    batch = three_embeddings.questions(trial, rng(), 20_000)
    first = batch.segments.argmax(dim=1)
    is_right = {
        "no segments": first == three_embeddings.BOUNDARIES[0] + 1,
        "no tokens": batch.targets == FIRST,
    }
    for name, right in is_right.items():
        assert float(right.double().mean()) == pytest.approx(three_embeddings.ABLATIONS[name][1], abs=0.01)
    sizes = three_embeddings.LENGTH - 1 - first
    assert float((1 / sizes).mean()) == pytest.approx(three_embeddings.ABLATIONS["no positions"][1], abs=0.01)


def test_a_text_longer_than_the_positions_is_refused_with_a_sentence():
    assert three_embeddings.refuses_longer(positions=16)


def test_a_content_stream_in_place_of_the_query_stream_leaks():
    trial = begin(shape("transformer_xl", layers=2), PermutationSettings(), symbols(6), 0)
    trial.encoder.double()
    trial.objective.double()
    tokens = np.arange(FIRST, FIRST + two_streams.LENGTH)
    query, content = two_streams.two_streams(trial.encoder, trial.objective, tokens)
    assert query.leaks == content.leaks == query.silent == content.silent == 0
    assert two_streams.Flow(content.strength, query.may).leaks == two_streams.LENGTH
    assert two_streams.Flow(query.strength, content.may).silent == two_streams.LENGTH


def test_a_memory_of_another_text_does_change_scores():
    trial = order_independent_memory._build(seed=0)
    rows = order_independent_memory.repeated(rng(), 4)
    same = order_independent_memory.compare(trial, rows, rows, rng(1))
    assert same.moved == 0
    assert same.embeddings == 0
    assert same.states > 0
    assert same.nats != same.other
