"""Students of tasks: whoever teaches, whatever its tokenizer; resumed bit for bit, refused in one line."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from small_tasks import pretrained_folder, records, write_csv
from small_text import failing, tree

from bothways.cli import main
from bothways.distil import Asked, distil
from bothways.errors import CheckpointError, UsageError
from bothways.finetuning.command import finetune
from bothways.finetuning.data import read_tasks
from bothways.finetuning.predicting import predict_file
from bothways.finetuning.students import draw
from bothways.finetuning.teaching import settings_of, soft_targets, with_teachers
from bothways.interop.folder import describe
from bothways.recipe import resolve
from bothways.recipe_files import dump
from bothways.task_recipe import of_file, of_one_task
from bothways.teachers import is_same_tokenizer
from bothways.text.tokenizer import TokenizerSettings, load_tokenizer, train_tokenizer
from bothways.training.run_folder import resolve_run

SHORT = (
    "training.threads=1",
    "training.precision=float32",
    "training.batch=4",
    "training.log_every=1",
    "training.optimizer.learning_rate=3e-3",
    "training.epochs=null",
    "training.steps=4",
    "training.evaluate_every=2",
    "training.save_every=2",
    "training.keep=9",
)
DATA = {"train": "train.csv", "dev": "dev.csv"}
TINY = ("backbone.width=16", "backbone.heads=2", "backbone.feed_forward=16")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with two teachers of one task, an XLNet among them, and labelled files."""
    place = tmp_path_factory.mktemp("made")
    pretrained_folder(place / "pretrained")
    pretrained_folder(place / "xlnet", "transformer_xl", objective="permutation", memory=8)
    write_csv(place / "train.csv", records(12))
    write_csv(place / "dev.csv", records(8))
    write_csv(place / "bare.csv", records(12))
    (place / "bare.csv").write_text("text\n" + "".join(f"{record.text}\n" for record in records(12)))
    data = {part: str(place / path) for part, path in DATA.items()}
    for name, model in (("one", "pretrained"), ("other", "xlnet")):
        finetune(of_one_task(str(place / model), "classify", data, SHORT), place / name, quiet=True)
    return place


@pytest.fixture
def place(made, monkeypatch, tmp_path):
    """The same folder, in which a test works; what it writes goes elsewhere."""
    monkeypatch.chdir(made)
    return tmp_path


def asked(*teachers, into="bert-tiny", data=DATA, words=()):
    return Asked(teachers or ("one",), into, data, (*SHORT, *(TINY if into == "bert-tiny" else ()), *words))


def silently(_line):
    pass


def model_bytes(run):
    return (max((run.folder / "checkpoints").glob("step-*")) / "model.safetensors").read_bytes()


def test_a_fresh_student_has_the_tokenizer_and_the_labels_of_its_teacher(place):
    run = distil(asked(), place / "out", silently, quiet=True)
    assert describe(run.checkpoint).settings.width == 16
    assert describe(run.checkpoint).objective.labels == ("bad", "good")
    assert load_tokenizer(run.checkpoint).to_str() == load_tokenizer(place / "out/student/bert-tiny").to_str()
    (result,) = run.results
    assert (result.model, result.part, result.trained_on) == ("bert-tiny", "dev", 12)
    card = (run.checkpoint / "README.md").read_text()
    assert "| drawn anew as | bert-tiny |" in card
    assert "tuned from" not in card
    written = of_file(None, run.folder / "recipe.yaml", []).tasks["classify"].distil
    assert written.teachers == ("one",)
    assert len(written.digests[0]) == 64


def test_what_teachers_say_is_the_mean_of_what_each_predicts(place, made):
    words = ["distil.teachers=[one, other]", "distil.temperature=1.0"]
    recipe = with_teachers(of_one_task("pretrained", "classify", DATA, [*SHORT, *words]))
    tasks = read_tasks(recipe, "cls_first", is_causal=False, say=silently)
    said = soft_targets(recipe, tasks, silently, torch.device("cpu"))["classify"]
    each = [predict_file(made / name, "train.csv").predictions for name in ("one", "other")]
    for number, (first, second) in enumerate(zip(*each, strict=True)):
        wanted = [
            (first["probabilities"][label] + second["probabilities"][label]) / 2 for label in ("bad", "good")
        ]
        np.testing.assert_allclose(said[number], wanted, atol=1e-6)


def test_teachers_and_student_may_have_different_tokenizers(place):
    own = train_tokenizer(["he was glad and she was sad ."] * 3, TokenizerSettings(kind="bpe"))
    (place / "tokens").mkdir()
    own.save(str(place / "tokens/tokenizer.json"))
    draw(resolve("xlnet-tiny", TINY), place / "tokens", place / "student")
    run = distil(asked("one", "other", into=str(place / "student")), place / "out", silently, quiet=True)
    assert describe(run.checkpoint).layout == "cls_last"
    assert not is_same_tokenizer(run.checkpoint, resolve_run("one"))
    assert run.steps == 4


def test_an_interrupted_student_goes_on_bit_for_bit(place, monkeypatch):
    whole = distil(asked(), place / "whole", silently, quiet=True)
    monkeypatch.setenv("BOTHWAYS_MAX_STEPS", "2")
    distil(asked(), place / "cut", silently, quiet=True)
    monkeypatch.delenv("BOTHWAYS_MAX_STEPS")
    again = distil(asked(), place / "cut", silently, resume=True, quiet=True)
    assert model_bytes(again) == model_bytes(whole)
    other = distil(asked(words=["distil.mix=0.0"]), place / "other", silently, quiet=True)
    assert model_bytes(other) != model_bytes(whole)


def test_records_without_labels_are_enough(place):
    bare = {"train": "bare.csv", "dev": "dev.csv"}
    run = distil(asked(data=bare, words=["distil.mix=1"]), place / "out", silently, quiet=True)
    assert run.results[0].trained_on == 12


def test_one_task_of_several_may_have_teachers(place):
    tasks = {
        "classify": {"task": {"kind": "classify"}, "data": DATA, "distil": {"teachers": ["one"]}},
        "again": {"task": {"kind": "classify"}, "data": DATA},
    }
    (place / "tasks.yaml").write_text(dump({"tasks": tasks}))
    run = finetune(of_file("pretrained", place / "tasks.yaml", SHORT), place / "out", quiet=True)
    assert {result.task for result in run.results} == {"classify", "again"}
    assert settings_of(run.folder, "again").kind == "classify"
    # A teacher of several tasks teaches the one that is named so.
    student = distil(
        Asked((str(run.folder),), "pretrained", DATA, SHORT, name="again"),
        place / "student",
        silently,
        quiet=True,
    )
    assert [result.task for result in student.results] == ["again"]
    with pytest.raises(UsageError, match="does several tasks, classify, again, none of them called mood"):
        settings_of(run.folder, "mood")


def test_a_teacher_that_changed_is_noticed(place):
    without = shutil.ignore_patterns("MANIFEST.json", "training_state")
    teacher = shutil.copytree(resolve_run("one"), place / "teacher", ignore=without)
    run = distil(asked(str(teacher)), place / "out", silently, quiet=True)
    config = json.loads((teacher / "config.json").read_text())
    (teacher / "config.json").write_text(json.dumps(config | {"changed": True}))
    # The advice names the key that the recipe of the run has.
    advice = r"has changed since this run began.* with tasks\.classify\.distil\.digests=\[\]"
    with pytest.raises(CheckpointError, match=advice):
        finetune(of_file(None, run.folder / "recipe.yaml", []), run.folder, resume=True, quiet=True)


def test_each_seed_begins_with_a_student_of_its_own(place):
    distil(asked(words=["training.steps=1"]), place / "out", silently, seeds=2, quiet=True)
    recipes = [of_file(None, place / f"out/seed-{seed}/recipe.yaml", []) for seed in (1, 2)]
    drawn = [load_file(Path(recipe.model) / "model.safetensors") for recipe in recipes]
    name = "bert.embeddings.word_embeddings.weight"
    assert not torch.equal(drawn[0][name], drawn[1][name])


def test_nothing_is_written_before_the_folder_and_the_records_are_known_to_be_right(place, made, capsys):
    before = tree(made / "one")
    words = ["distil", "one", "--into", "bert-tiny", *TINY, "--data", "train.csv", "--quiet"]
    for out, more, sentence in (
        ("one", ["--dev", "dev.csv"], "one already holds a run"),
        ("one", ["--dev", "dev.csv", "--resume"], "holds a run of another model than a fresh bert-tiny"),
        (place / "out", ["--dev", "bare.csv"], "label"),
        (place / "out", ["task.length=9999"], "is longer than the"),
    ):
        assert sentence in failing(capsys, *words, *more, "--out", out)[1]
    assert tree(made / "one") == before
    assert not (place / "out").exists()


MISTAKES = {
    "no teacher": (["distil.mix=1", "--data", "train.csv"], "there is no teacher"),
    "no data": (["one"], "nothing to learn from"),
    "both kinds": (["one", "pretrained", "--data", "train.csv"], "cannot teach the same"),
    "no dev": (["one", "--data", "bare.csv", "distil.mix=1"], "give labelled ones with --dev"),
    "inside": (
        ["one", "--data", "train.csv", "distil.hidden=1"],
        "unknown setting 'tasks.classify.distil.hidden'",
    ),
    "labels": (["one", "--data", "train.csv", "task.labels=[good, bad]"], "the same ones in the same order"),
    "as": (["pretrained", "--data", "train.csv", "--as", "mood"], "is a language model"),
    "resume": (["one", "--data", "train.csv", "--resume"], "--resume needs the folder of the run"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line(mistake, place, capsys):
    arguments, words = MISTAKES[mistake]
    out = [] if mistake == "resume" else ["--out", str(place / "out")]
    assert main(["distil", *arguments, "--into", "bert-tiny", *out, "--quiet"]) == UsageError.exit_code
    message = capsys.readouterr().err
    assert words in message
    assert message.count("\n") == 1


def test_a_teacher_of_another_task_is_refused(place):
    numbers = "review,stars\n" + "".join(
        f"{record.text},{number}.5\n" for number, record in enumerate(records(12))
    )
    (place / "stars.csv").write_text(numbers)
    data = {"train": str(place / "stars.csv"), "dev": str(place / "stars.csv")}
    words = [*SHORT, "distil.teachers=[one]"]
    with pytest.raises(UsageError, match="was fine-tuned to classify, task regress is to regress"):
        finetune(of_one_task("pretrained", "regress", data, words), place / "out", quiet=True)
    with pytest.raises(UsageError, match="was pretrained and does no task yet"):
        finetune(
            of_one_task("pretrained", "classify", DATA, [*SHORT, "distil.teachers=[xlnet]"]),
            place / "out",
            quiet=True,
        )


def test_a_dry_run_leaves_nothing_behind(place, made, capsys):
    before = sorted(made.iterdir())
    words = [
        "distil",
        "one",
        "--into",
        "bert-tiny",
        "--data",
        "train.csv",
        "--dev",
        "dev.csv",
        *SHORT,
        "--dry-run",
    ]
    assert main(words) == 0
    assert "would train classify (classify) from bert-tiny" in capsys.readouterr().out
    assert sorted(made.iterdir()) == before
