"""The stochastic answer network: as a slow loop computes it, blind to padding, and refused where it makes no sense."""

import numpy as np
import pytest
import torch
from small_tasks import make_model, make_reader

from bothways.config import build
from bothways.errors import UsageError
from bothways.records.types import ChoiceRecord, TextRecord
from bothways.tasks.answer_network import STEPS, AnswerNetwork, mean_of_numbers, mean_of_probabilities
from bothways.tasks.answering import outputs_of
from bothways.tasks.choose import ChooseSettings
from bothways.tasks.classify import ClassifySettings
from bothways.tasks.regress import RegressSettings

WIDTH, LABELS = 6, 3
PARTS = torch.tensor([[0, 1, 1, 0, 2, 2, 2, 0, 0], [0, 1, 1, 1, 1, 0, 2, 0, 0]])
PAIRS = [TextRecord("", "a fine day", "he was sad"), TextRecord("", "warm", "she was glad in town 1 . cold")]


def network(average=mean_of_probabilities, outputs=LABELS):
    torch.manual_seed(0)
    made = AnswerNetwork(WIDTH, outputs, dropout=0.0, average=average).double().eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.normal_(0, 0.5)
    return made


def states():
    return torch.randn(2, 9, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def softmax(scores):
    shifted = np.exp(scores - scores.max())
    return shifted / shifted.sum()


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


def slow(made, hidden, parts):
    """Return each step's answer for one pair, [steps, outputs], written down from the papers' equations."""
    weights = {name: value.detach().numpy() for name, value in made.named_parameters()}
    first, second = hidden[parts == 1], hidden[parts == 2]
    h = sum(a * b for a, b in zip(softmax(second @ weights["says.weight"][0]), second, strict=True))
    answers = []
    for _ in range(STEPS):
        x = sum(b * a for b, a in zip(softmax(first @ (weights["seeks.weight"] @ h)), first, strict=True))
        compared = np.concatenate([h, x, abs(h - x), h * x])
        answers.append(weights["answer.weight"] @ compared + weights["answer.bias"])
        of_x = np.split(weights["next.weight_ih"] @ x + weights["next.bias_ih"], 3)
        of_h = np.split(weights["next.weight_hh"] @ h + weights["next.bias_hh"], 3)
        reset, update = sigmoid(of_x[0] + of_h[0]), sigmoid(of_x[1] + of_h[1])
        h = (1 - update) * np.tanh(of_x[2] + reset * of_h[2]) + update * h
    return np.stack(answers)


def test_it_computes_the_equations_of_the_papers():
    classes, number = network(), network(mean_of_numbers, 1)
    for row, (hidden, parts) in enumerate(zip(states().numpy(), PARTS.numpy(), strict=True)):
        probable = np.mean([softmax(answer) for answer in slow(classes, hidden, parts)], axis=0)
        np.testing.assert_allclose(classes(states(), PARTS)[row].exp().detach(), probable, atol=1e-12)
        mean = slow(number, hidden, parts).mean(axis=0)
        np.testing.assert_allclose(number(states(), PARTS)[row].detach(), mean, atol=1e-12)


def test_special_tokens_and_padding_say_nothing():
    made, hidden = network(), states()
    elsewhere = torch.where((PARTS == 0)[..., None], torch.full_like(hidden, 100.0), hidden)
    torch.testing.assert_close(made(elsewhere, PARTS), made(hidden, PARTS))


def test_in_training_some_steps_are_left_out_but_never_all_and_the_rest_is_a_distribution():
    made = network().train()
    torch.manual_seed(0)
    kept = made._kept(states().expand(-1, -1, WIDTH).repeat(2000, 1, 1))
    assert kept.sum(1).min() >= 1
    # One of five is always kept, the others with probability 0.9.
    assert kept.mean().item() == pytest.approx(0.2 + 0.8 * 0.9, abs=0.01)
    said = torch.stack([made(states(), PARTS) for _ in range(20)])
    torch.testing.assert_close(said.exp().sum(-1), torch.ones(20, 2, dtype=torch.float64))
    assert said.std(0).max() > 1e-3
    assert torch.equal(made.eval()(states(), PARTS), made(states(), PARTS))


def test_its_gradient_is_right_and_finite_where_steps_are_left_out():
    made = network()
    assert torch.autograd.gradcheck(lambda hidden: made(hidden, PARTS), states().requires_grad_())
    weights = torch.tensor([[0.5, 0.0, 0.5, 0.0, 0.0]], dtype=torch.float64)
    answers = torch.randn(1, STEPS, LABELS, dtype=torch.float64, requires_grad=True)
    mean_of_probabilities(answers, weights)[0, 0].backward()
    assert answers.grad.isfinite().all()
    assert (answers.grad[0, [1, 3, 4]] == 0).all()


def test_a_text_without_tokens_gives_a_number():
    assert network()(states(), torch.zeros_like(PARTS)).isfinite().all()


@pytest.mark.parametrize("named", ["bert", "transformer_xl"])
@pytest.mark.parametrize(
    "settings",
    [
        ClassifySettings(labels=("no", "perhaps", "yes"), head="answer_network"),
        RegressSettings(center=0.0, unit=1.0, head="answer_network"),
    ],
    ids=lambda settings: settings.kind,
)
def test_a_pair_is_answered_the_same_in_any_company(named, settings):
    model = make_model(named, settings)
    reader, task = make_reader(model), model.objective
    items = [task.items(record, reader)[0] for record in PAIRS]
    together = outputs_of(task, model.encoder, items)
    alone = [outputs_of(task, model.encoder, [item])[0] for item in items]
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert not np.allclose(together[0], together[1], atol=1e-3)
    if settings.kind == "classify":
        np.testing.assert_allclose(np.exp(together).sum(1), 1, atol=1e-5)


def test_it_ranks_choices_too():
    model = make_model("bert", ChooseSettings(head="answer_network"))
    items = model.objective.items(
        ChoiceRecord("", "", "a fine day", ("warm", "cold", "he")), make_reader(model)
    )
    assert len(set(outputs_of(model.objective, model.encoder, items)[0].tolist())) == 3


def test_single_texts_and_memory_are_refused_with_a_way_out():
    settings = ClassifySettings(labels=("no", "yes"), head="answer_network")
    model = make_model("bert", settings)
    with pytest.raises(
        UsageError, match=r"train.csv, row 3: .* compares two texts, and this is one; .*columns.pair"
    ):
        model.objective.items(TextRecord("train.csv, row 3", "warm"), make_reader(model))
    with pytest.raises(UsageError, match=r"use long_texts=cut or head=linear"):
        build(ClassifySettings, {"head": "answer_network", "long_texts": "memory"}, "task")
