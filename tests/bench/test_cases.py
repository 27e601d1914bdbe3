"""The table of what is measured is sound, and holds what was promised."""

import pytest

from bothways.bench.cases import GPU_CASES, PROCESSOR_CASES, Case
from bothways.bench.ours import recipe_of
from bothways.checks import check

EVERY = (*PROCESSOR_CASES, *GPU_CASES)


def target(model, size, length, peer, cases=PROCESSOR_CASES, **rest):
    (case,) = [case for case in cases if case.name == Case(model, size, length, peer, **rest).name]
    return case.target


@pytest.mark.parametrize("cases", [PROCESSOR_CASES, GPU_CASES])
def test_no_two_cases_have_one_name(cases):
    names = [case.name for case in cases]
    assert len(names) == len(set(names))


def test_the_ratios_that_were_promised_stand_in_the_table():
    for size in ("mini", "small", "base"):
        assert target("xlnet", size, 128, "script") >= 4.0
        assert target("xlnet", size, 512, "script") >= 6.0
    for size in ("small", "base"):
        assert target("xlnet", size, 512, "strongest") >= 2.0
        assert target("bert", size, 512, "strongest") >= 1.2
    assert target("xlnet", "small", 512, "script float32") >= 11.0
    assert target("bert", "small", 128, "script") >= 2.5
    assert target("bert", "small", 512, "script") >= 2.5
    for model in ("bert", "xlnet"):
        assert target(model, "base", 512, "product peak") >= 0.6
    assert target("bert", "base", 512, "product peak", GPU_CASES, document=200) >= 0.4
    assert target("xlnet", "base", 512, "script", GPU_CASES) >= 4.0


@pytest.mark.parametrize("size", ["mini", "small", "base"])
@pytest.mark.parametrize("model", ["bert", "xlnet"])
def test_every_shape_is_measured_against_the_script(model, size):
    found = {
        case.length
        for case in PROCESSOR_CASES
        if (case.model, case.size, case.peer) == (model, size, "script")
    }
    assert {128, 512} <= found


def test_both_models_are_measured_once_without_dropout_and_xlnet_with_memory_and_long_rows():
    assert {case.model for case in PROCESSOR_CASES if not case.dropout} == {"bert", "xlnet"}
    assert any(case.memory == 384 and case.length == 512 for case in PROCESSOR_CASES)
    assert any(case.length == 2048 and case.rows == 1 for case in PROCESSOR_CASES)


def test_the_short_benchmark_measures_both_models_and_every_kind_of_peer_but_the_peak():
    quick = [case for case in PROCESSOR_CASES if case.quick]
    assert {case.model for case in quick} == {"bert", "xlnet"}
    assert {case.peer for case in quick} == {"script", "script float32", "strongest"}
    assert any(case.quick for case in GPU_CASES)


@pytest.mark.parametrize("case", EVERY, ids=lambda case: case.name)
def test_every_case_is_a_recipe_that_fits_together_and_reads_all_its_tokens(case):
    recipe = recipe_of(case)
    check(recipe)
    assert recipe.training.batch * recipe.format.length == case.tokens
    assert (recipe.backbone.dropout, recipe.backbone.attention_dropout) == (case.dropout, case.dropout)
    assert getattr(recipe.backbone, "memory", 0) == case.memory
    assert recipe.extras == []
