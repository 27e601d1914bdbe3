"""What a run takes over from the weights that it starts from, what stays its recipe's, and what is refused."""

import pytest
from small_text import COMMON, command, failing, train, weights_of, write_text

from bothways.checks import check
from bothways.cli import main
from bothways.errors import UsageError
from bothways.handover import continued, taken_over
from bothways.interop.folder import describe
from bothways.pretrain import pretrain
from bothways.recipe import resolve

ONE_STEP = ("training.steps=1",)


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    return write_text(tmp_path_factory.mktemp("handover") / "text")


@pytest.fixture(scope="module")
def begun(text):
    """Weights of each backbone; tests only read them."""
    place = text.parent
    modern = [*COMMON, f"data.train='{text}'", f"data.shards='{place}/modern-shards'", *ONE_STEP]
    roberta = [*COMMON, f"data.train='{text}'", f"data.shards='{place}/roberta-shards'", *ONE_STEP]
    runs = {
        "bert": train("bert", text, place / "bert", *ONE_STEP),
        "xlnet": train("xlnet", text, place / "xlnet", *ONE_STEP),
        "modern": pretrain(resolve("modern-tiny", modern), place / "modern", quiet=True),
        "roberta": pretrain(resolve("roberta-tiny", roberta), place / "roberta", quiet=True),
    }
    return {name: run.checkpoint for name, run in runs.items()}


def test_modernbert_goes_on_with_longer_rows_and_slower_positions(text, begun, tmp_path, capsys):
    """Its second phase: rows of 8,192, not 1,024, and a global theta of 160,000, not 10,000, on the same weights."""
    before = describe(begun["modern"]).settings
    assert before.global_theta == 10_000
    out = tmp_path / "longer"
    words = ["format.length=256", "backbone.global_theta=160000", "training.optimizer.learning_rate=1e-9"]
    place = [f"data.train={text}", f"data.shards={tmp_path}/shards", "data.held_out=8", "data.workers=1"]
    rest = ["training.batch=2", "training.precision=float32", "training.threads=1", *ONE_STEP]
    code = main(
        ["pretrain", "modern-tiny", "--from", str(begun["modern"]), "--out", str(out), *words, *place, *rest]
    )
    said = capsys.readouterr().err
    assert code == 0, said
    after = out / "checkpoints/step-00000001"
    recipe = resolve("modern-tiny").backbone
    training = {name: getattr(recipe, name) for name in recipe.of_training}
    assert describe(after).settings == before.model_copy(update={"global_theta": 160_000.0, **training})
    assert resolve(str(out)).format.length == 256
    for name, weight in weights_of(begun["modern"]).items():
        assert (weights_of(after)[name] - weight).abs().max() < 1e-6
    assert "as in the weights, not as in the recipe: backbone.width=32, backbone.feed_forward=64\n" in said


def test_what_no_weight_depends_on_stays_as_trained_unless_words_change_it(begun):
    recipe = resolve("modern-tiny", ["backbone.window=9", "backbone.global_every=2", "backbone.dropout=0.3"])
    trained = describe(begun["modern"]).settings
    plain, told = (
        continued(recipe, begun["modern"], words).backbone for words in ([], ["backbone.window=9"])
    )
    assert (plain.window, plain.global_every, plain.dropout) == (trained.window, trained.global_every, 0.3)
    assert told == plain.model_copy(update={"window": 9})


def test_how_far_a_model_looks_back_is_the_recipes(begun):
    recipe = resolve("xlnet-tiny", ["backbone.memory=77", "backbone.clamp=50"])
    backbone = continued(recipe, begun["xlnet"]).backbone
    assert (backbone.memory, backbone.clamp, backbone.layers, backbone.width) == (77, 50, 2, 32)


@pytest.mark.parametrize(
    ("word", "named"),
    [
        ("backbone.layers=3", "backbone.layers=3 is asked for, but the weights in"),
        ("backbone.activation=relu", "were made with gelu; leave it out, or begin without --from"),
        ("backbone.max_positions=600", "were made with 512"),
        ("backbone.size=mini", "is asked for, but the weights in"),
    ],
)
def test_words_that_ask_for_another_backbone_than_that_of_the_weights_are_refused(
    word, named, text, begun, tmp_path, capsys
):
    code, said = failing(
        capsys,
        "pretrain",
        "bert-tiny",
        "--from",
        begun["bert"],
        "--data",
        text,
        "--out",
        tmp_path / "out",
        word,
    )
    assert code == 2
    assert named in said
    assert not (tmp_path / "out").exists()
    code, said = failing(capsys, "pretrain", "bert-tiny", "--from", begun["bert"], "--dry-run", word)
    assert (code, named in said) == (2, True)


def test_words_that_repeat_what_the_weights_are_go_through(text, begun, tmp_path):
    words = [*command("bert", text, tmp_path / "out", *ONE_STEP), "--from", str(begun["bert"])]
    assert main([*words, "--quiet"]) == 0


def test_a_dry_run_says_what_is_as_in_the_weights(begun, capsys):
    assert main(["pretrain", "bert-tiny", "--from", str(begun["bert"]), "--dry-run"]) == 0
    said = capsys.readouterr().out.splitlines()[0]
    assert said == "as in the weights, not as in the recipe: backbone.width=32, backbone.feed_forward=64"
    recipe = resolve("bert-tiny")
    assert taken_over(recipe, recipe) == []


def test_weights_without_segments_are_told_which_format_they_go_with(begun):
    recipe = continued(resolve("bert-tiny"), begun["roberta"])
    with pytest.raises(UsageError) as caught:
        check(recipe)
    advice = str(caught.value).rpartition("(--from), ")[2]
    assert advice == "format.kind=packed extras=[]"
    check(continued(resolve("bert-tiny", advice.split()), begun["roberta"]))
