"""Students with fresh weights: drawn once, found again, never another's."""

import dataclasses

import pytest
from small_tasks import LINES, pretrained_folder
from small_text import tree

from bothways.errors import UsageError
from bothways.finetuning.students import described, is_fresh, student_of
from bothways.interop.folder import describe, read_model
from bothways.recipe import resolve
from bothways.text.tokenizer import TokenizerSettings, train_tokenizer

TINY = ("backbone.layers=1", "backbone.width=16", "backbone.heads=2", "backbone.feed_forward=16")


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    return pretrained_folder(tmp_path_factory.mktemp("teacher") / "model")


def fresh(*words, recipe="bert-tiny"):
    return resolve(recipe, [*TINY, *words])


def test_a_student_is_drawn_once_and_found_again(teacher, tmp_path):
    place = student_of(fresh(), teacher, tmp_path)
    assert place == tmp_path / "student/bert-tiny"
    assert is_fresh(place)
    assert not is_fresh(teacher)
    before = tree(place)
    assert student_of(fresh("training.batch=7"), teacher, tmp_path) == place
    assert tree(place) == before
    assert read_model(place)[1] == []
    assert "not trained yet" in (place / "README.md").read_text()


@pytest.mark.parametrize("recipe", ["bert-tiny", "xlnet-tiny"])
def test_what_a_student_says_of_itself_is_known_before_it_is_drawn(recipe, teacher, tmp_path):
    asked = fresh(recipe=recipe)
    written = describe(student_of(asked, teacher, tmp_path))
    # A folder keeps shapes, not the names of sizes, nor how weights were drawn.
    assert dataclasses.replace(described(asked), settings=written.settings) == written


OTHERS = {
    "seed": ["seed=2"],
    "backbone.width": ["backbone.width=8"],
    "backbone.dropout": ["backbone.dropout=0.3"],
    "objective.rate": ["objective.rate=0.3"],
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_student_that_something_else_would_have_drawn_is_refused(name, teacher, tmp_path):
    student_of(fresh(), teacher, tmp_path)
    before = tree(tmp_path)
    with pytest.raises(UsageError, match=f"was drawn with {name}="):
        student_of(fresh(*OTHERS[name]), teacher, tmp_path)
    assert tree(tmp_path) == before


def test_a_student_with_another_tokenizer_is_refused(teacher, tmp_path):
    student_of(fresh(), teacher, tmp_path / "run")
    other = tmp_path / "other"
    other.mkdir()
    tokens = train_tokenizer(LINES[:1] * 3, TokenizerSettings(kind="wordpiece"))
    tokens.save(str(other / "tokenizer.json"))
    with pytest.raises(UsageError, match="has another tokenizer than the teacher"):
        student_of(fresh(), other, tmp_path / "run")


def test_nothing_is_written_into_the_run_of_another_model(teacher, tmp_path):
    (tmp_path / "recipe.yaml").write_text("name: precious\n")
    before = tree(tmp_path)
    with pytest.raises(UsageError, match="holds a run of another model than a fresh bert-tiny"):
        student_of(fresh(), teacher, tmp_path)
    assert tree(tmp_path) == before
