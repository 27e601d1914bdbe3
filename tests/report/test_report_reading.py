"""Folders of every kind are told apart, and what is no record is refused in one line."""

from dataclasses import asdict
from pathlib import Path

import pytest
from report.small_records import (
    A_PAIR,
    A_QUALITY,
    FILLS,
    a_claim,
    a_run,
    a_task_result,
    write_claims,
    write_comparison,
    write_evaluation,
    write_run,
)

from bothways.compare.budget import Budget
from bothways.compare.contamination import Contamination
from bothways.errors import DataError, UsageError
from bothways.finetuning.results import write_results as write_task_results
from bothways.report import read
from bothways.report.records import Records


def test_a_comparison_brings_results_verdicts_fills_and_runs(tmp_path: Path) -> None:
    write_comparison(
        tmp_path,
        verdicts=[{"question": "tokens", "sentence": "XLNet pays less."}],
        pairs=[asdict(A_PAIR)],
        qualities=[asdict(A_QUALITY)],
        notes=["a row was left out"],
        contamination=[{"task": "sst2", "examples": 200, "found": None}],
        fills=[
            {"text": FILLS[0].text, "model": "BERT", "filled": list(FILLS[0].filled), "probability": 0.25}
        ],
        budget={"unit": "tokens", "amount": 2000},
        environment={"python": "3.11"},
        unheard_of=[1],
    )
    found = read(tmp_path)
    assert found.folders == (str(tmp_path),)
    assert [result.recipe for result in found.results] == ["table6/1-bert", "XLNet"]
    assert found.verdicts == (("tokens", "XLNet pays less."),)
    assert found.pairs == (A_PAIR,)
    assert found.qualities == (A_QUALITY,)
    assert found.notes == ("a row was left out",)
    assert found.contamination == (Contamination("sst2", 200, None),)
    assert found.fills == FILLS[:1]
    assert found.budgets == (Budget("tokens", 2000),)
    assert found.environments == ({"python": "3.11"},)
    assert not found.tasks


def test_the_runs_of_a_comparison_carry_its_names_in_its_order(tmp_path: Path) -> None:
    write_comparison(tmp_path)
    assert [(run.name, run.seed) for run in read(tmp_path).runs] == [("table6/1-bert", 1), ("XLNet", 1)]


def test_a_comparison_without_a_judgement_is_read_all_the_same(tmp_path: Path) -> None:
    write_comparison(tmp_path)
    (tmp_path / "comparison.json").unlink()
    assert len(read(tmp_path).results) == 2
    assert not read(tmp_path).verdicts


def test_models_of_an_earlier_comparison_in_the_same_folder_are_left_out(tmp_path: Path) -> None:
    write_comparison(tmp_path, compared=[["XLNet", 1]], verdicts=[{"question": {"about": "for a token"}}])
    found = read(tmp_path)
    assert [result.recipe for result in found.results] == [run.name for run in found.runs] == ["XLNet"]
    assert found.verdicts == (("for a token", ""),)


def test_the_tasks_of_a_comparison_are_read_beside_it(tmp_path: Path) -> None:
    write_comparison(tmp_path)
    write_task_results(tmp_path / "tasks.jsonl", [a_task_result("XLNet", 1, 20)])
    assert [result.model for result in read(tmp_path).tasks] == ["XLNet"]


def test_an_evaluation_brings_scores_and_the_settings_of_its_cells(tmp_path: Path) -> None:
    write_evaluation(tmp_path)
    found = read(tmp_path)
    assert [result.model for result in found.tasks] == ["BERT", "XLNet"]
    assert [run.name for run in found.cells] == ["BERT, sst2"]
    assert not found.results


def test_claims_are_read_as_they_were_written(tmp_path: Path) -> None:
    write_claims(tmp_path)
    assert read(tmp_path).claims == (a_claim(), a_claim("heads"))


def test_a_run_goes_by_the_name_of_its_folder(tmp_path: Path) -> None:
    write_run(tmp_path / "mine", a_run("bert-tiny", 3, 6.0, 5.0))
    (run,) = read(tmp_path / "mine").runs
    assert (run.name, run.seed, len(run.metrics)) == ("mine", 3, 2)


def test_records_of_several_folders_add_up(tmp_path: Path) -> None:
    write_claims(tmp_path / "claims")
    write_evaluation(tmp_path / "glue")
    found = read(tmp_path / "claims") + read(tmp_path / "glue")
    assert (len(found.claims), len(found.tasks), len(found.folders)) == (2, 2, 2)
    assert found + Records() == found


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir()])
def test_a_folder_without_records_is_refused(tmp_path: Path, make) -> None:
    make(tmp_path / "none")
    with pytest.raises(UsageError, match="give the folder of a comparison, an evaluation, claims or a run"):
        read(tmp_path / "none")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("results.jsonl", "no json\n", "line 1 of .* is no JSON object"),
        ("results.jsonl", '{"recipe": "bert"}\n', "a line that is no result"),
        ("results.jsonl", '{"task": "sst2"}\n', "a line that is no result"),
        ("findings.jsonl", '{"claim": "memory"}\n', "a line that is no finding"),
        ("findings.jsonl", "[1]\n", "line 1 of .* is no JSON object"),
    ],
)
def test_files_that_hold_something_else_are_refused(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=message) as refusal:
        read(tmp_path)
    assert len(str(refusal.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("comparison.json", "[]", "holds no JSON object"),
        ("comparison.json", '{"fills": [{"text": 1}]}', "cannot be read .fills.0.text"),
        ("comparison.json", '{"pairs": [1]}', "cannot be read .pairs.0"),
        ("xlnet/recipe.yaml", "a: [", "is no recipe"),
        ("xlnet/environment.json", "{", "holds no JSON object"),
    ],
)
def test_broken_parts_of_a_comparison_are_named(tmp_path: Path, name: str, text: str, message: str) -> None:
    write_comparison(tmp_path)
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=message):
        read(tmp_path)
