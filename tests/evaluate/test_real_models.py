"""The measures on two-layer models with random weights, against what their definitions say."""

import numpy as np
import pytest
import torch
from small_models import bert, xlnet
from toy_language import VOCABULARY, toy_windows

from bothways.evaluate.asking import Question, answers, surround
from bothways.evaluate.heldout import draw_sample, make_evaluator, measure
from bothways.evaluate.joint import joint_nats
from bothways.evaluate.sequential import left_to_right_nats
from bothways.evaluate.settings import EvaluationSettings
from bothways.evaluate.windows import Documents, select_spans

SETTINGS = EvaluationSettings(tokens=30, spans=8, left_to_right_tokens=100, window=14, rows=16)


def documents(count=8, longest=60):
    rng = np.random.default_rng(0)
    return Documents([rng.choice([5, 6, 7], rng.integers(5, longest)).astype(np.int32) for _ in range(count)])


BOTH = pytest.mark.parametrize(
    "subject", [bert(), xlnet(), xlnet(layout="cls_first")], ids=["bert", "xlnet", "xlnet-cls-first"]
)


@BOTH
def test_an_answer_does_not_depend_on_hidden_tokens_or_on_longer_rows_beside_it(subject):
    rng = np.random.default_rng(0)
    text, long = rng.choice([5, 6, 7], 7), rng.choice([5, 6, 7], 12)
    other = text.copy()
    other[[2, 3]] = [5, 7] if text[2] != 5 else [6, 7]
    questions = [Question(text, (2, 3), (3,)), Question(other, (2, 3), (3,)), Question(long, (1,), (1,))]
    together = {number: scores for number, scores, _ in answers(subject, questions, rows=8)}
    ((_, alone, _),) = answers(subject, questions[:1], rows=8)
    torch.testing.assert_close(together[0], together[1], rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(together[0], alone, rtol=1e-5, atol=1e-5)


@BOTH
def test_an_answer_depends_on_what_is_revealed(subject):
    text = np.array([5, 6, 5, 6, 7, 5])
    (_, hidden, _), (_, revealed, _) = answers(
        subject, [Question(text, (1, 2), (2,)), Question(text, (2,), (2,))], 8
    )
    assert (hidden - revealed).abs().max() > 1e-3


@BOTH
def test_sharing_rows_between_orders_changes_no_number(subject):
    windows = draw_sample(documents(), VOCABULARY, 12, SETTINGS).windows
    spans = select_spans(windows, VOCABULARY, 5, seed=0)
    joint = joint_nats(subject, windows, spans, orders=3, seed=0, rows=16)
    for span, nats in zip(spans, joint.chain, strict=True):
        total = 0.0
        for step, position in enumerate(span.positions):
            question = Question(windows[span.window], span.positions[step:], (position,))
            ((_, scores, truth),) = answers(subject, [question], rows=1)
            total -= float(scores[0, truth[0]])
        assert nats == pytest.approx(total, rel=1e-4)


def test_every_measure_of_each_objective_is_there_and_finite():
    expected = {
        "bert": {"leave_one_out", "independent_span", "chain_span"},
        "xlnet": {
            "leave_one_out",
            "independent_span",
            "chain_span",
            "orders_span",
            "left_to_right",
            "left_to_right_memory",
        },
    }
    for name, subject in (("bert", bert()), ("xlnet", xlnet())):
        sample = draw_sample(documents(), VOCABULARY, subject.limit(SETTINGS.window), SETTINGS)
        found = {item.key: item.model for item in measure(subject, sample, SETTINGS)}
        defined = {
            key.replace("_nats", "").replace("_per_token", "") for key, value in found.items() if value
        }
        assert defined == expected[name]
        assert all(0 < value.mean < 100 for value in found.values() if value)


def test_untrained_models_are_scored_on_the_same_tokens():
    samples = [
        draw_sample(documents(), VOCABULARY, subject.limit(14), SETTINGS) for subject in (bert(), xlnet())
    ]
    np.testing.assert_array_equal(samples[0].tokens, samples[1].tokens)
    assert samples[0].spans == samples[1].spans


def test_memory_reaches_the_next_window_of_its_own_document_only():
    subject = xlnet()
    runs = [
        [np.array([5, 6, 7, 5]), np.array([6, 5, 7, 6]), np.array([7, 5])],
        [np.array([5, 5, 6, 7]), np.array([7, 6])],
    ]
    changed = [[np.array([6, 6, 7, 7]), *runs[0][1:]], runs[1]]

    def nats(given, remember):
        scored = left_to_right_nats(subject, given, remember=remember, rows=4)
        return [scored.nats[scored.windows == window] for window in range(5)]

    for remember in (False, True):
        before, after = nats(runs, remember), nats(changed, remember)
        assert [len(window) for window in before] == [4, 4, 2, 4, 2]
        moved = [not np.allclose(*pair, atol=1e-6) for pair in zip(before, after, strict=True)]
        assert moved == [True, remember, remember, False, False]


def test_runs_read_side_by_side_cost_what_they_cost_alone():
    subject = xlnet(memory=6)
    runs = draw_sample(documents(), VOCABULARY, 12, SETTINGS).runs
    together = left_to_right_nats(subject, runs, remember=True, rows=16)
    alone = left_to_right_nats(subject, runs, remember=True, rows=1)
    for window in np.unique(together.windows):
        first, second = together.nats[together.windows == window], alone.nats[alone.windows == window]
        np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-5)


def test_no_token_sees_itself_or_a_later_one_from_left_to_right():
    subject = xlnet()
    text = np.array([5, 6, 7, 5, 6, 7, 5, 6])
    changed = text.copy()
    changed[5:] = [5, 7, 7]

    def log_probabilities(tokens):
        batch = subject.objective.left_to_right(surround([tokens], VOCABULARY, "cls_last"))
        subject.encoder.eval()
        return subject.objective.predict(subject.encoder, batch).detach()

    torch.testing.assert_close(log_probabilities(text)[:6], log_probabilities(changed)[:6], rtol=0, atol=1e-6)


@BOTH
def test_evaluating_during_training_changes_neither_gradients_nor_random_numbers(subject):
    def gradients(evaluate):
        torch.manual_seed(1)
        subject.encoder.train().zero_grad()
        subject.objective.train().zero_grad()
        if evaluate:
            evaluator(subject.encoder, subject.objective)
        examples = surround(documents().tokens[0][None, :10], VOCABULARY, subject.layout)
        batch = subject.objective.corrupt(examples, np.random.default_rng(0))
        losses, _ = subject.objective(subject.encoder, batch)
        sum(loss.sum for loss in losses.values()).backward()
        return [
            parameter.grad.clone() for parameter in subject.encoder.parameters() if parameter.grad is not None
        ]

    evaluator = make_evaluator(documents(), VOCABULARY, subject.layout, SETTINGS)
    for first, second in zip(gradients(False), gradients(True), strict=True):
        torch.testing.assert_close(first, second, rtol=0, atol=0)


@pytest.mark.parametrize("remember", [False, True], ids=["alone", "with memory"])
def test_without_first_tokens_all_models_are_scored_on_the_same_ones(remember):
    windows = toy_windows(6)
    runs = [windows[:3], windows[3:]]
    scored = {
        layout: left_to_right_nats(xlnet(layout=layout), runs, remember=remember, rows=4, first=False)
        for layout in ("cls_first", "cls_last")
    }
    for one in scored.values():
        np.testing.assert_array_equal(
            one.tokens[np.argsort(one.windows, kind="stable")],
            np.concatenate([window[1:] for window in windows]),
        )
        np.testing.assert_array_equal(np.bincount(one.windows), [len(window) - 1 for window in windows])
    whole = left_to_right_nats(xlnet(layout="cls_first"), runs, remember=remember, rows=4)
    assert np.isin(scored["cls_first"].nats, whole.nats).all()
