"""Several processes share out the runs of a comparison."""

import pytest
from processes import on_two_ranks
from small_text import COMMON, write_text

from bothways.compare.ranks import Share, shared_out
from bothways.compare.record import read_comparison


def test_every_item_belongs_to_one_process():
    items = list("abcdefg")
    shares = [Share(rank, 3).of(items) for rank in range(3)]
    assert shares == [["a", "d", "g"], ["b", "e"], ["c", "f"]]
    assert Share().of(items) == items


def test_one_process_alone_prepares_and_has_all_of_it(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert shared_out(lambda: "text") == (Share(), "text")


@pytest.mark.slow
def test_two_processes_train_a_recipe_each_and_the_first_one_speaks(tmp_path):
    text = write_text(tmp_path / "text")
    words = [*COMMON, f"data.train='{text}'", f"data.shards='{text}-shards'", "evaluation.tokens=10"]
    words += [
        "evaluation.spans=0",
        "evaluation.left_to_right_tokens=20",
        "--tokens",
        "512",
        "--quiet",
        "--json",
    ]
    recipes = ["gpt-tiny", "roberta-tiny"]
    first, second = on_two_ranks(["-m", "bothways", "compare", *recipes, *words, "--out", tmp_path / "out"])
    assert (first.code, second.code) == (0, 0), first.err + second.err
    comparison = read_comparison(tmp_path / "out")
    assert [result.recipe for result in comparison.results] == recipes
    assert {result.steps for result in comparison.results} == {2}
    assert first.out.startswith("{")
    assert second.out == ""
