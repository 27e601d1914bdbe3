"""`bothways compare`: recipes made equal, trained once, scored alike, shown in one table."""

import dataclasses
import json
import statistics

import pytest
from small_text import COMMON, failing, write_text

from bothways.cli import main
from bothways.compare import command
from bothways.compare.command import compare
from bothways.compare.contenders import split_words
from bothways.compare.plan import planned
from bothways.compare.questions import OWN_TOKENIZERS
from bothways.compare.results import RESULTS, read_results, write_results
from bothways.compare.table import COLUMNS, comparison_table, over_seeds
from bothways.errors import DataError, Interrupted, UsageError
from bothways.evaluate import Estimate, lines_of

RECIPES = ["gpt-tiny", "roberta-tiny"]
STEP_TOKENS = 8 * 32


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    return write_text(tmp_path_factory.mktemp("compare") / "text")


def words(text):
    few = ["evaluation.tokens=20", "evaluation.spans=5", "evaluation.left_to_right_tokens=40"]
    return [*COMMON, *few, f"data.train='{text}'", f"data.shards='{text}-shards'"]


def plan_of(text, out, *more, references=RECIPES, steps=3, **options):
    return planned(
        references, [*words(text), *more], tokens=steps * STEP_TOKENS, minutes=None, out=out, **options
    )


@pytest.fixture(scope="module")
def compared(text, tmp_path_factory):
    """Two recipes with two seeds each."""
    return compare(plan_of(text, tmp_path_factory.mktemp("out") / "all", seeds=2), quiet=True)


def forbid_training(monkeypatch):
    def refuse(*_arguments, **_named):
        raise AssertionError("nothing was to be trained")

    monkeypatch.setattr(command, "pretrain", refuse)


def test_every_recipe_is_trained_with_every_seed_on_the_same_tokens(compared):
    assert [(result.recipe, result.seed) for result in compared.results] == [
        ("gpt-tiny", 1),
        ("roberta-tiny", 1),
        ("gpt-tiny", 2),
        ("roberta-tiny", 2),
    ]
    assert {result.tokens for result in compared.results} == {3 * STEP_TOKENS}
    unigrams = {
        str(item.unigram)
        for result in compared.results
        for item in result.score.measurements
        if item.key == "leave_one_out_nats"
    }
    assert len(unigrams) == 1


def test_the_numbers_of_a_result_are_those_of_its_last_checkpoint(compared):
    result = compared.results[1]
    assert result.checkpoint.endswith(f"step-{result.steps:08d}")
    folder = compared.folder / "roberta-tiny" / "seed-1"
    logged = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert result.tokens_per_second == statistics.median(line["tokens_per_second"] for line in logged)
    found = {item.key: item.model for item in result.score.measurements}
    assert found["leave_one_out_nats"].mean > 0
    assert found["left_to_right_nats"] is None


def test_a_finished_comparison_is_shown_again_without_training(compared, text, monkeypatch):
    forbid_training(monkeypatch)
    again = compare(plan_of(text, compared.folder, seeds=2), quiet=True)
    assert again.lines() == compared.lines()


def test_an_interrupted_comparison_goes_on_where_it_stood(compared, text, tmp_path, monkeypatch):
    plan = plan_of(text, tmp_path / "out", seeds=2)
    compare(dataclasses.replace(plan, contenders=plan.contenders[:1]), quiet=True)
    trained = []
    honest = command.pretrain

    def interrupt(recipe, folder, **named):
        if len(trained) == 1:
            raise Interrupted("stopped")
        trained.append(recipe.name)
        return honest(recipe, folder, **named)

    monkeypatch.setattr(command, "pretrain", interrupt)
    with pytest.raises(Interrupted, match=r"gpt-tiny, seed 2.*--out"):
        compare(plan, quiet=True)
    monkeypatch.setattr(command, "pretrain", honest)
    finished = compare(plan, quiet=True)
    assert trained == ["roberta-tiny"]
    assert [numbers(result) for result in finished.results] == [
        numbers(result) for result in compared.results
    ]


def numbers(result):
    """Return what does not depend on where and how fast it was computed."""
    curve = tuple(dataclasses.replace(point, seconds=0.0) for point in result.curve)
    clocks = {"seconds": 0.0, "tokens_per_second": 0.0, "memory": None}
    return dataclasses.replace(result, checkpoint="", curve=curve, **clocks)


def test_a_run_that_was_begun_under_other_conditions_is_not_taken_for_this_one(compared, text, monkeypatch):
    forbid_training(monkeypatch)
    for changes, options in (
        ("training.tokens", {"steps": 2}),
        ("training.optimizer.learning_rate", {}),
        ("training.schedule.kind", {}),
    ):
        more = [] if options else [f"{changes}={'constant' if changes.endswith('kind') else 0.5}"]
        with pytest.raises(UsageError, match=rf"begun with {changes}=.*--out"):
            compare(plan_of(text, compared.folder, *more, seeds=2, **options), quiet=True)
    assert len(read_results(compared.folder)) == 4


def test_other_questions_are_asked_of_the_same_runs(text, tmp_path):
    few = plan_of(text, tmp_path / "out", references=["gpt-tiny"], steps=2)
    compare(few, quiet=True)
    more = plan_of(text, tmp_path / "out", "evaluation.seed=1", references=["gpt-tiny"], steps=2)
    (result,) = compare(more, quiet=True).results
    assert (result.steps, result.score.seed) == (2, 1)
    assert len(read_results(tmp_path / "out")) == 1


def test_a_run_that_was_killed_during_its_first_save_goes_on(text, tmp_path):
    plan = plan_of(text, tmp_path / "out", references=["gpt-tiny"], steps=2)
    compare(plan, quiet=True)
    checkpoints = plan.contenders[0].folder / "checkpoints"
    last = max(checkpoints.glob("step-*"))
    last.rename(checkpoints / f".{last.name}.part")
    (checkpoints / f".{last.name}.part" / "MANIFEST.json").unlink()
    (checkpoints / "best.json").unlink()
    (tmp_path / "out" / RESULTS).unlink()
    assert compare(plan, quiet=True).results[0].steps == 2


def test_all_use_the_first_tokenizer_unless_each_keeps_its_own(text, tmp_path):
    shared = plan_of(text, tmp_path, references=["bert-tiny", "roberta-tiny"])
    assert {each.recipe.tokenizer.kind for each in shared.contenders} == {"wordpiece"}
    own = plan_of(text, tmp_path, references=["bert-tiny", "roberta-tiny"], own_tokenizers=True)
    assert [each.recipe.tokenizer.kind for each in own.contenders] == ["wordpiece", "bpe"]


def test_every_run_uses_up_the_budget_of_the_comparison_whatever_its_recipe_says(tmp_path):
    (tmp_path / "mine.yaml").write_text("extends: bert-tiny\ntraining: {epochs: 3, stop_after: 2}\n")
    for budget in ({"tokens": 10, "minutes": None}, {"tokens": None, "minutes": 2.0}):
        for each in planned([str(tmp_path / "mine.yaml"), "gpt-tiny"], [], **budget, out=tmp_path).contenders:
            training = each.recipe.training
            assert (training.tokens, training.minutes) == (budget["tokens"], budget["minutes"])
            assert (training.steps, training.epochs, training.stop_after) == (None, None, None)


def test_all_are_asked_the_same_in_windows_that_every_one_can_read(tmp_path):
    references = ["xlnet-tiny", "roberta-tiny"]
    plan = planned(references, ["evaluation.tokens=20"], tokens=10, minutes=None, out=tmp_path)
    (evaluation,) = {each.recipe.evaluation for each in plan.contenders}
    assert evaluation.window == 64
    assert evaluation.tokens == 20


def test_a_table_shows_size_speed_and_nats_of_each_recipe(compared):
    lines = lines_of(comparison_table(compared.results), width=200)
    rows = {line.split("│")[1].strip(): line for line in lines if line.startswith("│")}
    assert list(rows) == ["unigram", *RECIPES]
    assert f"{compared.results[0].parameters / 1e6:.1f} M" in rows["gpt-tiny"]
    assert rows["gpt-tiny"].count("±") == 1
    assert rows["roberta-tiny"].count("±") == 3
    assert "0.0 M" in rows["roberta-tiny"]
    assert not any("…" in line for line in compared.lines())
    text = "\n".join(compared.lines())
    assert "2 seeds: means" in text
    assert str(compared.folder) in text


def test_no_unigram_is_shown_where_models_count_different_tokens(compared):
    first, second, *_ = compared.results
    measures = [
        dataclasses.replace(item, unigram=Estimate(1.0, None, 1, 1)) for item in second.score.measurements
    ]
    other = dataclasses.replace(second, score=dataclasses.replace(second.score, measurements=measures))
    assert not any("unigram" in line for line in lines_of(comparison_table([first, other])))


def test_a_model_that_does_not_answer_itself_says_who_does(compared):
    result = compared.results[1]
    asked = dataclasses.replace(result, score=dataclasses.replace(result.score, answered_by="its generator"))
    assert any("roberta-tiny, its generator" in line for line in lines_of(comparison_table([asked])))


def test_several_seeds_give_their_mean_and_students_interval():
    estimates = [Estimate(mean, 0.5, 10, 3) for mean in (1.0, 2.0, 3.0)]
    # The deviation is 1 and Student's 97.5% quantile for two degrees of freedom 4.303: 4.303 / √3.
    assert over_seeds(estimates) == "2.000 ± 2.484"
    assert over_seeds(estimates[:1]) == "1.000 ± 0.500"
    assert over_seeds([*estimates, None]) == over_seeds([]) == "–"


def test_results_are_read_back_as_they_were_written(compared, tmp_path):
    write_results(tmp_path, compared.results)
    assert read_results(tmp_path) == compared.results
    assert read_results(tmp_path / "absent") == []
    (tmp_path / RESULTS).write_text('{"recipe": "bert"}\n', encoding="utf-8")
    with pytest.raises(DataError, match="no result"):
        read_results(tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tokens": None, "minutes": None}, "exactly one of --tokens, --flops, --minutes"),
        ({"tokens": 10, "minutes": 1.0}, "exactly one of --tokens, --flops, --minutes"),
        ({"tokens": 10, "minutes": None, "seeds": 0}, "--seeds is 0"),
    ],
)
def test_a_comparison_has_one_budget_and_at_least_one_seed(options, message, tmp_path):
    with pytest.raises(UsageError, match=message):
        planned(RECIPES, [], out=tmp_path, **options)


def test_recipes_of_one_name_are_refused_and_so_is_a_comparison_of_none(tmp_path):
    with pytest.raises(UsageError, match="two recipes are called 'gpt-tiny'"):
        planned(["gpt-tiny", "gpt-tiny"], [], tokens=10, minutes=None, out=tmp_path)
    with pytest.raises(UsageError, match="nothing to compare"):
        split_words(["training.batch=8"])
    assert split_words(["a", "b=1", "c"]) == (["a", "c"], ["b=1"])


def test_a_combination_that_no_recipe_allows_is_refused_before_any_is_trained(text, tmp_path, monkeypatch):
    forbid_training(monkeypatch)
    with pytest.raises(UsageError, match="positions"):
        plan_of(text, tmp_path, "format.length=4096")


def test_the_command_says_what_it_would_do(text, tmp_path, capsys):
    arguments = [
        "compare",
        *RECIPES,
        *words(text),
        "--tokens",
        "512",
        "--out",
        str(tmp_path / "out"),
        "--dry-run",
    ]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert all(f"recipe      {name}" in said for name in RECIPES)
    assert said.count("nothing was written") == 1
    assert not (tmp_path / "out").exists()


def test_a_mistake_is_one_line(capsys, tmp_path):
    code, line = failing(capsys, "compare", "bert-tinny", "--tokens", "10", "--out", tmp_path)
    assert code == 2
    assert "bert-tiny" in line


def test_every_column_is_a_measure_that_exists(compared):
    known = {item.key for item in compared.results[0].score.measurements}
    assert set(COLUMNS) - {OWN_TOKENIZERS} <= known
