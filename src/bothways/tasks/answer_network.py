"""The stochastic answer network: a pair of texts is compared in several steps, whose answers are averaged.

Liu et al. 2018, "Stochastic Answer Networks for Natural Language Inference", section 2; MT-DNN's head for pairs (Liu et
al. 2019, section 3.1, equations 6 to 9). Of the states A of the first text and B of the second:

    h = sum of α B,  α = softmax(w · B)               what the second text says
    five times:
        x = sum of β A,  β = softmax(h W A)           what the first one says of that
        answer = V [h; x; |h - x|; h ∘ x]
        h = GRU(x, h)

In training each step's answer is left out of the average with probability 0.1, one of them never. Departure: the
average is over those that are left; MT-DNN's released code divides by all five and by 0.9, so that what it calls
probabilities does not sum to 1.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from bothways.model.dropout import Dropout
from bothways.model.dtypes import at_least_float32
from bothways.tasks.rows import FIRST, SECOND

STEPS = 5
LEFT_OUT = 0.1
"""The probability that a step's answer is left out in training."""

Average = Callable[[Tensor, Tensor], Tensor]
"""From answers [rows, steps, outputs] and the weights of steps [rows, steps], which sum to 1, to one answer a row."""


class AnswerNetwork(nn.Module):
    """From the states of a pair to `outputs` numbers."""

    def __init__(self, width: int, outputs: int, dropout: float, average: Average) -> None:
        super().__init__()
        self.says = nn.Linear(width, 1, bias=False)
        self.seeks = nn.Linear(width, width, bias=False)
        self.answer = nn.Linear(4 * width, outputs)
        self.next = nn.GRUCell(width, width)
        self.drop = Dropout(dropout)
        self.average = average

    def forward(self, states: Tensor, parts: Tensor) -> Tensor:
        """Return one answer a row, [rows, outputs].

        `states` is [rows, slots, width]; `parts` int64 [rows, slots] says whose slots are `FIRST` and `SECOND`.
        """
        first, second = parts == FIRST, parts == SECOND
        state = _gathered(states, self.says(states)[..., 0], second)
        answers = []
        for step in range(STEPS):
            wanted = self.seeks(state)[:, :, None]
            found = _gathered(states, (states @ wanted)[..., 0], first)
            compared = torch.cat([state, found, (state - found).abs(), state * found], dim=-1)
            answers.append(self.answer(self.drop(compared)))
            if step + 1 < STEPS:
                state = self.next(found, state)
        kept = self._kept(states)
        return self.average(at_least_float32(torch.stack(answers, dim=1)), kept / kept.sum(1, keepdim=True))

    def _kept(self, states: Tensor) -> Tensor:
        """Return 1 for the steps of each row that count and 0 for the others, float [rows, steps]."""
        rows, device = len(states), states.device
        if not self.training:
            return torch.ones(rows, STEPS, device=device)
        kept = torch.rand(rows, STEPS, device=device) >= LEFT_OUT
        never = torch.randint(STEPS, (rows, 1), device=device)
        return kept.scatter(1, never, value=True).float()


def _gathered(states: Tensor, scores: Tensor, where: Tensor) -> Tensor:
    """Return the mean state [rows, width] where `where` is true, each weighing by the softmax of its score."""
    # The lowest finite number: a text of no tokens is then read as any other, and gives no NaN.
    hidden = torch.finfo(torch.float32).min
    weights = at_least_float32(scores).masked_fill(~where, hidden).softmax(-1).to(states.dtype)
    return (weights[:, None] @ states)[:, 0]


def mean_of_probabilities(answers: Tensor, weights: Tensor) -> Tensor:
    """Return the log of the mean of what each step holds probable, [rows, outputs]."""
    return torch.logsumexp(answers.log_softmax(-1) + weights.log()[..., None], dim=1)


def mean_of_numbers(answers: Tensor, weights: Tensor) -> Tensor:
    """Return the mean of the steps' numbers, [rows, outputs]."""
    return (answers * weights[..., None]).sum(1)
