"""The contract table: every objective, on every backbone, in every format, trains or is refused with a sentence.

A cell that `check` accepts trains three steps and resumes bit for bit, here; that nothing leaks and that gradients flow
exactly where they may is proved for its rows in `objectives/`, whose cases are the same product. docs/objectives.md
prints the table.
"""

import itertools
import math
import re

import pytest
from model_cases import CASES, EVERY_CASE, LAID_OUT_BY, OBJECTIVE_CASES, one_thread  # noqa: F401 -- a fixture
from model_cases import FORMATS as ROWS
from tiny_runs import assert_same_bits, build_run, metrics, quietly, resumed, saved_state, saved_tensors

from bothways.checks import needs_of_format, refusal
from bothways.formats import FORMATS
from bothways.model.backbones import BACKBONES
from bothways.objectives import AUXILIARIES, OBJECTIVES
from bothways.recipe import Recipe, crossed

STEPS = 3
LENGTH = 16
SMALL = [
    *("backbone.layers=2", "backbone.width=32", "backbone.heads=2", "backbone.feed_forward=64"),
    *(f"format.length={LENGTH}", f"training.steps={STEPS}", "training.batch=8"),
    *("training.log_every=1", "training.save_every=1", "training.keep=9"),
]
CELLS = list(itertools.product(OBJECTIVES, BACKBONES, FORMATS))
REFUSED = [cell for cell in CELLS if refusal(crossed(*cell)) is not None]
TRAINED = [cell for cell in CELLS if cell not in REFUSED]


def ids(cells):
    return [" / ".join(cell) for cell in cells]


def recipe_of(objective: str, backbone: str, form: str) -> Recipe:
    """Return the cell as a small recipe with memory where it can be carried, and every extra loss that goes along."""
    words = list(SMALL)
    if "reuse" in FORMATS[form][0].model_fields:
        words.append(f"format.reuse={LENGTH // 2}")
    if "memory" in needs_of_format(FORMATS[form][0]()):
        words.append(f"backbone.memory={LENGTH * 3 // 4}")
    for extra in AUXILIARIES:
        more = [*words, f"extras=[{{kind: {extra}}}]"]
        if refusal(crossed(objective, backbone, form, more)) is None:
            words = more
    return crossed(objective, backbone, form, words)


def run_of(recipe: Recipe, folder):
    parts = (recipe.backbone, recipe.objective, list(recipe.extras), recipe.format, recipe.training)
    return build_run(*parts, folder)


def test_the_cases_of_all_proofs_cover_every_cell_of_the_table() -> None:
    assert {case.cell for case in EVERY_CASE} == set(CELLS)
    assert {case.cell for case in EVERY_CASE if case in CASES} == set(TRAINED)
    assert set(LAID_OUT_BY) == set(ROWS)
    assert {name for name, _ in OBJECTIVE_CASES.values()} == set(OBJECTIVES)
    assert len(TRAINED) + len(REFUSED) == len(OBJECTIVES) * len(BACKBONES) * len(FORMATS)


@pytest.mark.parametrize("cell", TRAINED, ids=ids(TRAINED))
def test_a_cell_trains_three_steps_and_resumes_bit_for_bit(cell, tmp_path) -> None:
    recipe = recipe_of(*cell)
    assert refusal(recipe) is None
    assert quietly(run_of(recipe, tmp_path)).step == STEPS
    lines = metrics(tmp_path)
    assert len(lines) == STEPS
    assert all(math.isfinite(line["loss"]) for line in lines)
    last = tmp_path / f"checkpoints/step-{STEPS:08d}"
    tensors, state = saved_tensors(last), saved_state(last)
    resumed(run_of(recipe, tmp_path), tmp_path / "checkpoints/step-00000001")
    assert_same_bits(saved_tensors(last), tensors)
    assert saved_state(last) == state
    assert metrics(tmp_path) == lines


@pytest.mark.parametrize("cell", REFUSED, ids=ids(REFUSED))
def test_a_cell_is_refused_in_one_sentence_that_names_a_fix_which_helps(cell) -> None:
    sentence = refusal(crossed(*cell))
    assert sentence is not None
    assert "\n" not in sentence
    fix = re.search(r"set (\w+\.\w+=\w+(?: \w+\.\w+=\w+)*)", sentence)
    assert fix is not None, sentence
    assert refusal(crossed(*cell, [*fix[1].split(), "backbone.size=tiny"])) is None
