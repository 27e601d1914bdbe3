"""Recipes as plain values: strict YAML, merging, extending, words of the command line."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bothways.errors import UsageError
from bothways.model.settings import SIZES
from bothways.recipe_files import (
    dump,
    inline,
    merge,
    merge_layers,
    names,
    parse,
    parse_words,
    read_chain,
    summary,
)

# PyYAML itself loses some control characters; none of them occurs in a recipe.
words = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]))
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | words
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(words, values, max_size=4))
def test_what_is_written_reads_back_unchanged(written: dict[str, object]) -> None:
    assert parse(dump(written)) == written


@given(scalars)
def test_a_value_written_in_one_line_reads_back_unchanged(value: object) -> None:
    assert parse(inline(value)) == value
    assert "\n" not in inline(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3e-4", 3e-4),
        ("1E5", 1e5),
        ("-2.5e+3", -2500.0),
        ("1.e-6", 1e-6),
        ("20000", 20000),
        ("0.1", 0.1),
        ("true", True),
        ("null", None),
        ("", None),
        ("2024-01-01", "2024-01-01"),
        ("e5", "e5"),
        ("[0.9, 0.98]", [0.9, 0.98]),
        ("corpus/", "corpus/"),
    ],
)
def test_values_have_the_types_that_they_look_like(text: str, value: object) -> None:
    parsed = parse(text)
    assert parsed == value
    assert type(parsed) is type(value)


def test_a_key_given_twice_is_refused() -> None:
    with pytest.raises(yaml.YAMLError, match="'a' stands there twice"):
        parse("a: 1\nb: 2\na: 3\n")


def test_words_nest_by_dots_and_the_later_word_wins() -> None:
    said = ["training.optimizer.learning_rate=3e-4", "training.steps=10", "training.steps=20", "seed=7"]
    assert parse_words(said) == {"training": {"optimizer": {"learning_rate": 3e-4}, "steps": 20}, "seed": 7}


@pytest.mark.parametrize("word", ["corpus/", "=3", "training..steps=3", "steps:3"])
def test_a_word_that_is_no_setting_is_refused_with_an_example(word: str) -> None:
    with pytest.raises(UsageError, match=r"training\.steps=20000"):
        parse_words([word])


def test_a_value_that_is_no_yaml_is_refused_in_one_line() -> None:
    with pytest.raises(UsageError, match="quote it") as caught:
        parse_words(["data.train=[half"])
    assert "\n" not in str(caught.value)


def test_mappings_merge_key_by_key_and_lists_are_replaced() -> None:
    below = {"a": {"x": 1, "y": 2}, "b": [1, 2], "c": 3}
    assert merge(below, {"a": {"y": 5}, "b": [9]}) == {"a": {"x": 1, "y": 5}, "b": [9], "c": 3}
    assert below == {"a": {"x": 1, "y": 2}, "b": [1, 2], "c": 3}


def test_a_changed_kind_replaces_the_whole_mapping() -> None:
    below = {"objective": {"kind": "masked", "rate": 0.15}}
    assert merge(below, {"objective": {"kind": "permutation"}}) == {"objective": {"kind": "permutation"}}
    assert merge(below, {"objective": {"kind": "masked"}}) == below


def test_single_items_of_a_list_change_by_their_index() -> None:
    below = {"extras": [{"kind": "sentence_pair", "weight": 1.0}]}
    changed = merge(below, parse_words(["extras.0.weight=0.5"]))
    assert changed == {"extras": [{"kind": "sentence_pair", "weight": 0.5}]}


def test_a_new_size_forgets_the_old_shape_but_not_the_rest() -> None:
    base = {"backbone": {"kind": "bert", "size": "base", "layers": 12, "width": 768, "dropout": 0.1}}
    merged = merge_layers([base, {"backbone": {"size": "mini", "layers": 6}}])
    assert merged == {"backbone": {"kind": "bert", "size": "mini", "layers": 6, "dropout": 0.1}}


def test_a_budget_of_another_unit_takes_the_place_of_the_old_one() -> None:
    base = {"training": {"steps": 1000, "tokens": None, "rows": 8}}
    for unit in ("minutes", "tokens", "epochs"):
        again = merge_layers([base, {"training": {unit: 10}}])
        assert {name: value for name, value in again["training"].items() if value} == {unit: 10, "rows": 8}
        assert merge_layers([again, base])["training"].items() >= {"steps": 1000, "rows": 8}.items()
        assert merge_layers([again, base])["training"].get(unit) is None


def test_built_in_recipes_are_listed_by_family_and_size() -> None:
    assert names()[:4] == ["bert", "bert-tiny", "bert-mini", "bert-small"]
    first = [
        f"{family}{size}" for family in ("bert", "bert-wwm") for size in ("", *(f"-{size}" for size in SIZES))
    ]
    assert [name for name in names() if name.startswith("bert")] == first
    assert {f"xlnet-{size}" for size in ("tiny", "mini", "small", "medium", "base", "large")} < set(names())


def test_a_built_in_recipe_in_a_folder_is_named_with_it_and_extended_by_that_name(tmp_path: Path) -> None:
    assert read_chain("table6/1-bert")[0] == "table6/1-bert"
    (tmp_path / "mine.yaml").write_text("extends: table6/1-bert\n")
    name, layers = read_chain(str(tmp_path / "mine.yaml"))
    assert name == "mine"
    assert layers[:-1] == read_chain("table6/1-bert")[1]


@pytest.mark.parametrize("name", names())
def test_every_built_in_recipe_says_in_one_sentence_what_it_is(name: str) -> None:
    assert 30 < len(summary(name)) < 130
    assert summary(name).endswith(".")


def test_a_recipe_is_read_with_those_it_extends_the_base_first(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("extends: bert-tiny\nseed: 5\n")
    (tmp_path / "two.yaml").write_text("extends: one.yaml\nseed: 6\n")
    name, layers = read_chain(str(tmp_path / "two.yaml"))
    assert name == "two"
    assert [layer.get("seed") for layer in layers] == [None, None, 5, 6]
    assert all("extends" not in layer for layer in layers)


def test_a_run_folder_stands_for_its_recipe_and_names_it(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "recipe.yaml").write_text("extends: bert-tiny\n")
    assert read_chain(str(folder))[0] == "mine"
    assert read_chain(str(folder)) == read_chain(str(folder / "recipe.yaml"))


def test_recipes_that_extend_one_another_are_refused(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("extends: two.yaml\n")
    (tmp_path / "two.yaml").write_text("extends: one.yaml\n")
    with pytest.raises(UsageError, match="extends itself"):
        read_chain(str(tmp_path / "one.yaml"))


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("bert-tinny", "did you mean 'bert-tiny'"),
        ("no/such.yaml", "no such file"),
        ("zzz", "choose one of: bert,"),
        ("table6/1-bertt", "did you mean 'table6/1-bert'"),
    ],
)
def test_an_unknown_recipe_is_refused_with_the_nearest(reference: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_chain(reference)


@pytest.mark.parametrize("content", ["a: [1\n", "- 1\n- 2\n", "extends: [a, b]\n", "just words\n"])
def test_a_file_that_is_no_recipe_is_refused_in_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "odd.yaml").write_text(content)
    with pytest.raises(UsageError, match=r"odd\.yaml") as caught:
        read_chain(str(tmp_path / "odd.yaml"))
    assert "\n" not in str(caught.value)
