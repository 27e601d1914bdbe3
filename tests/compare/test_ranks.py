"""Several processes share out the runs of a comparison."""

import socket
import subprocess
import sys

import pytest
from small_text import COMMON, write_text
from tiny_runs import child_environment

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
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    children = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "bothways",
                "compare",
                "gpt-tiny",
                "roberta-tiny",
                *words,
                "--out",
                tmp_path / "out",
            ],
            env=child_environment()
            | {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
            | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    said = [child.communicate(timeout=240)[0] for child in children]
    assert [child.returncode for child in children] == [0, 0]
    comparison = read_comparison(tmp_path / "out")
    assert [result.recipe for result in comparison.results] == ["gpt-tiny", "roberta-tiny"]
    assert {result.steps for result in comparison.results} == {2}
    assert said[0].startswith("{")
    assert said[1] == ""
