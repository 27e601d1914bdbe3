"""Recipes resolve to typed settings, read back identically, and refuse what does not go together."""

import itertools
from pathlib import Path

import pytest

from bothways.checks import check
from bothways.config import build
from bothways.errors import UsageError
from bothways.interop.configs import family_of
from bothways.model.backbones.transformer_xl import TransformerXLSettings
from bothways.recipe import annotated, resolve, write_resolved
from bothways.recipe_files import names, parse

SIZES = ("tiny", "mini", "small", "medium", "base", "large")


@pytest.mark.parametrize("name", names())
def test_every_built_in_recipe_is_sound_and_reads_back_identical(name: str, tmp_path: Path) -> None:
    recipe = resolve(name)
    check(recipe)
    write_resolved(recipe, tmp_path / "recipe.yaml")
    again = resolve(str(tmp_path / "recipe.yaml"))
    assert again == recipe
    assert again.name == name


def text_of(name: str) -> str:
    from bothways import recipe_files

    return (recipe_files._FOLDER / f"{name}.yaml").read_text()


@pytest.mark.parametrize("name", names())
def test_every_built_in_recipe_is_at_most_thirty_lines_and_extends_one_or_is_extended(name: str) -> None:
    text = text_of(name)
    assert len(text.splitlines()) <= 30
    assert text.startswith("# ")
    assert "extends: " in text or any(f"extends: {name}\n" in text_of(other) for other in names())


FAMILIES = (
    "bert",
    "bert-wwm",
    "roberta",
    "spanbert",
    "transformer-xl",
    "gpt",
    "xlnet",
    "mpnet",
    "electra",
    "modern",
)
OTHER_SHAPES = {"electra-small", "transformer-xl-large", *(f"modern-{size}" for size in SIZES)}
"""Published ones that are deeper or narrower than others of their size, and ModernBERT's own inner sizes."""


def test_every_family_comes_in_every_size() -> None:
    wanted = {f"{family}-{size}" for family in FAMILIES for size in SIZES} | set(FAMILIES)
    assert wanted <= set(names())


@pytest.mark.parametrize(
    ("family", "size"),
    [
        (family, size)
        for family, size in itertools.product(FAMILIES, SIZES)
        if f"{family}-{size}" not in OTHER_SHAPES
    ],
)
def test_a_recipe_has_the_shape_of_its_size(family: str, size: str) -> None:
    shape = {"tiny": (2, 128), "mini": (4, 256), "small": (4, 512), "medium": (8, 512), "base": (12, 768)}
    backbone = resolve(f"{family}-{size}").backbone
    assert (backbone.layers, backbone.width) == shape.get(size, (24, 1024))
    assert backbone.width == 64 * backbone.heads
    assert backbone.feed_forward == 4 * backbone.width


def test_modernberts_recipes_have_the_published_shapes_and_rates() -> None:
    base, large = resolve("modern-base"), resolve("modern-large")
    shapes = [
        (recipe.backbone.layers, recipe.backbone.width, recipe.backbone.heads, recipe.backbone.feed_forward)
        for recipe in (base, large)
    ]
    assert shapes == [(22, 768, 12, 1152), (28, 1024, 16, 2624)]
    for recipe, rate, rows, warmup in ((base, 8e-4, 4608, 3e9), (large, 5e-4, 4928, 2e9)):
        training = recipe.training
        assert (training.optimizer.learning_rate, training.batch) == (rate, rows)
        assert training.optimizer.weight_decay * rate == pytest.approx(1e-5)
        assert training.tokens == 1_719 * 10**9
        assert training.schedule.warmup * training.tokens == pytest.approx(warmup, rel=0.01)
        assert recipe.objective.rate == 0.3
        check(recipe)


@pytest.mark.parametrize("size", ["tiny", "mini", "small"])
def test_a_small_modernbert_has_as_many_weights_in_its_blocks_as_a_bert_of_that_size(size: str) -> None:
    modern, bert = resolve(f"modern-{size}").backbone, resolve(f"bert-{size}").backbone
    assert (modern.layers, modern.width, modern.heads) == (bert.layers, bert.width, bert.heads)
    assert 3 * modern.feed_forward == pytest.approx(2 * bert.feed_forward, rel=0.04)


def test_the_published_hyper_parameters_are_those_of_the_papers() -> None:
    bert, xlnet = resolve("bert-base"), resolve("xlnet-large")
    assert (bert.training.steps, bert.training.batch, bert.training.schedule.warmup) == (1_000_000, 256, 0.01)
    assert bert.training.optimizer.learning_rate == 1e-4
    assert [share * bert.format.length for _, share in bert.training.schedule.length] == [128, 512]
    assert bert.training.schedule.length[1][0] == 0.9
    assert bert.tokenizer.lowercase
    assert not xlnet.tokenizer.lowercase
    assert (xlnet.training.steps, xlnet.training.batch, xlnet.training.schedule.warmup) == (
        500_000,
        8192,
        0.08,
    )
    assert xlnet.training.optimizer.learning_rate == 4e-4
    assert (xlnet.format.length, xlnet.format.reuse, xlnet.backbone.memory) == (512, 256, 384)
    roberta, base = resolve("roberta-large"), resolve("roberta-base")
    for recipe, rate, warmup in ((base, 6e-4, 24_000), (roberta, 4e-4, 30_000)):
        training = recipe.training
        assert (training.steps, training.batch, training.optimizer.clip) == (500_000, 8192, None)
        assert training.schedule.warmup * training.steps == pytest.approx(warmup)
        assert (training.optimizer.learning_rate, training.optimizer.betas) == (rate, (0.9, 0.98))
        assert (recipe.format.kind, recipe.format.length, recipe.extras) == ("packed", 512, [])
        assert (recipe.backbone.num_segments, recipe.backbone.norm_epsilon) == (1, 1e-5)
    for recipe in (bert, xlnet):
        optimizer = recipe.training.optimizer
        assert (optimizer.epsilon, optimizer.weight_decay, optimizer.clip) == (1e-6, 0.01, 1.0)
        assert (recipe.backbone.dropout, recipe.backbone.attention_dropout) == (0.1, 0.1)


def test_the_published_spans_and_their_boundary_loss_are_those_of_the_paper() -> None:
    recipe = resolve("spanbert-large")
    objective, (boundary,) = recipe.objective, recipe.extras
    assert (objective.select, objective.longest, objective.stop, objective.rate) == ("span", 10, 0.2, 0.15)
    assert (boundary.kind, boundary.longest, boundary.place_width) == ("span_boundary", 15, 200)
    training, optimizer = recipe.training, recipe.training.optimizer
    assert (training.steps, training.batch, recipe.format.length) == (2_400_000, 256, 512)
    assert round(training.schedule.warmup * training.steps) == 10_000
    assert (optimizer.learning_rate, optimizer.epsilon, optimizer.betas) == (1e-4, 1e-8, (0.9, 0.999))
    assert not recipe.tokenizer.lowercase


def test_the_published_gpt_is_that_of_the_paper() -> None:
    recipe = resolve("gpt-base")
    training = recipe.training
    assert (recipe.objective.kind, recipe.objective.prefix, recipe.extras) == ("causal", 0.0, [])
    assert (training.batch, recipe.format.length, recipe.backbone.max_positions) == (512, 1024, 1024)
    assert (recipe.tokenizer.published_vocabulary, recipe.tokenizer.lowercase) == (50_257, False)
    assert training.optimizer.learning_rate == 2.5e-4
    assert (training.schedule.kind, round(training.schedule.warmup * training.steps)) == ("cosine", 2000)
    assert (training.optimizer.weight_decay, recipe.backbone.dropout) == (0.01, 0.1)


@pytest.mark.parametrize("name", [name for name in names() if name.startswith("gpt")])
def test_every_gpt_has_the_layout_of_gpt2_which_transformers_knows(name: str) -> None:
    assert family_of(resolve(name).backbone) == "gpt2"


def test_the_published_mpnet_is_that_of_its_released_recipe() -> None:
    recipe = resolve("mpnet-base")
    training, optimizer = recipe.training, recipe.training.optimizer
    assert (recipe.objective.kind, recipe.objective.rate, recipe.objective.select) == ("mpnet", 0.15, "word")
    assert (recipe.tokenizer.published_vocabulary, recipe.tokenizer.specials) == (30527, "mpnet")
    assert (recipe.format.kind, recipe.format.length, recipe.backbone.norm_epsilon) == ("packed", 512, 1e-5)
    assert (training.steps, training.batch, round(training.schedule.warmup * training.steps)) == (
        125_000,
        2048,
        10_000,
    )
    assert (optimizer.learning_rate, optimizer.betas, optimizer.clip) == (5e-4, (0.9, 0.98), None)


def test_the_published_electra_is_that_of_the_paper() -> None:
    published = {
        # layers × width, heads, embeddings; generator; rate, length, batch, steps, learning rate
        "small": ((12, 256, 4, 128), (64, 1), (0.15, 128, 128, 1_000_000, 5e-4)),
        "base": ((12, 768, 12, 768), (256, 4), (0.15, 512, 256, 766_000, 2e-4)),
        "large": ((24, 1024, 16, 1024), (256, 4), (0.25, 512, 2048, 400_000, 2e-4)),
    }
    for size, (shape, narrow, numbers) in published.items():
        recipe = resolve(f"electra-{size}")
        backbone, objective, training = recipe.backbone, recipe.objective, recipe.training
        optimizer = training.optimizer
        assert (backbone.layers, backbone.width, backbone.heads, backbone.embedding_width) == shape
        assert backbone.feed_forward == 4 * backbone.width
        generator = backbone.narrowed(objective.generator_size)
        assert (generator.width, generator.heads, generator.feed_forward) == (*narrow, 4 * narrow[0])
        found = (
            objective.rate,
            recipe.format.length,
            training.batch,
            training.steps,
            optimizer.learning_rate,
        )
        assert found == numbers
        assert round(training.schedule.warmup * training.steps) == 10_000
        assert (objective.mask_share, objective.random_share, objective.weight) == (1.0, 0.0, 50.0)
        assert (optimizer.betas, optimizer.epsilon, optimizer.weight_decay) == ((0.9, 0.999), 1e-6, 0.01)
        assert (recipe.extras, recipe.format.pair, recipe.tokenizer.lowercase) == ([], "follow", True)


@pytest.mark.parametrize("size", SIZES)
def test_bert_with_whole_words_is_bert_with_one_change(size: str) -> None:
    plain, whole = resolve(f"bert-{size}"), resolve(f"bert-wwm-{size}")
    assert whole.objective.select == "word"
    assert whole == plain.model_copy(update={"name": f"bert-wwm-{size}", "objective": whole.objective})


def test_words_change_settings_and_keep_their_types() -> None:
    recipe = resolve("bert-tiny", ["training.steps=20000", "training.optimizer.learning_rate=3e-4", "seed=7"])
    assert recipe.training.steps == 20000
    assert recipe.training.optimizer.learning_rate == 3e-4
    assert recipe.seed == 7


def test_a_size_rescales_any_recipe_even_a_resolved_one(tmp_path: Path) -> None:
    write_resolved(resolve("xlnet-base"), tmp_path / "recipe.yaml")
    rescaled = resolve(str(tmp_path / "recipe.yaml"), ["backbone.size=mini"])
    assert (rescaled.backbone.layers, rescaled.backbone.width, rescaled.backbone.feed_forward) == (
        4,
        256,
        1024,
    )
    mixed = resolve("xlnet-base", ["backbone.size=mini", "backbone.layers=7"])
    assert (mixed.backbone.layers, mixed.backbone.width) == (7, 256)


def test_a_budget_in_minutes_takes_the_place_of_steps(tmp_path: Path) -> None:
    write_resolved(resolve("bert-tiny"), tmp_path / "recipe.yaml")
    recipe = resolve(str(tmp_path / "recipe.yaml"), ["training.minutes=10"])
    assert (recipe.training.steps, recipe.training.minutes) == (None, 10)
    check(recipe)


def test_a_file_extends_a_built_in_recipe(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("extends: xlnet-mini\nobjective: {one_in: 7}\n")
    recipe = resolve(str(tmp_path / "mine.yaml"))
    assert recipe.name == "mine"
    assert (recipe.objective.kind, recipe.objective.one_in, recipe.objective.longest) == ("permutation", 7, 5)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("training.stepps=3", "unknown setting 'training.stepps'; did you mean 'steps'"),
        ("trainng.steps=3", "unknown setting 'trainng'; did you mean 'training'"),
        ("format.lenght=64", "unknown setting 'format.lenght'; did you mean 'length'"),
        ("training.optimizer.learning_rte=1", "did you mean 'learning_rate'"),
        ("extras.0.wieght=2", "unknown setting 'extras.0.wieght'; did you mean 'weight'"),
        (
            "objective.kind=permutations",
            "unknown kind 'permutations' of 'objective'; did you mean 'permutation'",
        ),
        ("training.steps=many", "setting 'training.steps' is 'many': input should be a valid integer"),
        ("training.steps=2.5", "'training.steps' is 2.5"),
        ("training.optimizer.learning_rate=fast", "'training.optimizer.learning_rate' is 'fast'"),
        ("backbone.size=huge", "setting 'backbone.size' is 'huge'"),
        ("tokenizer.vocabulary=all", "'tokenizer.vocabulary' is 'all'"),
        ("data.train=[1, 2]", "'data.train'"),
        ("format=packed", "'format' is 'packed'"),
    ],
)
def test_a_wrong_setting_is_refused_in_one_line_with_the_nearest(word: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve("bert-tiny", [word])
    assert message in str(caught.value)
    assert "recipe bert-tiny" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_settings_of_one_section_that_do_not_go_together_are_named_without_the_section() -> None:
    with pytest.raises(UsageError) as caught:
        resolve("modern-tiny", ["backbone.heads=3"])
    assert str(caught.value).startswith(
        "recipe modern-tiny: setting 'backbone': width 128 does not split into 3 heads"
    )
    with pytest.raises(UsageError) as caught:
        build(TransformerXLSettings, {"size": "tiny", "same_length": True}, "test")
    assert str(caught.value).startswith("test: same_length lets a token see the last `memory` tokens")


@pytest.mark.parametrize(
    ("name", "words", "message"),
    [
        (
            "bert-tiny",
            ["format.kind=stream"],
            "format stream needs memory and signed positions, which backbone bert",
        ),
        (
            "bert-tiny",
            ["format.kind=packed"],
            "sentence_pair needs pair labels, which format packed does not offer",
        ),
        (
            "bert-tiny",
            ["objective.kind=causal"],
            "sentence_pair needs both sides, which objective causal does not offer; "
            "set objective.kind=masked or permutation or mpnet or replaced, or leave it out",
        ),
        (
            "bert-tiny",
            ["objective.kind=permutation", "extras=[{kind: span_boundary}]"],
            "span_boundary needs hidden spans, which objective permutation does not offer; "
            "set objective.kind=masked, or leave it out",
        ),
        (
            "bert-tiny",
            ["format.pair=follow"],
            "sentence_pair has nothing to learn from format.pair=follow, where every second segment continues the "
            "first; set format.pair=next",
        ),
        ("bert-tiny", ["format.length=1024"], "set format.length=512 or backbone.max_positions=1024"),
        (
            "roberta-tiny",
            ["format.kind=pairs"],
            "format pairs needs segments, which backbone bert with num_segments=1",
        ),
        ("roberta-tiny", ["format.kind=pairs"], "set backbone.num_segments=2"),
        ("modern-tiny", ["format.kind=pairs"], "set backbone.num_segments=2"),
        ("xlnet-tiny", ["format.kind=packed"], "set backbone.memory=0 or format.kind=stream"),
        (
            "xlnet-tiny",
            ["training.micro_batch=1", "training.schedule.batch=[[0.0, 0.5]]"],
            "set training.schedule.batch=[] or format.kind=packed",
        ),
        ("bert-tiny", ["training.schedule.batch=[[0.0, 0.5]]"], "set a smaller training.micro_batch"),
        (
            "xlnet-tiny",
            ["training.schedule.length=[[0.0, 0.5]]"],
            "set training.schedule.length=[] or format.kind=packed",
        ),
        (
            "bert-tiny",
            ["training.schedule.length=[[0.0, 0.3], [0.5, 1.0]]"],
            "0.3 of format.length=64, which is no whole number of slots; give a share of whole ones, such as 0.296875",
        ),
        (
            "bert-tiny",
            ["training.schedule.length=[[0.0, 0.0625]]"],
            "0.0625 of format.length=64 (training.schedule.length)",
        ),
        (
            "xlnet-tiny",
            ["format.rows=plain", "format.reuse=128", "extras=[{kind: sentence_pair}]"],
            "sentence_pair needs pair labels, which plain rows do not have; set format.rows=pair",
        ),
        (
            "bert-tiny",
            ["evaluation.memory=600", "evaluation.clamp=100"],
            "memory and clamp ask for memory, which backbone bert does not offer; set evaluation.memory=null",
        ),
        (
            "transformer-xl-tiny",
            ["backbone.cutoffs=[100]", "tokenizer.kind=bpe"],
            "tokenizer bpe does not number its entries so; set tokenizer.kind=unigram or word, or backbone.cutoffs=[]",
        ),
        (
            "transformer-xl-tiny",
            ["backbone.cutoffs=[100]", "objective.kind=replaced"],
            "with objective replaced its generator predicts, over the undivided vocabulary; set backbone.cutoffs=[]",
        ),
        ("bert-tiny", ["extras.0.weight=2", "training.schedule.warmup=90000"], "does not fit in a budget of"),
        (
            "bert-tiny",
            ["training.tokens=5", "training.steps=5"],
            "give exactly one of steps, tokens, minutes, epochs",
        ),
        (
            "bert-tiny",
            ["training.stop_after=3", "training.evaluate_every=null"],
            "training.stop_after=3 counts evaluations, and with training.evaluate_every=null there is one at the end",
        ),
    ],
)
def test_parts_that_do_not_go_together_are_refused_with_the_fix(
    name: str, words: list[str], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        check(resolve(name, words))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bert-tiny", ["format.kind=packed", "extras=[]"]),
        ("bert-tiny", ["objective.kind=permutation"]),
        ("xlnet-tiny", ["objective.kind=masked"]),
        ("xlnet-tiny", ["objective.kind=causal"]),
        ("bert-tiny", ["objective.kind=causal", "extras=[]"]),
        ("bert-tiny", ["extras=[{kind: sentence_pair}, {kind: span_boundary}]"]),
        ("xlnet-tiny", ["objective.kind=masked", "format.kind=pairs", "backbone.memory=0"]),
        ("xlnet-tiny", ["extras=[{kind: sentence_pair}]"]),
        ("xlnet-tiny", ["format.bidirectional=false"]),
        ("xlnet-tiny", ["objective.kind=replaced", "extras=[{kind: sentence_pair}]"]),
        ("roberta-tiny", ["objective.kind=replaced"]),
        ("bert-tiny", ["training.micro_batch=4", "training.schedule.batch=[[0.0, 0.25], [0.1, 1.0]]"]),
        ("bert-tiny", ["training.schedule.length=[[0.0, 0.25], [0.9, 1.0]]", "training.minutes=2"]),
        ("bert-tiny", ["training.epochs=3", "training.schedule.warmup=90000"]),
        ("bert-tiny", ["training.stop_after=3"]),
        ("bert-tiny", ["training.optimizer.kind=lamb", "training.optimizer.learning_rate=0.01"]),
        ("xlnet-tiny", ["training.optimizer.kind=muon"]),
        ("xlnet-tiny", ["format.rows=plain", "format.reuse=128"]),
        ("xlnet-tiny", ["backbone.same_length=true", "backbone.clamp=40", "evaluation.memory=600"]),
    ],
)
def test_ablations_that_make_sense_are_accepted(name: str, words: list[str]) -> None:
    check(resolve(name, words))


def test_the_same_extra_loss_twice_is_refused() -> None:
    twice = resolve("bert-tiny", ["extras=[{kind: sentence_pair}, {kind: sentence_pair, weight: 2.0}]"])
    with pytest.raises(UsageError, match="twice"):
        check(twice)


def test_an_annotated_recipe_explains_every_setting_and_is_yaml_of_the_same_values() -> None:
    stages = "training.schedule.batch=[[0.0, 0.25], [0.1, 1.0]]"
    recipe = resolve("xlnet-mini", ["extras=[{kind: sentence_pair}]", "training.optimizer.kind=muon", stages])
    lines = annotated(recipe)
    assert parse("\n".join(lines)) == recipe.model_dump(mode="json")
    assert not [line for line in lines if "  # " not in line]
