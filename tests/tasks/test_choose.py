"""Multiple choice: rows, questions with fewer choices, the loss, trivial answers, and a model that learns."""

import numpy as np
import pytest
import torch
from small_tasks import make_model, make_reader

from bothways.records.types import ChoiceRecord
from bothways.tasks.answering import outputs_of, predict
from bothways.tasks.choose import Choose, ChooseSettings, filled
from bothways.tasks.rows import FIRST, SECOND

PASSAGE = "a fine day in town and she was glad"
TWO = ChoiceRecord("", "", "a fine day", ("he was sad", "she was glad"), 1)
FOUR = ChoiceRecord("", PASSAGE, "she was", ("sad", "glad", "cold", "grey"), 1)
THREE = ChoiceRecord("", "", "cold", ("warm", "grey and dark", "bright"), 0)
KINDS = ["bert", "roberta", "mpnet", "modern", "transformer_xl"]


def model_of(named="bert", **settings):
    return make_model(named, ChooseSettings(**settings))


def texts_of(model, row):
    said = model.tokenizer
    return [said.decode(row.tokens[row.parts == part].tolist()) for part in (FIRST, SECOND)]


def items_of(model, *records):
    return [item for record in records for item in model.objective.items(record, make_reader(model))]


def batch_of(model, *records):
    task = model.objective
    return task.corrupt(task.stack(items_of(model, *records)), np.random.default_rng(0))


def test_the_passage_comes_first_and_the_choice_follows_the_question():
    (item,) = items_of(model_of(), FOUR)
    assert texts_of(model_of(), item[2]) == [PASSAGE, "she was cold"]
    (item,) = items_of(model_of(), TWO)
    assert texts_of(model_of(), item[1]) == ["a fine day", "she was glad"]


def test_a_choice_fills_the_blank_of_its_question():
    assert filled("It was _ in town .", "cold") == "It was cold in town ."
    assert filled("How was it ?", "cold") == "How was it ? cold"
    assert filled("It was ____ in ____ .", "cold") == "It was cold in ____ ."


@pytest.mark.parametrize("named", ["bert", "transformer_xl"])
def test_the_passage_is_cut_first_then_the_beginning_of_the_question_and_never_the_choice(named):
    model = model_of(named, length=8)
    (item,) = items_of(model, FOUR)
    assert texts_of(model, item[0]) == ["a fine", "she was sad"]
    (item,) = items_of(model, ChoiceRecord("", "", "a fine day in town", ("he was sad", "no"), 0))
    assert texts_of(model, item[0]) == ["in town", "he was sad"]
    (item,) = items_of(model, ChoiceRecord("", PASSAGE, "she was glad in town 1 and", ("sad", "glad"), 0))
    assert texts_of(model, item[0]) == ["", "in town 1 and sad"]
    assert max(len(row) for row in item) == 8


@pytest.mark.parametrize("named", KINDS)
def test_questions_of_different_numbers_of_choices_share_a_batch_and_change_no_answer(named):
    model = model_of(named, choices=4)
    items = items_of(model, TWO, FOUR, THREE)
    together = outputs_of(model.objective, model.encoder, items)
    alone = [outputs_of(model.objective, model.encoder, [item])[0] for item in items]
    np.testing.assert_allclose(together, alone, atol=1e-5)
    absent = [int((output <= -1e4).sum()) for output in together]
    assert absent == [2, 0, 1]


def test_the_loss_is_the_cross_entropy_over_the_choices_of_each_question():
    model = model_of(choices=5)
    batch = batch_of(model, TWO, FOUR, THREE)
    losses, _ = model.objective(model.encoder, batch)
    outputs = outputs_of(model.objective, model.encoder, items_of(model, TWO, FOUR, THREE))
    by_hand = sum(
        -torch.log_softmax(torch.from_numpy(output[: len(record.choices)]), 0)[record.answer]
        for output, record in zip(outputs, (TWO, FOUR, THREE), strict=True)
    )
    torch.testing.assert_close(losses["choose"].sum, by_hand)
    assert model.objective.counts(batch) == {"choose": 3}
    losses["choose"].sum.backward()
    assert model.objective.classifier.weight.grad.isfinite().all()


def test_a_question_with_more_choices_than_any_in_training_is_answered():
    many = ChoiceRecord("", "", "a day", ("warm", "cold", "dark", "grey", "fine"))
    model = model_of(choices=2)
    (said,) = predict(model.objective, model.encoder, [many], make_reader(model))
    assert len(said["probabilities"]) == 5
    assert sum(said["probabilities"]) == pytest.approx(1)
    assert said["choice"] == int(np.argmax(said["probabilities"]))


def test_training_records_say_how_many_choices_there_are():
    assert Choose.learn(ChooseSettings(), [TWO, FOUR, THREE]).choices == 4


def test_the_trivial_answer_is_the_better_of_a_place_of_training_and_chance():
    task = model_of().objective
    second = [TWO, FOUR, THREE]
    assert task.baseline(second, [TWO]) == {"accuracy": pytest.approx(2 / 3)}
    assert task.baseline(second, [THREE]) == {"accuracy": pytest.approx((1 / 2 + 1 / 4 + 1 / 3) / 3)}


def test_accuracy_counts_right_choices():
    judged = model_of().objective.judge([TWO, FOUR, THREE], [{"choice": place} for place in (1, 1, 2)])
    assert judged.metrics == {"accuracy": pytest.approx(2 / 3)}
    assert float(judged.metric(*judged.run)) == pytest.approx(2 / 3)


def test_a_long_passage_is_read_with_memory():
    settings = {"length": 8, "long_texts": "memory", "longest": 40}
    model = make_model("transformer_xl", ChooseSettings(**settings), memory=16)
    (item,) = items_of(model, FOUR)
    assert texts_of(model, item[0]) == [PASSAGE, "she was sad"]
    together = outputs_of(model.objective, model.encoder, items_of(model, FOUR, TWO))
    np.testing.assert_allclose(
        together[0][:4], outputs_of(model.objective, model.encoder, [item])[0][:4], atol=1e-5
    )


@pytest.mark.parametrize("named", ["bert", "transformer_xl"])
def test_a_model_learns_which_choice_belongs_to_its_question(named):
    words = ("warm", "cold", "dark", "grey")
    # The right one is the word that the question says.
    records = [
        ChoiceRecord("", "", f"a {word} day", words[: 3 + number % 2], number % 3)
        for number, word in enumerate((*words[:3], *words[:3]))
    ]
    model = make_model(named, ChooseSettings(choices=4, dropout=0.0), seed=3)
    parts = (model.encoder, model.objective)
    optimizer = torch.optim.AdamW([each for part in parts for each in part.parameters()], lr=3e-3)
    batch = batch_of(model, *records)
    for _ in range(40):
        losses, _ = model.objective(model.encoder, batch)
        optimizer.zero_grad()
        (losses["choose"].sum / len(records)).backward()
        optimizer.step()
    said = predict(model.objective, model.encoder, records, make_reader(model))
    assert model.objective.judge(records, said).metrics["accuracy"] == 1.0
