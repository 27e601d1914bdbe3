"""`bothways evaluate`: cells are done once, go on after interruptions, and come to one table."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from small_suite import WORDS, plan_of, write_data, write_models
from small_tasks import make_model, pretrained_folder, records, write_csv

from bothways.cli import main
from bothways.errors import DataError, Interrupted, UsageError
from bothways.finetuning.results import read_results
from bothways.interop.folder import write_model
from bothways.suites import fine_tuning, zero_shot
from bothways.suites.command import evaluate
from bothways.suites.contestants import contestants
from bothways.suites.forecast import foresee
from bothways.suites.plan import planned
from bothways.suites.summary import MEASURES, run_of
from bothways.tasks.classify import ClassifySettings


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Data and models."""
    folder = tmp_path_factory.mktemp("suites")
    write_data(folder / "data")
    return folder


@pytest.fixture(scope="module")
def models(place):
    return write_models(place / "models")


@pytest.fixture(scope="module")
def done(place, models):
    """Two models with two seeds each."""
    said = []
    plan = plan_of(place, models, seeds=2)
    return plan, evaluate(plan, said.append, quiet=True), said


def forbid_training(monkeypatch):
    def refuse(*_arguments, **_named):
        raise AssertionError("nothing was to be trained")

    monkeypatch.setattr(fine_tuning, "finetune", refuse)


def test_every_seed_goes_through_all_rows_before_the_next_and_asking_is_done_once(done):
    plan, _, said = done
    assert [(cell.row, cell.work.model.name, cell.seed) for cell in plan.cells] == [
        *((row, model, 1) for row in ("mood", "marks", "grammar") for model in ("one", "two")),
        *((row, model, 2) for row in ("mood", "marks") for model in ("one", "two")),
    ]
    assert sum(line.startswith("small, scores") for line in said) == 1, "a first table after the first seed"


def test_a_row_without_files_is_left_out_with_a_sentence(done):
    plan, result, said = done
    sentence = f"absent is left out: {plan.folder.parent / 'data'} has no absent.csv"
    assert sentence in said
    assert sentence in result.lines()


def test_a_cell_keeps_its_recipe_and_results_but_not_its_model(done):
    plan, _, _ = done
    kept = {path.name for path in (plan.folder / "one" / "mood" / "seed-2").iterdir()}
    assert {"cell.json", "recipe.yaml", "results.jsonl", "environment.json"} <= kept
    assert "checkpoints" not in kept


def test_results_of_all_cells_stand_in_one_file(done):
    plan, _, _ = done
    results = read_results(plan.folder / "results.jsonl")
    assert {(result.model, result.task, result.seed) for result in results} == {
        (cell.work.model.name, cell.row, cell.seed) for cell in plan.cells
    }
    by_cell = {(result.model, result.task, result.seed): result.digest for result in results}
    assert len(set(by_cell.values())) == len(plan.cells), "each cell is decided by something else"


def test_the_arrays_of_a_written_result_give_its_score_again(done):
    plan, _, _ = done
    for result in read_results(plan.folder / "results.jsonl"):
        again = MEASURES[result.kind][result.metric](*run_of(result))
        assert again == pytest.approx(result.score)
        assert result.score == pytest.approx(result.metrics[result.metric])


def test_a_line_says_what_every_model_came_to(done):
    _, result, _ = done
    mood, marks, grammar = result.scores
    assert (mood.row, mood.part, mood.metric, mood.examples, mood.trained_on) == (
        "mood",
        "test",
        "f1_accuracy",
        12,
        24,
    )
    assert list(mood.scores) == ["one", "two"]
    assert set(mood.also) == {"f1", "accuracy"}
    assert mood.seeds == marks.seeds == 2
    assert grammar.seeds == 1
    assert grammar.trained_on == 0
    assert grammar.notes == {"one": "pseudo-likelihood", "two": "pseudo-likelihood"}
    assert list(marks.differences) == ["two"]


def test_what_is_finished_is_shown_again_without_training(done, place, models, monkeypatch):
    forbid_training(monkeypatch)
    _plan, before, _ = done
    again = evaluate(plan_of(place, models, seeds=2), quiet=True)
    assert again.lines() == before.lines()


def test_a_kill_between_cells_costs_nothing_and_one_within_a_cell_goes_on(
    place, models, tmp_path, monkeypatch
):
    honest, asked = fine_tuning.finetune, []

    def dies(recipe, folder, *, resume, quiet):
        asked.append((folder.parent.name, resume))
        if len(asked) == 2:
            monkeypatch.setenv("BOTHWAYS_MAX_STEPS", "1")
            honest(recipe, folder, resume=resume, quiet=quiet)
            (folder / "results.jsonl").unlink()
            monkeypatch.delenv("BOTHWAYS_MAX_STEPS")
            raise Interrupted("stopped")
        return honest(recipe, folder, resume=resume, quiet=quiet)

    monkeypatch.setattr(fine_tuning, "finetune", dies)
    out = tmp_path / "out"
    with pytest.raises(Interrupted, match=r"stopped during marks, one, seed 1, all is saved.*--out"):
        evaluate(plan_of(place, models[:1], out=out), quiet=True)
    # In the meantime, the data and the model have moved.
    suite = str(write_data(tmp_path / "moved") / "small.yaml")
    shutil.copytree(models[0], tmp_path / "one")
    evaluate(
        plan_of(place, [str(tmp_path / "one")], out=out, data=tmp_path / "moved", suite=suite), quiet=True
    )
    assert asked == [("mood", False), ("marks", False), ("marks", True)]
    scores = {(result.task, result.part): result.score for result in read_results(out / "results.jsonl")}
    whole = {
        (result.task, result.part): result.score
        for result in read_results(place / "out" / "results.jsonl")
        if (result.model, result.seed) == ("one", 1)
    }
    assert scores == whole


def test_other_settings_records_or_models_are_refused(done, place, models, tmp_path, monkeypatch):
    forbid_training(monkeypatch)
    with pytest.raises(UsageError, match=r"begun with training.steps=2, now it is 3; evaluate into another"):
        evaluate(plan_of(place, models, "training.steps=3"), quiet=True)
    file = place / "data" / "mood" / "test.csv"
    before = file.read_bytes()
    try:
        write_csv(file, records(7))
        with pytest.raises(
            UsageError, match=r"the records in .*test.csv have changed since mood, one, seed 1"
        ):
            evaluate(plan_of(place, models), quiet=True)
    finally:
        file.write_bytes(before)


def test_where_files_lie_does_not_matter(done, place, models, tmp_path, monkeypatch):
    forbid_training(monkeypatch)
    write_data(tmp_path / "moved")
    _plan, before, _ = done
    again = plan_of(
        place, models, seeds=2, data=tmp_path / "moved", suite=str(tmp_path / "moved" / "small.yaml")
    )
    assert [line.scores for line in evaluate(again, quiet=True).scores] == [
        line.scores for line in before.scores
    ]


def test_what_pairs_came_to_by_paradigm_is_kept(done):
    plan, result, _ = done
    (place,) = (cell.place for cell in plan.cells if (cell.row, cell.work.model.name) == ("grammar", "one"))
    lines = [json.loads(line) for line in (place / "paradigms.jsonl").read_text().splitlines()]
    assert [(line["paradigm"], line["pairs"]) for line in lines] == [("first", 3), ("second", 3)]
    score = np.mean([line["right"]["pseudo"][0] for line in lines])
    assert score == pytest.approx(result.scores[-1].scores["one"].value)


def test_control_c_says_how_to_go_on(place, models, tmp_path, monkeypatch):
    def interrupted(*_given):
        raise KeyboardInterrupt

    monkeypatch.setattr(zero_shot, "minimal_pairs", interrupted)
    plan = plan_of(place, models[:1], rows=["grammar"], out=tmp_path / "out")
    with pytest.raises(
        Interrupted, match=r"stopped during grammar, one, seed 1, all that was finished is saved; .*--out"
    ):
        evaluate(plan, quiet=True)


def test_models_stay_where_they_are_asked_for(place, models, tmp_path):
    plan = plan_of(place, models[:1], rows=["mood"], out=tmp_path / "out")
    evaluate(plan, keep_models=True, quiet=True)
    assert list((tmp_path / "out" / "one" / "mood" / "seed-1" / "checkpoints").glob("step-*"))


def test_a_forecast_writes_nothing_and_counts_what_is_left(done, place, models):
    plan = plan_of(place, models, seeds=3)
    before = sorted(path for path in place.rglob("*"))
    foreseen = foresee(plan, lambda _line: None)
    assert sorted(path for path in place.rglob("*")) == before
    by_row = {(each.row, each.model): each for each in foreseen.expected}
    assert by_row["mood", "one"].runs == 1, "seeds 1 and 2 are finished"
    assert by_row["grammar", "one"].runs == 0
    assert by_row["grammar", "one"].cost is None, "what is finished is not timed"
    assert by_row["mood", "two"].cost.records == {"train": 24, "dev": 6, "test": 12}
    assert by_row["mood", "two"].cost.steps == 2
    assert any(line.startswith("4 runs, about") for line in foreseen.lines())


def test_the_command_line_shows_the_table_or_json(done, place, models, monkeypatch, capsys):
    forbid_training(monkeypatch)
    data = place / "data"
    words = ["evaluate", *models, *WORDS, "--suite", str(data / "small.yaml"), "--data", str(data)]
    assert main([*words, "--seeds", "2", "--out", str(place / "out")]) == 0
    assert capsys.readouterr().out.splitlines() == done[1].lines()
    assert main([*words, "--seeds", "2", "--out", str(place / "out"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["suite"] == "small"
    assert said["scores"][0]["scores"]["one"]["value"] == done[1].scores[0].scores["one"].value


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"suite": "gleu"}, UsageError, r"there is no suite 'gleu'; did you mean 'glue'\?"),
        ({"suite": "mine.yaml"}, UsageError, r"there is no suite mine.yaml: no such file"),
        ({"rows": ["mod"]}, UsageError, r"small has no row 'mod'; did you mean 'mood'\?"),
        ({"rows": ["absent"]}, DataError, r"holds the files of no row; .* has no absent.csv, for one"),
        ({"seeds": 0}, UsageError, r"--seeds is 0"),
    ],
)
def test_a_mistake_is_one_sentence(place, models, options, error, message):
    with pytest.raises(error, match=message):
        plan_of(place, models, **options)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("rows.mod.judged=5", r"small.yaml has no row 'mod'; did you mean 'mood'\?"),
        ("rows.mood.also=[f2]", r"mood has no metric 'f2' to show; did you mean 'f1'\?"),
        ("rows.grammar.also=[orderz]", r"grammar has no metric 'orderz' to show; did you mean 'orders'\?"),
        ("task.lenght=8", r"unknown setting 'tasks.mood.task.lenght'"),
        ("memory=8", r"memory=8 is asked for, but the model in .*one keeps none"),
        ("data.columns.text=texd", r"has no column 'texd'"),
    ],
)
def test_a_mistake_is_found_before_anything_is_trained(place, models, tmp_path, word, message):
    with pytest.raises(UsageError, match=message):
        plan_of(place, models, word, out=tmp_path)


def test_a_metric_about_one_label_is_refused_where_there_are_many(place, models, tmp_path):
    three = [replace(record, label=f"label {number % 3}") for number, record in enumerate(records(24))]
    shutil.copytree(place / "data", tmp_path / "data")
    for part in ("train", "dev", "test"):
        write_csv(tmp_path / "data" / "mood" / f"{part}.csv", three)
    words = ["rows.mood.task.positive=null", "rows.mood.task.metric=accuracy"]
    with pytest.raises(UsageError, match=r"mood has no metric 'f1' to show; choose one of: .*macro_f1"):
        plan_of(tmp_path, models, *words, rows=["mood"])
    assert plan_of(tmp_path, models, *words, "rows.mood.also=[macro_f1]", rows=["mood"]).cells


def test_words_that_would_change_nothing_are_refused_where_nothing_is_learned(place, models, tmp_path):
    data = place / "data"
    options = {"suite": str(data / "small.yaml"), "data": data, "rows": ["grammar"], "out": tmp_path}
    (cell, _) = planned(models, ["task.limit=2"], **options).cells
    assert cell.work.task.limit == 2
    with pytest.raises(
        UsageError, match=r"grammar: nothing is learned here, so training would change nothing"
    ):
        planned(models, ["task.limit=2", "training.epochs=7"], **options)
    with pytest.raises(UsageError, match=r"unknown setting 'length'"):
        planned(models, ["task.length=7"], **options)


def test_data_must_be_a_folder(place, models):
    suite = str(place / "data" / "small.yaml")
    with pytest.raises(DataError, match="is not a folder; give the folder that holds the suite's data"):
        plan_of(place, models, data=place / "nowhere", suite=suite)


def test_what_the_suite_decides_is_not_set_beside_it(place, models):
    with pytest.raises(UsageError, match=r"seed is the suite's own to say"):
        plan_of(place, models, "seed=3")


def test_two_models_of_one_name_are_refused(place, models):
    with pytest.raises(UsageError, match=r"two models are called 'one'"):
        plan_of(place, [models[0], models[0]])


def test_folders_named_by_number_are_called_after_what_they_belong_to(place):
    folder = place / "shelf" / "seed-3" / "checkpoints" / "step-00000002"
    (one,) = contestants([str(pretrained_folder(folder))], lambda _line: None)
    assert one.name == "shelf-seed-3-step-00000002"


def test_a_fine_tuned_model_is_not_asked_for_the_probability_of_tokens(place, tmp_path):
    model = make_model("bert", ClassifySettings(labels=("bad", "good")))
    folder = tmp_path / "tuned"
    folder.mkdir()
    write_model(folder, model, model.objective.settings, (), facts={"name": "tuned"})
    with pytest.raises(
        UsageError, match=r"tuned was fine-tuned, and grammar asks for the probability of tokens"
    ):
        plan_of(place, [str(folder)])
    plan = plan_of(place, [str(folder)], rows=["mood"])
    assert [cell.row for cell in plan.cells] == ["mood"]


def test_rows_are_no_longer_than_every_model_reads_and_the_table_says_so(place, models):
    plan = plan_of(place, models, "rows.mood.task.length=100000")
    lengths = {
        part.task.length
        for cell in plan.cells
        if cell.row == "mood"
        for part in cell.work.recipe.tasks.values()
    }
    longest = plan.models[0].longest
    assert lengths == {longest}
    assert f"mood: texts are cut to {longest} tokens, the most that all models read" in plan.notes


def test_words_change_one_row_or_all_runs(place, models):
    plan = plan_of(
        place, models[:1], "rows.mood.training.batch=6", "task.dropout=0", "rows.grammar.task.limit=2"
    )
    mood, marks, grammar = (cell.work for cell in plan.cells)
    assert mood.recipe.training.batch == marks.recipe.training.batch == 4, (
        "what is said of all runs comes last"
    )
    assert mood.recipe.tasks["mood"].task.dropout == marks.recipe.tasks["marks"].task.dropout == 0
    assert len(grammar.read()) == 4


def test_caps_hold_unless_all_records_are_asked_for(place, models):
    for full, limit, judged, pairs in ((False, 8000, 5, 100), (True, None, None, None)):
        plan = plan_of(place, models[:1], "rows.mood.judged=5", full=full)
        mood, _, grammar = (cell.work for cell in plan.cells)
        data = mood.recipe.tasks["mood"].data
        assert (data.limit, data.judged, grammar.task.limit) == (limit, judged, pairs)


def test_whole_numbers_come_back_as_such_and_others_as_they_are(done):
    results = read_results(done[0].folder / "results.jsonl")
    kinds = {result.task: [column.dtype for column in run_of(result)] for result in results}
    assert kinds["mood"] == [np.int64, np.int64]
    assert kinds["marks"] == [np.float64, np.float64]
