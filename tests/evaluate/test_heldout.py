import numpy as np
import pytest
import torch
from toy_language import LENGTH, VOCABULARY, ToyObjective, toy_subject, toy_windows

from bothways.errors import UsageError
from bothways.evaluate.asking import Question, answers
from bothways.evaluate.heldout import draw_sample, make_evaluator, measure
from bothways.evaluate.joint import joint_nats
from bothways.evaluate.sequential import left_to_right_nats
from bothways.evaluate.settings import EvaluationSettings
from bothways.evaluate.unigram import unigram_nats
from bothways.evaluate.windows import Documents, Span

SETTINGS = EvaluationSettings(
    tokens=40, spans=20, left_to_right_tokens=60, window=LENGTH + 2, rows=7, while_training_tokens=25
)


def toy_documents(count=12):
    """Documents of one window each: every one begins with a word and is exactly as long as the table."""
    return Documents(toy_windows(count))


def numbers(subject, unigram=None, documents=None):
    sample = draw_sample(documents or toy_documents(), VOCABULARY, LENGTH, SETTINGS)
    return {item.key: item for item in measure(subject, sample, SETTINGS, unigram)}, sample


@pytest.mark.parametrize("layout", ["cls_first", "cls_last"])
def test_leave_one_out_is_each_token_given_all_others(layout):
    subject = toy_subject(layout)
    found, sample = numbers(subject)
    expected = [
        subject.objective.marginal(sample.windows[window], [position], position)
        for window, position in sample.tokens
    ]
    assert found["leave_one_out_nats"].model.mean == pytest.approx(np.mean(expected), rel=1e-5)
    assert found["leave_one_out_nats"].model.count == 40


def test_the_environment_caps_what_is_asked(monkeypatch):
    whole = numbers(toy_subject())[1]
    monkeypatch.setenv("BOTHWAYS_MAX_QUESTIONS", "6")
    found, sample = numbers(toy_subject())
    assert len(sample.tokens) == len(sample.spans) == found["leave_one_out_nats"].model.count == 6
    assert len(sample.runs) < len(whole.runs)
    monkeypatch.setenv("BOTHWAYS_MAX_QUESTIONS", "few")
    with pytest.raises(UsageError, match="BOTHWAYS_MAX_QUESTIONS is 'few'; give a whole number of questions"):
        numbers(toy_subject())


@pytest.mark.parametrize("positions", [(0, 1), (2, 3, 4), (1, 2, 3, 4)])
def test_a_chain_pays_the_joint_probability_in_every_order_and_independence_the_marginals(positions):
    subject = toy_subject()
    windows = toy_windows(5)
    spans = [Span(index, positions) for index in range(5)]
    joint = joint_nats(subject, windows, spans, orders=6, seed=0, rows=8)
    true = [subject.objective.joint(window, positions) for window in windows]
    alone = [
        sum(subject.objective.marginal(window, positions, asked) for asked in positions) for window in windows
    ]
    np.testing.assert_allclose(joint.chain, true, rtol=1e-4)
    np.testing.assert_allclose(joint.orders, true, rtol=1e-4)
    np.testing.assert_allclose(joint.independent, alone, rtol=1e-4)
    assert np.abs(joint.independent - joint.chain).max() > 0.1


def test_all_orders_share_their_rows():
    subject = toy_subject()
    joint_nats(subject, toy_windows(1), [Span(0, (1, 2))], orders=50, seed=0, rows=8)
    assert subject.objective.rows_asked == 3


def test_an_objective_without_orders_has_no_mean_over_orders():
    subject = toy_subject(objective=ToyObjective(["leave one out", "joint spans"]))
    found, _ = numbers(subject)
    assert found["orders_span_nats"].model is None
    assert found["left_to_right_nats"].model is None
    assert found["chain_span_nats"].model is not None


def test_nats_per_span_and_per_token_are_the_same_sum():
    found, sample = numbers(toy_subject())
    tokens = sum(len(span.positions) for span in sample.spans)
    per_span, per_token = found["chain_span_nats"].model, found["chain_span_nats_per_token"].model
    assert (per_span.count, per_token.count) == (20, tokens)
    assert per_span.mean * 20 == pytest.approx(per_token.mean * tokens)


def test_a_measure_is_made_of_what_its_windows_cost():
    found, _ = numbers(toy_subject())
    for item in found.values():
        if item.model is None:
            assert item.by_window == ()
            continue
        windows, nats, counts = zip(*item.by_window, strict=True)
        assert list(windows) == sorted(set(windows))
        assert sum(nats) / sum(counts) == pytest.approx(item.model.mean)
        assert (sum(counts), len(windows)) == (item.model.count, item.model.windows)


def test_left_to_right_sums_to_the_probability_of_the_whole_text():
    subject = toy_subject()
    windows = toy_windows(9)
    scored = left_to_right_nats(subject, [[window] for window in windows], remember=False, rows=4)
    sums = np.bincount(scored.windows, weights=scored.nats)
    expected = [-np.log(subject.objective.table[tuple(window - 5)]) for window in windows]
    np.testing.assert_allclose(sums, expected, rtol=1e-4)


def test_the_layout_changes_neither_what_is_scored_nor_the_exact_numbers():
    first, _ = numbers(toy_subject("cls_first"))
    last, _ = numbers(toy_subject("cls_last"))
    assert first == last


def test_what_stands_at_hidden_positions_does_not_matter():
    subject = toy_subject()
    text = toy_windows(1)[0]
    other = text.copy()
    other[[2, 3]] = [6, 5]
    asked = [Question(row, (2, 3), (3,)) for row in (text, other)]
    (_, first, _), (_, second, _) = answers(subject, asked, rows=2)
    torch.testing.assert_close(first, second, rtol=0, atol=0)


def test_batches_of_any_size_give_the_same_answers_in_the_order_asked():
    subject = toy_subject()
    windows = toy_windows(6)
    texts = [window[: LENGTH - index % 3] for index, window in enumerate(windows)]
    asked = [Question(text, (1, 2), (1, 2)) for text in texts]

    def ask(rows):
        return {number: (rows_.numpy(), targets) for number, rows_, targets in answers(subject, asked, rows)}

    alone, together = ask(1), ask(64)
    assert sorted(alone) == sorted(together) == list(range(6))
    for number in range(6):
        np.testing.assert_array_equal(alone[number][0], together[number][0])
        np.testing.assert_array_equal(together[number][1], texts[number][[1, 2]])


def test_the_unigram_is_add_one_over_ordinary_tokens_and_scored_on_the_same_tokens():
    train = Documents([np.array([5, 5, 5, 6]), np.array([6, 5])])
    nats = unigram_nats(train, VOCABULARY)
    np.testing.assert_allclose(np.exp(-nats[[5, 6, 7]]), [5 / 9, 3 / 9, 1 / 9])
    assert np.isinf(nats[:5]).all()
    found, sample = numbers(toy_subject(), nats)
    truth = [sample.windows[window][position] for window, position in sample.tokens]
    assert found["leave_one_out_nats"].unigram.mean == pytest.approx(nats[truth].mean())
    spans = [nats[sample.span_tokens(span)].sum() for span in sample.spans]
    assert found["chain_span_nats"].unigram.mean == pytest.approx(np.mean(spans))


def test_the_baseline_is_there_where_the_model_has_no_answer():
    objective = ToyObjective(["left to right"])
    nats = unigram_nats(toy_documents(), VOCABULARY)
    causal, _ = numbers(toy_subject(objective=objective), nats)
    full, _ = numbers(toy_subject(), nats)
    assert causal["leave_one_out_nats"].model is None
    assert causal["chain_span_nats"].model is None
    for key in ("leave_one_out_nats", "chain_span_nats", "left_to_right_nats"):
        assert causal[key].unigram == full[key].unigram


def test_asking_leaves_modes_and_random_numbers_alone():
    subject = toy_subject()
    subject.encoder.train()
    subject.objective.eval()
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()
    numbers(subject)
    assert subject.encoder.training
    assert not subject.objective.training
    assert subject.objective.modes == {(False, False)}
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1] == np.random.get_state()[1].tolist()


def test_the_evaluator_of_training_gives_the_same_number_each_time():
    subject = toy_subject()
    evaluator = make_evaluator(toy_documents(), VOCABULARY, "cls_first", SETTINGS)
    first = evaluator(subject.encoder, subject.objective)
    assert subject.objective.rows_asked == 25
    assert set(first) == {"leave_one_out_nats"}
    assert first == evaluator(subject.encoder, subject.objective)


def test_the_evaluator_asks_a_causal_objective_from_left_to_right():
    subject = toy_subject(objective=ToyObjective(["left to right"]))
    evaluator = make_evaluator(toy_documents(), VOCABULARY, "cls_first", SETTINGS)
    assert set(evaluator(subject.encoder, subject.objective)) == {"left_to_right_nats"}


def test_windows_are_no_longer_than_the_positions_of_the_model():
    assert toy_subject().limit(128) == 126
    assert toy_subject(max_positions=64).limit(128) == 62
