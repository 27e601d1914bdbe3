"""Language models taught by others, from text to checkpoint: resumed bit for bit, refused in one line."""

import pytest
from safetensors.torch import load_file
from small_tasks import make_model
from small_text import RECIPES, failing, train, tree, weights_of, write_text
from tiny_runs import assert_same_bits, metrics, saved_state, saved_tensors, set_cap

from bothways.assembly import num_parameters
from bothways.cli import main
from bothways.distil import Asked, distil, language_recipe
from bothways.errors import CheckpointError, UsageError
from bothways.interop.folder import read_model, write_model
from bothways.pretrain import pretrain
from bothways.recipe import resolve, write_resolved
from bothways.tasks import TASKS
from bothways.teachers import MAPS, with_digests

SHORT = ("training.steps=4", "training.save_every=2", "training.evaluate_every=4", "training.keep=9")
INSIDE = ("distil.hidden=1.0", "distil.attention=1.0", "backbone.width=16")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Text, and a teacher of each family."""
    place = tmp_path_factory.mktemp("distil")
    text = write_text(place / "text")
    return {
        "text": text,
        **{model: train(model, text, place / model, *SHORT, "seed=7") for model in ("bert", "xlnet")},
        "short": train("bert", text, place / "short", "training.steps=1", "backbone.max_positions=32"),
    }


def student_words(made, model, *more, teacher=None):
    _, *words = RECIPES[model]
    asked = Asked(
        [str(teacher or made[model].folder)],
        RECIPES[model][0],
        {"train": str(made["text"])},
        [*words, f"data.shards='{made['text']}-{model}'", *SHORT, *more],
    )
    return language_recipe(asked)


@pytest.mark.parametrize("model", ["bert", "xlnet"])
def test_a_student_is_a_run_that_goes_on_bit_for_bit(model, made, tmp_path, monkeypatch):
    recipe = student_words(made, model, *INSIDE)
    before = tree(made[model].folder)
    whole = pretrain(recipe, tmp_path / "whole", quiet=True)
    set_cap(monkeypatch, 2)
    pretrain(recipe, tmp_path / "cut", quiet=True)
    monkeypatch.delenv("BOTHWAYS_MAX_STEPS")
    # The recipe that was written down names the teacher, so nothing else is needed.
    again = pretrain(resolve(str(tmp_path / "cut/recipe.yaml")), tmp_path / "cut", resume=True, quiet=True)
    assert_same_bits(saved_tensors(again.checkpoint), saved_tensors(whole.checkpoint))
    assert saved_state(again.checkpoint) == saved_state(whole.checkpoint)
    cut, uncut = (metrics(tmp_path / name, "held_out") for name in ("cut", "whole"))
    assert cut == uncut
    assert tree(made[model].folder) == before
    assert {"distil_predictions", "distil_hidden", "distil_attention"} <= cut[0].keys()


def test_the_folder_of_a_student_is_that_of_any_model(made, tmp_path):
    taught = pretrain(student_words(made, "bert", *INSIDE), tmp_path / "taught", quiet=True)
    alone = train("bert", made["text"], tmp_path / "alone", *SHORT, "backbone.width=16")
    assert weights_of(taught.checkpoint).keys() == weights_of(alone.checkpoint).keys()
    model, missing = read_model(taught.checkpoint)
    assert missing == []
    count = '"parameters": ' + str(num_parameters(model))
    assert count in (tmp_path / "taught/environment.json").read_text()
    # Two widths, so every layer and the embeddings have a map; it lies beside the model, not in it.
    assert {tuple(value.shape) for value in load_file(taught.checkpoint / MAPS).values()} == {(32, 16)}
    written = (taught.checkpoint / "README.md").read_text()
    assert "taught by" in written


def test_a_teacher_moves_the_student(made, tmp_path):
    alone = pretrain(
        student_words(made, "bert", "distil.mix=0.0", "distil.hidden=1e-9"), tmp_path / "0", quiet=True
    )
    taught = pretrain(student_words(made, "bert", "distil.mix=1.0"), tmp_path / "1", quiet=True)
    left, right = weights_of(alone.checkpoint), weights_of(taught.checkpoint)
    assert any(float((left[name] - right[name]).abs().max()) > 1e-4 for name in left)


def test_a_student_is_resumed_with_its_own_teacher_only(made, tmp_path, capsys):
    recipe = student_words(made, "bert")
    pretrain(recipe, tmp_path / "run", quiet=True)
    known = resolve(str(tmp_path / "run/recipe.yaml")).distil
    assert with_digests(known) == known
    other = train("bert", made["text"], tmp_path / "other", *SHORT, "seed=9")
    with pytest.raises(CheckpointError, match="has changed since this run began"):
        with_digests(known.model_copy(update={"teachers": (str(other.folder),)}))
    words = ["--resume", f"distil.teachers=['{other.folder}']", "distil.digests=[]"]
    _, said = failing(capsys, "pretrain", tmp_path / "run", *words)
    assert "was begun with distil=" in said


def into_run(made, student, *words, teacher="bert"):
    return Asked([str(made[teacher].folder)], str(student), {"train": str(made["text"])}, words)


@pytest.mark.parametrize("resume", [False, True])
def test_a_student_that_is_pretrained_begins_with_its_own_weights(resume, made, tmp_path, monkeypatch):
    called = {}
    monkeypatch.setattr("bothways.distil.pretrain", lambda *words, **more: called.update(more, words=words))
    distil(into_run(made, made["short"].folder), tmp_path / "out", print, resume=resume)
    recipe, out = called["words"]
    assert (recipe.backbone.max_positions, out) == (32, tmp_path / "out")
    assert recipe.tokenizer.path == str(made["short"].checkpoint)
    assert called["start_from"] == (None if resume else made["short"].checkpoint)


def test_weights_that_cannot_be_taken_over_are_refused(made, tmp_path):
    with pytest.raises(UsageError, match="holds weights but no recipe to train them by"):
        language_recipe(into_run(made, made["short"].checkpoint))
    tuned = make_model("bert", TASKS["classify"][0](labels=("bad", "good")))
    write_model(tmp_path, tuned, tuned.objective.settings, (), facts={})
    with pytest.raises(UsageError, match=r"was fine-tuned to a task and .* is a language model"):
        language_recipe(into_run(made, tmp_path))


def test_a_recipe_that_was_distilled_before_forgets_its_teachers(made, tmp_path):
    recipe = student_words(made, "bert")
    known = recipe.model_copy(update={"distil": with_digests(recipe.distil)})
    write_resolved(known, tmp_path / "recipe.yaml")
    again = language_recipe(into_run(made, tmp_path / "recipe.yaml", teacher="short"))
    assert again.distil.digests == ()
    assert again.distil.teachers == (str(made["short"].folder),)


MISTAKES = {
    "tokenizer": (["bert-tiny", "format.length=32"], "has another tokenizer than the student"),
    "objective": (["xlnet-tiny"], "was trained with objective masked, the student learns permutation"),
    "generator": (["electra-tiny"], "its generator predicts, and would learn in place of the encoder"),
    "length": (
        ["bert-tiny", "format.length=64", "backbone.max_positions=64"],
        "reads rows of 32 tokens at most",
    ),
    "nothing": (["bert-tiny", "distil.mix=0"], "nothing is learned from the teachers"),
    "two inside": (["bert-tiny", "distil.hidden=1"], "about the inside of one teacher"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_teachers_that_do_not_fit_are_refused_before_any_work(mistake, made, tmp_path, capsys):
    (recipe, *words), sentence = MISTAKES[mistake]
    teachers = [str(made["short"].folder)] * (2 if mistake == "two inside" else 1)
    tokenizer = [] if mistake == "tokenizer" else [f"tokenizer.path='{made['short'].checkpoint}'"]
    given = [f"distil.teachers={teachers}", f"data.train='{made['text']}'", *tokenizer, *words]
    _, said = failing(capsys, "pretrain", recipe, *given, "--out", tmp_path / "out")
    assert sentence in said
    assert not (tmp_path / "out").exists()


def test_a_dry_run_of_a_student_writes_nothing(made, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["distil", str(made["bert"].folder), "--into", "bert-tiny", "--data", str(made["text"])]
    assert main([*words, "format.length=32", *INSIDE, "backbone.heads=2", "--dry-run"]) == 0
    assert "bert-tiny-distilled: everything fits together" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_held_out_text_of_a_language_model_is_not_named(made, tmp_path, capsys):
    words = ["distil", made["bert"].folder, "--into", "bert-tiny", "--data", made["text"], "--dev", "dev.txt"]
    _, said = failing(capsys, *words)
    assert "text is held out of its data by itself" in said


def test_no_seed_is_refused_before_a_teacher_is_looked_for(capsys):
    words = ["distil", "nowhere", "--into", "bert-tiny", "--data", "nothing.csv", "--seeds", "0"]
    assert main(words) == UsageError.exit_code
    assert "--seeds is 0; give 1 or more" in capsys.readouterr().err
