"""The losses of 50 steps of a tiny BERT and a tiny XLNet: a pure refactoring must not move a digit.

Text, weights, corruption and arithmetic (float32, one thread, no dropout) are fixed, so each file in `golden/`
holds the loss of every step. Processors round differently, hence a relative tolerance of 1e-5. After a change that
is meant to change the numbers, write them anew and say why in the changelog:

    BOTHWAYS_GOLDEN=write pytest tests/test_golden_losses.py
"""

import os
from pathlib import Path

import pytest
import torch
from tiny_runs import MODELS, make_run, metrics, quietly

from bothways.training.adamw import AdamWSettings

GOLDEN = Path(__file__).parent / "golden"
STEPS = 50
TOLERANCE = 1e-5


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("model", MODELS)
def test_fifty_steps_have_the_losses_on_record(model, tmp_path):
    fast = AdamWSettings(learning_rate=5e-3)
    quietly(make_run(model, tmp_path, steps=STEPS, dropout=0.0, optimizer=fast))
    losses = [line["loss"] for line in metrics(tmp_path)]
    assert len(losses) == STEPS
    path = GOLDEN / f"{model}.txt"
    if os.environ.get("BOTHWAYS_GOLDEN") == "write":
        path.write_text("".join(f"{loss:.9g}\n" for loss in losses))
    wanted = [float(line) for line in path.read_text().splitlines()]
    assert losses == pytest.approx(wanted, rel=TOLERANCE)
    # The record of a model that learns nothing would not notice a broken gradient.
    assert sum(losses[-10:]) / 10 < losses[0] - 0.3
