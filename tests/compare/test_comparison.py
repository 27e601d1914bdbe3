"""A comparison from recipes to sentences: tasks, turns, interruptions, and what is written down."""

import dataclasses
import json

import pytest
from small_tasks import records, write_csv
from small_text import COMMON, failing, write_text
from tiny_runs import assert_same_bits, saved_tensors

from bothways.cli import main
from bothways.compare import command, turns
from bothways.compare.command import compare
from bothways.compare.plan import planned
from bothways.compare.record import RECORD, read_comparison
from bothways.compare.results import RESULTS
from bothways.errors import DataError, Interrupted, UsageError

RECIPES = ["gpt-tiny", "roberta-tiny"]
FEW = [
    "evaluation.tokens=20",
    "evaluation.spans=5",
    "evaluation.left_to_right_tokens=40",
    "evaluation.words=20",
]
TUNING = [
    "finetuning.training.threads=1",
    "finetuning.training.precision=float32",
    "finetuning.training.steps=3",
]
PLANTED = "the quick river stone walks under a green house"


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    folder = write_text(tmp_path_factory.mktemp("comparison") / "text")
    lines = [f"{PLANTED} {number} .\n" for number in range(12)]
    for number, line in enumerate(lines):  # in files of their own: some of them are held out
        (folder / f"planted-{number:02d}.txt").write_text(line, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def tasks(tmp_path_factory):
    """A table, and a suite of one row that is asked and one whose test record was planted in the training text."""
    folder = tmp_path_factory.mktemp("tasks")
    write_csv(folder / "mood.csv", records(60))
    (folder / "pairs").mkdir()
    pairs = [
        f'{{"sentence_good": "{word} river .", "sentence_bad": "river {word} ."}}'
        for word in ("green", "slow")
    ]
    (folder / "pairs" / "order.jsonl").write_text("\n".join(pairs) + "\n", encoding="utf-8")
    write_csv(folder / "train.csv", records(12))
    (folder / "test.csv").write_text(f"text,label\n{PLANTED},good\nnot there,bad\n", encoding="utf-8")
    (folder / "small.yaml").write_text(
        "title: small\nrows:\n"
        "  order: {about: Which one, task: {kind: minimal_pairs}, files: [{test: pairs}]}\n"
        "  planted: {about: Is it, task: {kind: classify, length: 16}, files: [{train: train.csv, test: test.csv}]}\n"
        "  absent: {about: Is it, task: {kind: classify}, files: [{train: absent.csv}]}\n",
        encoding="utf-8",
    )
    return folder


def options(tasks):
    return [f"mood={tasks / 'mood.csv'}", f"{tasks / 'small.yaml'}:order,planted={tasks}"]


def plan_of(text, out, *more, references=RECIPES, steps=4, **given):
    words = [*COMMON, *FEW, f"data.train='{text}'", f"data.shards='{text}-shards'", *more]
    return planned(references, words, **{"tokens": steps * 8 * 32, "out": out} | given)


@pytest.fixture(scope="module")
def compared(text, tasks, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "all"
    return compare(plan_of(text, out, *TUNING, seeds=2, tasks=options(tasks)), quiet=True)


def test_every_model_learns_every_task_with_its_own_seed(compared):
    judged = [result for result in compared.tasks if result.part == "test"]
    assert {(result.task, result.model, result.seed) for result in judged} == {
        (task, recipe, seed) for task in ("mood", "order", "planted") for recipe in RECIPES for seed in (1, 2)
    }
    mood = next(result for result in judged if result.task == "mood")
    assert (mood.examples + mood.trained_on, mood.kind) == (60 - dev_of(compared, "mood"), "classify")
    cell = compared.folder / "tasks" / "mood" / "gpt-tiny" / "seed-2"
    assert "seed: 2" in (cell / "recipe.yaml").read_text()
    assert not (cell / "checkpoints").exists()


def dev_of(compared, task):
    return next(result.examples for result in compared.tasks if (result.task, result.part) == (task, "dev"))


def test_each_question_has_one_sentence_and_each_pair_a_difference(compared):
    questions = [verdict.question.key for verdict in compared.summary.verdicts]
    assert questions == [
        "mood",
        "order",
        "planted",
    ]  # a GPT and a RoBERTa answer no question about text alike
    assert all(verdict.sentence in "\n".join(compared.lines()) for verdict in compared.summary.verdicts)
    assert [(pair.question, pair.seeds) for pair in compared.summary.pairs] == [(key, 2) for key in questions]


def test_test_examples_that_stand_in_the_training_text_are_counted(compared):
    found = {each.task: (each.found, each.examples) for each in compared.summary.contamination}
    assert found["planted"] == (1, 2)
    assert found["mood"][0] == 0
    assert "planted: 1 of 2 test examples (50.0%) stand in the training text" in compared.lines()


def test_what_is_written_down_is_read_back_whole(compared, tmp_path):
    again = read_comparison(compared.folder)
    assert again == compared
    assert again.lines() == compared.lines()
    with pytest.raises(DataError, match=r"holds no comparison\.json"):
        read_comparison(tmp_path)
    (tmp_path / RECORD).write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match="no record of a comparison"):
        read_comparison(tmp_path)
    (tmp_path / RECORD).write_bytes((compared.folder / RECORD).read_bytes())
    with pytest.raises(DataError, match=rf"{RESULTS} lacks gpt-tiny, seed 1"):
        read_comparison(tmp_path)


def test_a_result_knows_its_memory_its_curve_and_every_window(compared):
    for result in compared.results:
        assert result.memory is None or result.memory > 0
        assert [point.step for point in result.curve] == [1, 2, 3, 4]
        assert result.curve[-1].tokens == result.tokens
        assert any(item.by_window for item in result.score.measurements)
    shown = compared.as_json()
    assert not any(item.by_window for result in shown["results"] for item in result.score.measurements)
    assert not any(result.run for result in shown["tasks"])


def test_a_finished_comparison_trains_nothing_again(compared, text, tasks, monkeypatch):
    def refuse(*_arguments, **_named):
        raise AssertionError("nothing was to be trained")

    monkeypatch.setattr(command, "pretrain", refuse)
    monkeypatch.setattr(command, "run", refuse)
    again = compare(plan_of(text, compared.folder, *TUNING, seeds=2, tasks=options(tasks)), quiet=True)
    assert again == compared


def test_an_interruption_during_a_task_is_gone_on_from(compared, text, tasks, monkeypatch):
    for cell in (compared.folder / "tasks" / "planted").glob("*/seed-2"):
        (cell / "results.jsonl").unlink()
    honest = command.run

    def interrupt(*_arguments, **_named):
        raise Interrupted("stopped")

    plan = plan_of(text, compared.folder, *TUNING, seeds=2, tasks=options(tasks))
    monkeypatch.setattr(command, "run", interrupt)
    with pytest.raises(Interrupted, match=r"planted, gpt-tiny, seed 2.*--out"):
        compare(plan, quiet=True)
    monkeypatch.setattr(command, "run", honest)
    again = compare(plan, quiet=True)
    assert [dataclasses.replace(result, seconds=0.0) for result in again.tasks] == [
        dataclasses.replace(result, seconds=0.0) for result in compared.tasks
    ]


def test_by_turns_or_not_the_same_models_come_of_it(compared, text, tmp_path, monkeypatch):
    monkeypatch.setattr(turns, "WORTH_SECONDS", 1e-9)
    said = []
    compare(plan_of(text, tmp_path / "out"), said.append, quiet=True)
    begun = [line for line in said if "of its budget" in line]
    # Ten turns of four steps: those that a run has left behind already are not taken.
    assert begun[:4] == [
        f"{recipe}, seed 1, to {share}% of its budget"
        for share, order in ((10, RECIPES), (30, RECIPES))
        for recipe in order
    ]
    for recipe in RECIPES:
        place = f"{recipe}/seed-1/checkpoints/step-00000004"
        assert_same_bits(saved_tensors(tmp_path / "out" / place), saved_tensors(compared.folder / place))


def test_operations_give_the_cheaper_recipe_more_steps(text, tmp_path):
    plan = plan_of(text, tmp_path / "out", tokens=None, flops=3e8, references=["roberta-tiny", "gpt-tiny"])
    steps = {result.recipe: result.steps for result in compare(plan, quiet=True).results}
    assert steps["roberta-tiny"] > steps["gpt-tiny"] > 1  # a GPT scores every token


def test_models_of_different_tokenizers_pay_by_the_character(text, tmp_path):
    references = ["bert-tiny", "roberta-tiny"]
    plan = plan_of(text, tmp_path / "out", references=references, own_tokenizers=True, steps=2)
    comparison = compare(plan, quiet=True)
    assert [verdict.question.key for verdict in comparison.summary.verdicts] == ["word_nats_per_character"]
    text_ = "\n".join(comparison.lines())
    assert "nats per character" in text_
    assert "leave" not in text_.split("nats seed")[0].split("└")[0]
    assert "one seed says nothing of recipes" in text_


def test_tokens_that_were_prepared_elsewhere_have_no_text_to_look_into(compared, text, tasks, tmp_path):
    words = [*COMMON, *FEW, *TUNING, f"data.train='{text}-shards'"]
    task = [f"mood={tasks / 'mood.csv'}"]
    plan = planned(["gpt-tiny"], words, tokens=256, tasks=task, out=tmp_path / "out")
    comparison = compare(plan, quiet=True)
    assert [each.found for each in comparison.summary.contamination] == [None]
    assert any("unknown, it was prepared before" in line for line in comparison.lines())
    with pytest.raises(UsageError, match="tokens of one tokenizer"):
        planned(["gpt-tiny"], words, tokens=256, tasks=task, out=tmp_path / "own", own_tokenizers=True)


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ("mood.csv", "is no task; give NAME=FILE"),
        ("mood=absent.csv", "no such file"),
        ("moods:one={0}/mood.csv", "no suite 'moods'"),
        ("{0}/small.yaml:ordre={0}", "order"),
        ("a/b={0}/mood.csv", "cannot be called 'a/b'"),
    ],
)
def test_a_task_that_is_not_there_is_refused_before_anything_is_trained(task, message, text, tasks, tmp_path):
    with pytest.raises((UsageError, DataError), match=message):
        plan_of(text, tmp_path / "out", tasks=[task.format(tasks)])
    assert not (tmp_path / "out").exists()


def test_tasks_of_one_name_are_refused_and_so_are_settings_of_none(text, tasks, tmp_path):
    with pytest.raises(UsageError, match="two tasks are called 'mood'"):
        plan_of(text, tmp_path, tasks=[f"mood={tasks / 'mood.csv'}"] * 2)
    with pytest.raises(UsageError, match="change nothing without a task"):
        plan_of(text, tmp_path, *TUNING)


def test_the_command_says_what_it_costs_before_it_begins(text, tasks, tmp_path, capsys):
    arguments = ["compare", *RECIPES, *COMMON, *FEW, f"data.train='{text}'", "--flops", "1e9", "--seeds", "3"]
    arguments += ["--task", options(tasks)[0], "--out", str(tmp_path / "out")]
    assert main([*arguments, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "6 runs of 1e+09 operations each, 6e+09 operations in all" in said
    assert "then 6 runs of tasks" in said
    assert main([*arguments, "--dry-run", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["estimates"]) == 2
    code, line = failing(capsys, *arguments, "--minutes", "1")
    assert code == 2
    assert "exactly one of" in line
