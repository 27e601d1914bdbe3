"""From a recipe and text to a model in a run folder."""

import json
import logging
import shutil
from pathlib import Path

import pytest
import torch
import transformers
import yaml
from small_text import command, failing, flip, train, tree, weights_of, words_for, write_text
from tiny_runs import checkpoints, metrics, set_cap

from bothways import pretrain as module
from bothways.cli import main
from bothways.errors import UsageError
from bothways.interop.folder import describe, read_model
from bothways.pretrain import next_folder
from bothways.recipe import resolve
from bothways.text.tokenizer import load_tokenizer, write_tokenizer
from bothways.trained import score

STAGES = "[[0.0, 0.25], [0.9, 1.0]]"
SHORT = ("training.steps=4", "training.save_every=2")


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    return write_text(tmp_path_factory.mktemp("pretrain") / "text")


@pytest.fixture(scope="module")
def finished(text):
    """A finished run of each model; tests only read them."""
    return {model: train(model, text, text.parent / f"run-{model}", *SHORT) for model in ("bert", "xlnet")}


@pytest.mark.parametrize("model", ["bert", "xlnet"])
def test_a_run_folder_holds_what_it_should(model, text, finished):
    outcome = finished[model]
    folder = outcome.folder
    assert {path.name for path in folder.iterdir()} == {
        ".lock", "checkpoints", "environment.json", "metrics.jsonl", "recipe.yaml",
    }  # fmt: skip
    recipe, *words = words_for(model, text, f"{text}-{model}", *SHORT)
    assert resolve(str(folder / "recipe.yaml")) == resolve(recipe, words)
    about = json.loads((folder / "environment.json").read_text())
    assert about["precision"] == "float32 as asked"
    assert about["parameters"] == sum(tensor.numel() for tensor in weights_of(outcome.checkpoint).values())
    assert about["data"]["train_tokens"] > about["data"]["valid_tokens"] > 0
    lines = metrics(folder)
    assert [line["step"] for line in lines] == [1, 2, 3, 4]
    assert lines[-1]["held_out"] == outcome.held_out
    assert (outcome.steps, outcome.tokens) == (4, lines[-1]["tokens"])
    assert outcome.checkpoint == folder / "checkpoints/step-00000004"
    assert outcome.lines()[1] == f"model: {outcome.checkpoint} (transformers loads this folder)"


@pytest.mark.parametrize(
    ("model", "architecture"), [("bert", "BertForPreTraining"), ("xlnet", "XLNetLMHeadModel")]
)
def test_transformers_loads_what_a_run_wrote(model, architecture, finished):
    logging.getLogger("transformers").setLevel(logging.ERROR)
    folder = finished[model].checkpoint
    theirs, info = getattr(transformers, architecture).from_pretrained(
        folder, local_files_only=True, output_loading_info=True
    )
    assert info["missing_keys"] == info["unexpected_keys"] == set()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    ours = load_tokenizer(folder)
    assert tokenizer("Zürich Naïve", "house")["input_ids"] == ours.encode("Zürich Naïve", "house").ids
    assert tokenizer("a", "b")["token_type_ids"] == ours.encode("a", "b").type_ids
    assert sum(p.numel() for p in theirs.parameters()) > 10_000


def test_a_run_whose_rows_grow_says_so_before_it_begins(text, tmp_path, capsys):
    train(
        "bert",
        text,
        tmp_path / "grows",
        "training.steps=1",
        f"training.schedule.length={STAGES}",
        quiet=False,
    )
    said = "rows of 8 tokens at first, 32 from 90% of the budget on (training.schedule.length)"
    assert said in capsys.readouterr().err
    train("bert", text, tmp_path / "stays", "training.steps=1", quiet=False)
    assert "tokens at first" not in capsys.readouterr().err


def test_a_run_says_where_transformers_has_no_class_for_its_model(text, tmp_path):
    words = ("objective.kind=causal", "extras=[]", "training.steps=1")
    assert "(Bothways reads this folder)" in train("bert", text, tmp_path, *words).lines()[1]


def test_the_same_run_twice_is_the_same_model(text, finished, tmp_path):
    again = train("bert", text, tmp_path, *SHORT)
    assert metrics(tmp_path) == metrics(finished["bert"].folder)
    assert (again.checkpoint / "model.safetensors").read_bytes() == (
        finished["bert"].checkpoint / "model.safetensors"
    ).read_bytes()


def test_a_run_without_a_place_gets_the_next_number(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert str(next_folder("bert-tiny")) == "runs/bert-tiny-1"
    assert str(next_folder("table6/1-bert")) == "runs/table6/1-bert-1"
    for name in ("bert-tiny-1", "bert-tiny-9", "bert-tiny-old", "bert-tiny-2x", "xlnet-tiny-30"):
        (tmp_path / "runs" / name).mkdir(parents=True)
    set_cap(monkeypatch, 1)
    assert str(train("bert", text, None, *SHORT).folder) == "runs/bert-tiny-10"


def test_a_longer_budget_goes_on_with_a_finished_run(text, tmp_path):
    train("bert", text, tmp_path, *SHORT)
    more = ("training.steps=6", "training.save_every=2")
    assert train("bert", text, tmp_path, *more, resume=True).steps == 6
    assert [line["step"] for line in metrics(tmp_path)] == [1, 2, 3, 4, 5, 6]
    assert yaml.safe_load((tmp_path / "recipe.yaml").read_text())["training"]["steps"] == 6


def test_the_command_resumes_in_the_folder_of_the_recipe_file(text, tmp_path, monkeypatch, capsys):
    out = tmp_path / "with space"
    set_cap(monkeypatch, 2)
    assert main([*command("bert", text, out, *SHORT), "--quiet"]) == 0
    monkeypatch.delenv("BOTHWAYS_MAX_STEPS")
    assert main(["pretrain", str(out / "recipe.yaml"), "--resume", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["steps"] == 4
    assert checkpoints(out) == ["step-00000002", "step-00000004"]


# ---- starting from weights --------------------------------------------------------------------------------------


def test_a_folder_of_transformers_is_trained_further(text, finished, tmp_path):
    torch.manual_seed(0)
    tokenizer = load_tokenizer(finished["bert"].checkpoint)
    config = transformers.BertConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=16, num_hidden_layers=3, num_attention_heads=2,
        intermediate_size=24, max_position_embeddings=48, hidden_dropout_prob=0.0,
    )  # fmt: skip
    start = tmp_path / "theirs"
    transformers.BertForPreTraining(config).save_pretrained(start)
    write_tokenizer(tokenizer, "cls_first", start, None)
    still = ("training.optimizer.learning_rate=1e-9", "training.optimizer.weight_decay=0.0")
    before = tree(start)
    out = tmp_path / "run"
    outcome = train("bert", text, out, *SHORT, *still, f"data.shards={tmp_path}/shards", start_from=start)
    assert tree(start) == before
    shape = describe(outcome.checkpoint).settings
    # Dropout is a matter of training, so it is the recipe's.
    assert (shape.layers, shape.width, shape.max_positions, shape.dropout) == (3, 16, 48, 0.1)
    begun, ended = weights_of(start), weights_of(outcome.checkpoint)
    assert begun.keys() == ended.keys()
    for name, tensor in begun.items():
        torch.testing.assert_close(ended[name], tensor, rtol=0, atol=1e-7)
    # What was written down is the whole run: it resumes without naming where it began.
    assert main(["pretrain", str(out), "--resume", "training.steps=5", "--quiet"]) == 0


def test_a_run_starts_from_the_best_weights_of_another(text, finished, tmp_path, capsys):
    outcome = train(
        "xlnet",
        text,
        tmp_path,
        *SHORT,
        "extras=[]",
        "seed=5",
        start_from=finished["xlnet"].folder,
        quiet=False,
    )
    assert outcome.steps == 4
    first, last = metrics(tmp_path)[0], metrics(finished["xlnet"].folder)[-1]
    assert abs(first["loss"] - last["loss"]) < 0.3
    assert "drawn anew" not in capsys.readouterr().err


def test_parameters_that_the_weights_lack_are_named(text, tmp_path, finished, capsys):
    plain = train("bert", text, tmp_path / "plain", *SHORT, "extras=[]")
    train("bert", text, tmp_path / "pairs", *SHORT, start_from=plain.folder, quiet=False)
    assert (
        "drawn anew, absent in the weights started from: objective.extras.sentence_pair"
        in capsys.readouterr().err
    )


def test_weights_of_another_backbone_are_refused(text, finished, tmp_path):
    with pytest.raises(
        UsageError, match="holds a bert backbone, the recipe xlnet-tiny trains transformer_xl"
    ):
        train("xlnet", text, tmp_path / "out", *SHORT, start_from=finished["bert"].checkpoint)
    assert not (tmp_path / "out").exists()


# ---- what cannot be resumed -------------------------------------------------------------------------------------


def test_a_run_is_neither_overwritten_nor_resumed_where_there_is_none(text, finished, tmp_path, capsys):
    there = finished["bert"].folder
    before = tree(there)
    code, said = failing(capsys, *command("bert", text, there, *SHORT))
    assert code == 2
    assert (
        f"{there} already holds a run; continue it with --resume, or choose another folder with --out" in said
    )
    code, said = failing(capsys, *command("bert", text, tmp_path / "none", *SHORT), "--resume")
    assert code == 4
    assert "holds no run to resume; leave out --resume to begin one" in said
    assert not (tmp_path / "none").exists()
    assert tree(there) == before


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("training.batch=16", "training.batch=8, now it is 16"),
        ("seed=7", "seed=1, now it is 7"),
        ("objective.rate=0.3", "objective.rate=0.15, now it is 0.3"),
        ("backbone.dropout=0.0", "backbone.dropout=0.1, now it is 0.0"),
        ("extras=[]", "extras=[{'kind': 'sentence_pair', 'weight': 1.0}], now it is []"),
    ],
)
def test_another_recipe_is_not_a_resume(change, named, text, finished, capsys):
    before = tree(finished["bert"].folder)
    code, said = failing(capsys, *command("bert", text, finished["bert"].folder, *SHORT, change), "--resume")
    assert code == 2
    assert f"was begun with {named}, which would be another run" in said
    assert tree(finished["bert"].folder) == before


def test_another_text_is_not_a_resume(finished, tmp_path, capsys):
    folder = finished["bert"].folder
    before = tree(folder)
    other = write_text(tmp_path / "other", seed=3)
    code, said = failing(capsys, *command("bert", other, folder, *SHORT), "--resume")
    assert code == 3
    assert f"the text or tokenizer of {folder} has changed since the run began" in said
    assert tree(folder) == before


def test_prepared_text_is_found_again_and_told_apart(text, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "RUNS", tmp_path)
    recipe = resolve("bert-tiny", [f"data.train={text}"])
    same = resolve(
        "bert-mini", [f"data.train={text}", "tokenizer.published_vocabulary=8000", "data.workers=1"]
    )
    assert module.shards_folder(recipe) == module.shards_folder(same)
    for change in ("tokenizer.lowercase=false", "data.held_out=50", "data.train=elsewhere"):
        other = resolve("bert-tiny", [f"data.train={text}", change])
        assert module.shards_folder(other) != module.shards_folder(recipe)
    model, missing = read_model(train("bert", text, tmp_path / "run", *SHORT).checkpoint)
    assert missing == []
    assert model.vocabulary.size == model.tokenizer.get_vocab_size()


def test_a_recipe_that_is_no_run_is_never_overwritten(text, tmp_path, capsys):
    out = tmp_path / "mine"
    out.mkdir()
    (out / "recipe.yaml").write_text("# my own\nextends: bert-tiny\n")
    for resume in ([], ["--resume"]):
        code, said = failing(capsys, *command("bert", text, out, *SHORT), *resume)
        assert code == 2
        assert "is a recipe but no run was begun beside it" in said
    assert (out / "recipe.yaml").read_text() == "# my own\nextends: bert-tiny\n"


def test_a_run_is_resumed_when_the_model_it_started_from_is_gone(text, finished, tmp_path, monkeypatch):
    start = tmp_path / "start"
    shutil.copytree(finished["bert"].checkpoint, start)
    words = (*SHORT, f"data.shards={tmp_path}/shards")
    out = tmp_path / "run"
    set_cap(monkeypatch, 2)
    train("bert", text, out, *words, start_from=start)
    shutil.rmtree(start)
    set_cap(monkeypatch, 3)
    again = resolve(str(out / "recipe.yaml"))
    assert module.pretrain(again, out, resume=True, quiet=True).steps == 3


def test_the_baseline_is_that_of_the_very_text_a_run_read(text, finished, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    about = finished["bert"].folder / "environment.json"
    assert Path(json.loads(about.read_text())["data"]["shards"]).is_absolute()
    run = tmp_path / "run"
    shutil.copytree(finished["bert"].folder, run)
    held_out = str(text / "00.txt")
    few = ["tokens=4", "spans=0", "words=0"]
    assert score(run, held_out, few).measurements[0].unigram is not None
    changed = json.loads(about.read_text())
    changed["data"]["fingerprint"] = "of another text"
    (run / "environment.json").write_text(json.dumps(changed))
    assert score(run, held_out, few).measurements[0].unigram is None
    (run / "environment.json").write_text("{")
    assert score(run, held_out, few).measurements[0].unigram is None


def test_a_question_says_which_checkpoint_it_passes_over(finished, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(finished["bert"].folder, run)
    best = json.loads((run / "checkpoints/best.json").read_text())["checkpoint"]
    flip(run / "checkpoints" / best / "model.safetensors")
    assert main(["fill", str(run), "alpha [?] ."]) == 0
    assert f"skipped the best checkpoint, {best}" in capsys.readouterr().err


def test_compiling_without_a_compiler_is_refused_in_words(text, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("bothways.runtime.find_compiler", lambda: None)
    code, said = failing(capsys, *command("bert", text, tmp_path / "run", *SHORT, "training.compile=true"))
    assert code == 2
    assert "needs a C++ compiler" in said
