"""Soft targets: probabilities at a temperature, averaged, and how far a student is from them."""

import math

import torch

from bothways.objectives.teaching import averaged, divergence

LOGITS = torch.tensor([[2.0, 0.0, -1.0], [0.0, 3.0, 1.0]], dtype=torch.float64)


def test_probabilities_are_averaged_and_not_logits():
    first, second = torch.tensor([10.0, 0.0]), torch.tensor([0.0, 2.0])
    wanted = (torch.softmax(first, 0) + torch.softmax(second, 0)) / 2
    torch.testing.assert_close(averaged([first, second], 1.0), wanted)
    of_logits = torch.softmax((first + second) / 2, 0)
    assert abs(float(averaged([first, second], 1.0)[0] - of_logits[0])) > 0.3


def test_a_temperature_divides_logits():
    one = averaged([torch.tensor([math.log(4.0), 0.0])], 2.0)
    torch.testing.assert_close(one, torch.tensor([2 / 3, 1 / 3]))


def test_the_divergence_is_the_one_computed_by_hand():
    targets = torch.tensor([0.5, 0.25, 0.25], dtype=torch.float64)
    found = torch.softmax(LOGITS[0] / 2, 0)
    by_hand = 4 * sum(float(p * (p.log() - q.log())) for p, q in zip(targets, found, strict=True))
    assert math.isclose(float(divergence(targets, LOGITS[0], 2.0)), by_hand, rel_tol=1e-12)


def test_who_says_the_same_has_no_loss_and_a_sure_teacher_gives_cross_entropy():
    for temperature in (0.5, 1.0, 4.0):
        same = divergence(averaged([LOGITS], temperature), LOGITS, temperature)
        torch.testing.assert_close(same, torch.zeros_like(same), rtol=0, atol=1e-12)
    sure = torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)
    wanted = -torch.log_softmax(LOGITS[1], 0)[1]
    torch.testing.assert_close(divergence(sure, LOGITS[1], 1.0), wanted)


def test_the_gradient_keeps_its_size_when_the_temperature_rises():
    """T² makes up for 1/T²: far above the logits, the gradient tends to that of half a squared error of them."""
    teacher = LOGITS[1] - LOGITS[1].mean()
    student = (LOGITS[0] - LOGITS[0].mean()).requires_grad_()
    temperature = 1e4
    divergence(averaged([teacher], temperature), student, temperature).backward()
    torch.testing.assert_close(student.grad, (student - teacher).detach() / 3, rtol=1e-3, atol=1e-4)
