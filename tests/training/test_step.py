"""One step: micro-batches and ranks whose rows are padded differently have the gradient of the one large batch."""

import itertools
import os
import textwrap
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from model_cases import MASK, VOCABULARY, make_encoder, make_objective, pairs, take
from processes import child_environment, on_two_ranks

from bothways import runtime
from bothways.batch import Batch, Examples
from bothways.objectives.generator import Generator
from bothways.training import step
from bothways.training.distributed import Place
from bothways.training.settings import TrainingSettings
from bothways.training.step import Stepper

ALONE = Place(0, 1, torch.device("cpu"))
OBJECTIVES = ("masked", "mpnet", "replaced")
ROWS = 8
PARTS = {
    "halves": [[0, 4, 1, 5], [2, 6, 3, 7]],
    "unlike parts": [[3, 7], [0], [1, 2, 4, 5, 6]],
}
"""Rows have 16, 15, 14 and 13 tokens by turns, so parts are padded differently."""


def rows_of(rows: list[int]) -> Examples:
    """Return some of the rows, without the slots that are padding in all of them."""
    longest = 16 - min(row % 4 for row in rows)
    return take(pairs(ROWS), rows, slice(longest))


def batch_of(objective, rows: list[int]) -> Batch:
    """Return a batch without chance: MPNet predicts its row from left to right, all others every third token."""
    examples = rows_of(rows)
    if objective.name == "mpnet":
        return objective.left_to_right(examples)
    hidden = (examples.tokens > MASK) & (np.arange(examples.tokens.shape[1]) % 3 == 0)
    return objective.cloze(examples, hidden, hidden)


def draw_by_rule(patch: pytest.MonkeyPatch) -> None:
    """Let ELECTRA's generator draw the true token where that is even, and else the next one."""
    answer = Generator.answer

    def by_rule(generator, hidden, embedding, targets):
        drawn = torch.where(targets % 2 == 0, targets, (targets + 1).clamp_max(VOCABULARY.size - 2))
        return answer(generator, hidden, embedding, targets)[0], drawn

    patch.setattr(Generator, "answer", by_rule)


def gradient(name: str, parts: list[list[int]], place: Place) -> dict[str, torch.Tensor]:
    """Return the gradient that a step over micro-batches of these rows hands to the optimizer."""
    encoder = make_encoder("mpnet")
    objective = make_objective(name, encoder, pair=True)
    batches = [batch_of(objective, rows) for rows in parts]
    precision = runtime.choose_precision(place.device, "float32")
    stepper = Stepper(encoder, objective, TrainingSettings(steps=1), place, precision, len(batches))
    found = {}

    def update(*_):
        for part in (encoder, objective):
            found.update((f"{part._get_name()} {key}", value.grad) for key, value in part.named_parameters())

    with pytest.MonkeyPatch.context() as patch:
        draw_by_rule(patch)
        patch.setattr(step.optimizer, "update", update)
        stepper.step(batches, stepper.totals(batches))
    return found


def assert_alike(found: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> None:
    assert set(found) == set(wanted)
    for name, value in wanted.items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=1e-12 * (1 + value.abs().max()), msg=name)


def whole(parts: list[list[int]]) -> list[list[int]]:
    """Return all rows of the parts as one."""
    return [list(itertools.chain(*parts))]


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("parts", PARTS.values(), ids=PARTS)
def test_micro_batches_of_unlike_rows_have_the_gradient_of_one_batch(parts, name):
    assert_alike(gradient(name, parts, ALONE), gradient(name, whole(parts), ALONE))
    objective = make_objective(name, make_encoder("mpnet"))
    assert len({batch_of(objective, rows).targets.numel() / len(rows) for rows in parts}) > 1


def test_a_part_may_be_called_as_anything_else_that_is_counted():
    parts = {"tokens": 3, "loss": 2}
    objective = SimpleNamespace(weights=lambda: parts, counts=lambda _batch: parts)
    batches = [SimpleNamespace(num_tokens=50), SimpleNamespace(num_tokens=7)]
    found = Stepper.totals(SimpleNamespace(objective=objective), batches)
    assert (found.tokens, found.scored) == (57, {"tokens": 6, "loss": 4})


RANK = """
    import pytest, torch
    from bothways.training.distributed import joined
    from toy_tasks import gradient_and_means, one_of_each
    from test_step import ALONE, OBJECTIVES, PARTS, assert_alike, gradient, whole

    parts = PARTS["halves"]
    wanted = {name: gradient(name, whole(parts), ALONE) for name in OBJECTIVES}
    with joined("cpu", timeout_seconds=30) as place:
        for name in OBJECTIVES:
            assert_alike(gradient(name, [parts[place.rank]], place), wanted[name])
        found, logged = gradient_and_means([one_of_each()[place.rank]], place)
    wanted, means = gradient_and_means(one_of_each(), ALONE)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-6)
    assert logged == pytest.approx(means, rel=1e-6)
"""


def test_ranks_of_unlike_rows_or_tasks_have_the_gradient_of_one_batch():
    here = str(Path(__file__).parent)
    paths = child_environment()["PYTHONPATH"] + os.pathsep + here
    ended = on_two_ranks(["-c", textwrap.dedent(RANK)], {"PYTHONPATH": paths})
    assert [each.code for each in ended] == [0, 0], "\n".join(each.err for each in ended)
