"""What a recipe of tasks may hold."""

import pytest

from bothways.errors import UsageError
from bothways.task_recipe import of_file, of_layers, with_learning_rate, write_resolved
from bothways.training.metrics import COLUMNS

PART = {"task": {"kind": "classify"}, "data": {"train": "train.csv"}}


def recipe(*names, **values):
    return of_layers([{"name": "mine", "model": "model", "tasks": dict.fromkeys(names, PART), **values}])


@pytest.mark.parametrize("name", ["type", "keys", "train", "items"])
def test_a_task_of_several_is_not_called_what_pytorch_needs(name):
    with pytest.raises(UsageError, match=rf"cannot be called '{name}'"):
        recipe("mood", name)
    assert list(recipe(name).tasks) == [name]


@pytest.mark.parametrize("name", sorted(COLUMNS))
def test_a_task_of_several_is_not_called_as_a_column_of_the_log(name):
    with pytest.raises(UsageError, match=rf"cannot be called '{name}', a column of metrics\.jsonl"):
        recipe("mood", name)
    assert list(recipe(name).tasks) == [name], "alone, its loss is called by its kind"


def test_the_main_task_is_one_of_them():
    with pytest.raises(UsageError, match=r"mix\.main=moot is none of the tasks; did you mean 'mood'\?"):
        recipe("mood", "view", mix={"kind": "main", "main": "moot"})
    assert recipe("mood", "view", mix={"kind": "main", "main": "view"}).mix.main == "view"


@pytest.mark.parametrize(("width", "rate"), [(128, 3e-4), (512, 3e-4), (768, 1e-4), (1024, 1e-4)])
def test_a_learning_rate_that_nobody_said_is_that_of_the_models_width(width, rate, tmp_path):
    resolved = with_learning_rate(recipe("mood"), width)
    assert resolved.training.optimizer.learning_rate == rate
    write_resolved(resolved, tmp_path / "recipe.yaml")
    again = of_file(None, tmp_path / "recipe.yaml", [])
    assert with_learning_rate(again, 10_000 if width <= 512 else 1) == resolved, "written down, it is said"


@pytest.mark.parametrize("rate", [1e-4, 3e-4, 5e-4])
def test_a_learning_rate_that_is_said_stays(rate):
    said = recipe("mood", training={"optimizer": {"learning_rate": rate}})
    assert all(with_learning_rate(said, width) == said for width in (128, 1024))
