"""What a recipe of tasks may hold."""

import pytest

from bothways.errors import UsageError
from bothways.task_recipe import of_layers

PART = {"task": {"kind": "classify"}, "data": {"train": "train.csv"}}


def recipe(*names, **values):
    return of_layers([{"name": "mine", "model": "model", "tasks": dict.fromkeys(names, PART), **values}])


@pytest.mark.parametrize("name", ["type", "keys", "train", "items"])
def test_a_task_of_several_is_not_called_what_pytorch_needs(name):
    with pytest.raises(UsageError, match=rf"cannot be called '{name}'"):
        recipe("mood", name)
    assert list(recipe(name).tasks) == [name]


def test_the_main_task_is_one_of_them():
    with pytest.raises(UsageError, match=r"mix\.main=moot is none of the tasks; did you mean 'mood'\?"):
        recipe("mood", "view", mix={"kind": "main", "main": "moot"})
    assert recipe("mood", "view", mix={"kind": "main", "main": "view"}).mix.main == "view"
