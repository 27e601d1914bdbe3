"""Fine-tuning from files to scores: what is written, what is resumed, what is refused."""

import json
import shlex
from dataclasses import replace

import pytest
import torch
import transformers
from processes import on_two_ranks
from small_tasks import pretrained_folder, records, write_csv
from small_text import flip

from bothways.cli import main
from bothways.errors import CheckpointError, DataError, Interrupted, UsageError
from bothways.finetuning.command import FineTuned, finetune
from bothways.finetuning.data import read_task
from bothways.finetuning.forecast import foresee
from bothways.finetuning.identity import ENVIRONMENT, MAY_GROW, refuse_other_inputs, refuse_other_recipe
from bothways.finetuning.inputs import WHERE, read_inputs
from bothways.finetuning.predicting import columns_of, predict_file
from bothways.finetuning.recipes import asked_for
from bothways.finetuning.results import read_results
from bothways.finetuning.seeds import finetune_seeds
from bothways.interop.folder import describe
from bothways.recipe_files import dump
from bothways.task_recipe import of_file, write_resolved
from bothways.training.metrics import COLUMNS, read_metrics

SHORT = (
    "training.threads=1",
    "training.precision=float32",
    "training.batch=4",
    "training.log_every=1",
    "training.optimizer.learning_rate=3e-3",
)
STEPS = (*SHORT, "training.steps=6", "training.evaluate_every=3", "training.save_every=2", "training.keep=9")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a pretrained model and labelled files."""
    monkeypatch.chdir(tmp_path)
    pretrained_folder(tmp_path / "pretrained")
    pretrained_folder(tmp_path / "xlnet", "transformer_xl", objective="permutation", memory=8)
    write_csv(tmp_path / "train.csv", records(24))
    write_csv(tmp_path / "dev.csv", records(8))
    write_csv(tmp_path / "test.csv", records(6))
    return tmp_path


def recipe(place, *words, model="pretrained", **data):
    given = {"train": str(place / "train.csv"), "dev": str(place / "dev.csv")} | data
    return asked_for(place / model, kind="classify", data=given, file=None, words=words)


def model_bytes(run: FineTuned) -> bytes:
    last = max((run.folder / "checkpoints").glob("step-*"))
    return (last / "model.safetensors").read_bytes()


def test_a_run_holds_its_recipe_its_scores_and_a_model_of_transformers(place):
    run = finetune(recipe(place, *STEPS, test=str(place / "test.csv")), place / "out", quiet=True)
    assert {line[:27] for line in run.lines()} >= {
        "classify, dev: only 8 examp",
        "classify, test: only 6 exam",
    }
    assert {path.name for path in run.folder.iterdir()} >= {
        "recipe.yaml",
        "environment.json",
        "metrics.jsonl",
        "results.jsonl",
        "checkpoints",
    }
    dev, test = read_results(run.folder / "results.jsonl")
    assert (dev.part, dev.metric, dev.examples, dev.trained_on) == ("dev", "accuracy", 8, 24)
    assert (test.part, test.examples) == ("test", 6)
    assert dev.low <= dev.score <= dev.high
    assert dev.baseline == 0.5
    kind = transformers.AutoModelForSequenceClassification
    theirs = kind.from_pretrained(run.checkpoint, local_files_only=True)
    assert theirs.config.id2label == {0: "bad", 1: "good"}
    assert any("accuracy" in line and "baseline 0.500" in line for line in run.lines())


@pytest.mark.parametrize("model", ["pretrained", "xlnet"])
def test_an_interrupted_run_goes_on_bit_for_bit(place, model, monkeypatch):
    whole = finetune(recipe(place, *STEPS, model=model), place / "whole", quiet=True)

    monkeypatch.setenv("BOTHWAYS_MAX_STEPS", "4")
    finetune(recipe(place, *STEPS, model=model), place / "cut", quiet=True)
    monkeypatch.delenv("BOTHWAYS_MAX_STEPS")
    again = finetune(recipe(place, *STEPS, model=model), place / "cut", resume=True, quiet=True)
    assert model_bytes(again) == model_bytes(whole)
    assert [result.score for result in again.results] == [result.score for result in whole.results]


def test_two_processes_learn_what_one_does(place):
    words = [
        "finetune",
        "pretrained",
        "--task",
        "classify",
        "--data",
        "train.csv",
        "--dev",
        "dev.csv",
        "--quiet",
    ]
    words += [*STEPS, "training.micro_batch=2", "dropout=0.0", "attention_dropout=0.0", "task.dropout=0.0"]
    assert main([*words, "--out", "alone"]) == 0
    ended = on_two_ranks(["-m", "bothways", *words, "--out", "two"])
    assert [each.code for each in ended] == [0, 0], "\n".join(each.err for each in ended)
    alone, two = (read_metrics(place / name / "metrics.jsonl") for name in ("alone", "two"))
    losses = [[line["loss"] for line in lines if "loss" in line] for lines in (alone, two)]
    assert len(losses[0]) == 6
    assert losses[1] == pytest.approx(losses[0], rel=2e-5)
    scores = [
        [each.score for each in read_results(place / name / "results.jsonl")] for name in ("alone", "two")
    ]
    assert scores[0] == scores[1]


def test_new_records_are_read_as_those_that_were_learned_from(tmp_path):
    columns = {"text": "review", "pair": None, "label": "stars", "header": "yes"}
    one = {"tasks": {"mood": {"data": {"columns": columns}}}}
    checkpoint = tmp_path / "run" / "checkpoints" / "step-1"
    checkpoint.mkdir(parents=True)
    assert columns_of(checkpoint, None) == {}
    (tmp_path / "run" / "recipe.yaml").write_text(dump(one))
    assert columns_of(checkpoint, None) == columns
    (tmp_path / "run" / "recipe.yaml").write_text(dump({"tasks": {**one["tasks"], "other": {}}}))
    assert columns_of(checkpoint, "mood") == columns
    assert columns_of(checkpoint, "other") == columns_of(checkpoint, None) == {}
    assert columns_of(tmp_path / "run", None) == {}, "a folder from elsewhere"


def test_what_is_to_know_of_the_records_is_told_with_the_numbers(place):
    (place / "train.csv").write_text("text,label\none,a\ntwo,b\nthree,\n")
    (place / "test.csv").write_text("text,label\none,a\nfour,b\n,b\n")
    (part,) = recipe(place, dev=str(place / "train.csv"), test=str(place / "test.csv")).tasks.values()
    said: list[str] = []
    found = read_task("mood", part, said.append)
    missing, empty, *repeated = dict.fromkeys(found.notes)
    assert missing.startswith("left out because")
    assert "train.csv, row 4" in missing
    assert "test.csv, row 4" in empty
    assert repeated[-1] == "1 of 2 test examples (50.0%) also occur in train"
    assert set(found.notes) <= set(said)


def test_the_written_recipe_rebuilds_the_run(place):
    run = finetune(recipe(place, *STEPS), place / "out", quiet=True)
    again = of_file(None, run.folder / "recipe.yaml", [])
    assert again.tasks["classify"].task.labels == ("bad", "good")
    other = finetune(again, place / "other", quiet=True)
    assert model_bytes(other) == model_bytes(run)


def test_training_follows_epochs_and_judges_after_each(place):
    run = finetune(recipe(place, *SHORT, "training.epochs=2"), place / "out", quiet=True)
    assert run.steps == 12
    lines = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "held_out" in line] == [6, 12]
    assert {column for line in lines for column in line} <= COLUMNS | {"classify"}


def test_the_best_checkpoint_is_that_of_the_highest_score(place):
    run = finetune(recipe(place, *STEPS, "training.steps=12"), place / "out", quiet=True)
    lines = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
    held_out = {line["step"]: line["held_out"]["accuracy"] for line in lines if "held_out" in line}
    best = int(run.checkpoint.name.removeprefix("step-"))
    assert held_out[best] == max(held_out.values())


def test_several_seeds_have_folders_of_their_own_and_are_not_trained_twice(place):
    said: list[str] = []
    first = finetune_seeds(recipe(place, *STEPS), 2, place / "out", said.append, quiet=True)
    assert [result.seed for result in first.results] == [1, 2]
    again = finetune_seeds(recipe(place, *STEPS), 3, place / "out", said.append, quiet=True)
    assert [result.seed for result in again.results] == [1, 2, 3]
    assert sum("done before" in line for line in said) == 2
    assert any("mean of seeds" in line for line in again.lines())
    assert sum("dev: only 8 examples" in line for line in again.lines()) == 1


def test_seeds_of_another_recipe_or_other_records_are_not_given_as_new(place):
    def again(*words):
        return finetune_seeds(recipe(place, *STEPS, *words), 1, place / "out", lambda _line: None, quiet=True)

    (first,) = again().results
    assert first.digest == read_inputs(recipe(place, *STEPS), lambda _line: None).digest
    # Not even a longer run: what was asked for is so many steps of each seed.
    for word in ("training.optimizer.learning_rate=0.1", "training.steps=7"):
        with pytest.raises(UsageError, match=f"begun with {word.split('=')[0]}="):
            again(word)
    write_csv(place / "train.csv", records(23))
    with pytest.raises(DataError, match="the train records of task classify have changed"):
        again()


def test_several_tasks_are_trained_over_one_encoder_and_asked_by_name(place):
    (place / "stars.csv").write_text(
        "review,stars\n" + "".join(f"{record.text},{number}.5\n" for number, record in enumerate(records(12)))
    )
    tasks = {
        "mood": {"task": {"kind": "classify"}, "data": {"train": "train.csv", "dev": "dev.csv"}},
        "stars": {
            "task": {"kind": "regress"},
            "data": {"train": "stars.csv", "dev": "stars.csv"},
            "weight": 0.5,
        },
    }
    (place / "tasks.yaml").write_text(dump({"tasks": tasks, "training": {"epochs": None, "steps": 6}}))
    run = finetune(
        of_file(str(place / "pretrained"), place / "tasks.yaml", [*SHORT]), place / "out", quiet=True
    )
    assert {result.task for result in run.results} == {"mood", "stars"}
    said = predict_file(run.folder, str(place / "test.csv"), name="stars").predictions
    assert len(said) == 6
    assert set(said[0]) == {"where", "number"}
    with pytest.raises(UsageError, match=r"several tasks: mood, stars; name one with --as"):
        predict_file(run.folder, str(place / "test.csv"))

    single = finetune(recipe(place, *STEPS, model="out"), place / "single", quiet=True)
    assert {result.task for result in single.results} == {"classify"}


def test_a_fine_tuned_model_may_learn_other_labels_or_another_task(place):
    finetune(recipe(place, *STEPS), place / "two", quiet=True)
    rows = [
        replace(record, label=("bad", "fair", "good")[number % 3])
        for number, record in enumerate(records(24))
    ]
    write_csv(place / "three.csv", rows)
    more = recipe(place, *STEPS, model="two", train=str(place / "three.csv"), dev=str(place / "three.csv"))
    assert foresee(more, lambda _line: None).fresh
    run = finetune(more, place / "three", quiet=True)
    assert describe(run.checkpoint).objective.labels == ("bad", "fair", "good")
    (place / "words.conll").write_text("she O\nwas O\n\nin O\ntown B-X\n" * 4)
    words = {"train": str(place / "words.conll"), "dev": str(place / "words.conll")}
    tags = asked_for(place / "two", kind="tag", data=words, file=None, words=STEPS)
    assert describe(finetune(tags, place / "tags", quiet=True).checkpoint).objective.kind == "tag"


def test_predict_refuses_words_that_say_nothing_to_it(place, capsys):
    run = finetune(recipe(place, *STEPS), place / "out", quiet=True)
    (place / "new.tsv").write_text("first\tsecond\nshe was glad\the was sad\n")
    for wrong, hint in (("colums.text=second", "did you mean 'columns'"), ("columns.txt=second", "'text'")):
        assert main(["predict", str(run.folder), "new.tsv", wrong]) == UsageError.exit_code
        assert hint in capsys.readouterr().err
    found = [
        predict_file(run.folder, "new.tsv", [word]).predictions
        for word in ("columns.text=second", "data.columns.text=second", "columns.text=first")
    ]
    assert found[0] == found[1] != found[2]


def test_predict_computes_where_it_is_told(place, capsys, monkeypatch):
    run = finetune(recipe(place, *STEPS), place / "out", quiet=True)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert main(["predict", str(run.folder), "test.csv", "--device", "cpu", "--quiet"]) == 0
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    for device, hint in (("cuda", "PyTorch sees no GPU here"), ("gpu", "choose one of: auto, cpu, cuda")):
        assert main(["predict", str(run.folder), "test.csv", "--device", device]) == UsageError.exit_code
        assert hint in capsys.readouterr().err


def test_predictions_are_written_as_json_lines(place):
    run = finetune(recipe(place, *STEPS), place / "out", quiet=True)
    (place / "new.csv").write_text("text\nshe was glad\ncold and grey\n")
    assert (
        main(
            [
                "predict",
                str(run.folder),
                str(place / "new.csv"),
                "--out",
                str(place / "said.jsonl"),
                "--quiet",
            ]
        )
        == 0
    )
    first, second = (json.loads(line) for line in (place / "said.jsonl").read_text().splitlines())
    assert first["where"].endswith("new.csv, row 2")
    assert second["label"] in ("good", "bad")


def test_a_dry_run_reads_everything_and_writes_nothing(place):
    said: list[str] = []
    foreseen = foresee(recipe(place, *STEPS), said.append)
    assert foreseen.steps == 6
    assert any("by adamw at a learning rate of 0.003" in line for line in foreseen.lines())
    unsaid = foresee(recipe(place, *STEPS[:4]), said.append)
    assert any("at a learning rate of 0.0003" in line for line in unsaid.lines())
    assert any("reads column 'text' as text, 'label' as label" in line for line in said)
    assert {path.name for path in place.iterdir()} == {
        "pretrained",
        "xlnet",
        "train.csv",
        "dev.csv",
        "test.csv",
    }


def test_the_kind_of_task_is_guessed_from_the_file(place):
    given = {"train": str(place / "train.csv")}
    assert asked_for(place / "pretrained", kind=None, data=given, file=None, words=[]).tasks.keys() == {
        "classify"
    }


def test_judging_computes_where_the_recipe_says(place, monkeypatch):
    asked = []

    def choose(kind="auto", local_rank=0):
        asked.append(kind)
        return torch.device("cpu")

    monkeypatch.setattr("bothways.runtime.choose_device", choose)
    finetune(recipe(place, *STEPS, "training.steps=1", "training.device=cpu"), place / "out", quiet=True)
    assert set(asked) == {"cpu"}


def test_another_model_or_other_records_are_not_a_resume(place):
    inputs = read_inputs(recipe(place), lambda _line: None)
    write = (place / ENVIRONMENT).write_text
    with pytest.raises(CheckpointError, match="missing or damaged"):
        refuse_other_inputs(place, inputs)
    write(json.dumps({"fingerprints": inputs.fingerprints}))
    refuse_other_inputs(place, inputs)

    write_csv(place / "moved.csv", records(24))
    moved = read_inputs(recipe(place, train=str(place / "moved.csv")), lambda _line: None)
    refuse_other_inputs(place, moved)
    write_resolved(inputs.recipe, place / "recipe.yaml")
    for free in (MAY_GROW, WHERE):
        refuse_other_recipe(place, moved.recipe, free)
    assert moved.digest == inputs.digest

    write_csv(place / "dev.csv", records(7))
    with pytest.raises(DataError, match="the dev records of task classify have changed"):
        refuse_other_inputs(place, read_inputs(recipe(place), lambda _line: None))
    write_csv(place / "dev.csv", records(8))
    flip(place / "pretrained" / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"the model .*pretrained has changed"):
        refuse_other_inputs(place, read_inputs(recipe(place), lambda _line: None))


def test_a_damaged_checkpoint_is_set_aside_and_the_run_goes_on_before_it(place, capsys):
    finetune(recipe(place, *STEPS), place / "out", quiet=True)
    flip(place / "out/checkpoints/step-00000006/model.safetensors")
    finetune(recipe(place, *STEPS), place / "out", resume=True)
    names = {path.name for path in (place / "out/checkpoints").iterdir()}
    assert {"damaged-step-00000006", "step-00000006"} <= names
    assert "going on from step-00000004" in capsys.readouterr().err


def test_a_model_may_be_named_by_a_file_of_tasks_alone(place, capsys):
    tasks = {"mood": {"task": {"kind": "classify"}, "data": {"train": "train.csv"}}}
    (place / "tasks.yaml").write_text(dump({"tasks": tasks}))
    assert main(["finetune", "--tasks", "tasks.yaml"]) == UsageError.exit_code
    assert "tasks.yaml names no model to train; give RUN, or set `model` there" in capsys.readouterr().err
    named = asked_for(None, kind=None, data={}, file=place / "tasks.yaml", words=["model=pretrained"])
    assert named.model == "pretrained"
    assert main(["finetune", "--tasks", "tasks.yaml", "model=pretrained", "--dry-run", "--quiet"]) == 0
    with pytest.raises(UsageError, match="there is no model to train"):
        asked_for(None, kind="classify", data={"train": "train.csv"}, file=None, words=[])


def test_strict_is_about_the_records_of_all_tasks(place):
    part = {"task": {"kind": "classify"}, "data": {"train": "train.csv"}}
    (place / "tasks.yaml").write_text(dump({"tasks": {"one": part, "other": part}}))
    found = asked_for(
        place / "pretrained", kind=None, data={}, file=place / "tasks.yaml", words=[], strict=True
    )
    assert [each.data.strict for each in found.tasks.values()] == [True, True]


MISTAKES = {
    "no data": ([], UsageError, "nothing to learn from"),
    "unknown task": (["--task", "clasify", "--data", "train.csv"], UsageError, "did you mean 'classify'"),
    "no such file": (["--data", "nowhere.csv"], DataError, "nowhere.csv"),
    "wrong column": (
        ["--task", "classify", "--data", "train.csv", "data.columns.text=txt"],
        UsageError,
        "has no column 'txt'; did you mean 'text'",
    ),
    "unseen label": (
        ["--task", "classify", "--data", "train.csv", "--dev", "odd.csv"],
        DataError,
        "all of its rows are bad (1), mostly because the label is none of task.labels; see odd.csv, row 2 ('odd'",
    ),
    "label that is not learned": (
        ["--task", "classify", "--data", "train.csv", "task.labels=[good, odd]"],
        DataError,
        "train.csv, row 3: the label is none of task.labels ('bad', choose one of: good, odd)",
    ),
    "one label": (["--task", "classify", "--data", "same.csv"], DataError, "have the label 'good'"),
    "too long": (
        ["--task", "classify", "--data", "train.csv", "task.length=900"],
        UsageError,
        "longer than the 512 positions that the model learned; set tasks.classify.task.length=512",
    ),
    "no memory": (
        ["--task", "classify", "--data", "train.csv", "task.long_texts=memory"],
        UsageError,
        "needs a model that remembers",
    ),
    "rows that grow": (
        ["--task", "classify", "--data", "train.csv", "training.schedule.length=[[0.0, 0.5]]"],
        UsageError,
        "training.schedule.length is for pretraining",
    ),
    "a batch that grows": (
        ["--task", "classify", "--data", "train.csv", "training.schedule.batch=[[0.0, 0.5]]"],
        UsageError,
        "training.schedule.batch is for pretraining",
    ),
    "no seeds": (["--data", "train.csv", "--seeds", "0"], UsageError, "--seeds is 0; give 1 or more"),
    "strict": (["--task", "classify", "--data", "gap.csv", "--strict"], DataError, "gap.csv, row 3"),
    "tasks and data": (["--tasks", "tasks.yaml", "--data", "train.csv"], UsageError, "leave out --task"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_with_a_stable_code(mistake, place, capsys):
    (place / "odd.csv").write_text("text,label\nshe was glad,odd\n")
    write_csv(place / "same.csv", [record for record in records(24) if record.label == "good"])
    (place / "gap.csv").write_text("text,label\nshe was glad,good\n,bad\nhe was sad,bad\n")
    arguments, error, words = MISTAKES[mistake]
    assert main(["finetune", "pretrained", *arguments, "--quiet"]) == error.exit_code
    message = capsys.readouterr().err
    assert words in message
    assert message.count("\n") == 1
    assert not (place / "runs").exists()


def test_a_run_is_neither_overwritten_nor_resumed_as_another(place):
    finetune(recipe(place, *STEPS), place / "out", quiet=True)
    with pytest.raises(UsageError, match="already holds a run"):
        finetune(recipe(place, *STEPS), place / "out", quiet=True)
    with pytest.raises(UsageError, match=r"begun with tasks.classify.task.length=128, now it is 64"):
        finetune(recipe(place, *STEPS, "task.length=64"), place / "out", resume=True, quiet=True)
    with pytest.raises(CheckpointError, match="holds no run to resume"):
        finetune(recipe(place, *STEPS), place / "nothing", resume=True, quiet=True)


def test_a_pretrained_model_predicts_nothing_and_a_fine_tuned_one_fills_no_blank(place, capsys):
    with pytest.raises(CheckpointError, match="does no task yet"):
        predict_file(place / "pretrained", str(place / "test.csv"))
    run = finetune(recipe(place, *STEPS), place / "out", quiet=True)
    assert main(["fill", str(run.folder), "she was [?]"]) == UsageError.exit_code
    assert "was fine-tuned to classify" in capsys.readouterr().err


def test_an_interruption_says_how_to_go_on(place, monkeypatch):
    from bothways.training import signals

    class Stops(signals.StopRequest):
        is_set = True

    out = place / "with space"
    with monkeypatch.context() as patch:
        patch.setattr("bothways.training.loop.StopRequest", Stops)
        with pytest.raises(Interrupted) as stopped:
            finetune(recipe(place, *STEPS), out, quiet=True)
    _, words = str(stopped.value).split("continue with: bothways ")
    assert main([*shlex.split(words), "--quiet"]) == 0
    assert (out / "checkpoints/step-00000006").exists()


def test_dev_and_test_records_may_be_limited_too(place):
    said = []
    chosen = recipe(place, "data.judged=3", test=str(place / "test.csv"))
    records_of = read_task("mood", chosen.tasks["classify"], said.append)
    assert (len(records_of.train), len(records_of.dev), len(records_of.test)) == (24, 3, 3)
    assert "3 of 8 dev records are judged (data.judged)" in said
    assert "3 of 6 test records are judged (data.judged)" in said
