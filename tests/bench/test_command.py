"""`bothways bench` from words to a page, with shapes cut to almost nothing."""

import json

import pytest
import torch

from bothways.bench import jobs
from bothways.bench.ceiling import measure_ceiling, products
from bothways.bench.command import bench
from bothways.bench.page import read
from bothways.cli import main
from bothways.errors import UsageError


@pytest.fixture(autouse=True)
def trial(monkeypatch, tmp_path):
    monkeypatch.setenv("BOTHWAYS_MAX_STEPS", "3")
    monkeypatch.chdir(tmp_path)


def test_rows_of_the_table_are_measured_and_written_where_it_is_said(tmp_path, capsys):
    words = [
        "--rows",
        "memory 384 / script|bert base .*peak",
        "--out",
        "speed",
        "training.device=cpu",
    ]
    assert main(["bench", *words]) == 0
    report = read(tmp_path / "speed" / "latest.json")
    assert [row.name for row in report.rows] == [
        "bert base L=512 / product peak",
        "xlnet mini L=512 memory 384 / script",
        "xlnet small L=512 memory 384 / script",
    ]
    assert all(row.ratio > 0 and row.share > 0 for row in report.rows)
    captured = capsys.readouterr()
    assert "1 of 3: bert base L=512 / product peak" in captured.err
    assert "trial, its numbers mean nothing" in captured.out
    assert "page: speed/" in captured.out


def test_a_recipe_is_measured_beside_the_script_and_the_strongest_peer(tmp_path):
    words = ["training.device=cpu", "tokenizer.published_vocabulary=300"]
    report = bench("bert-tiny", words)
    assert [row.name for row in report.rows] == ["bert-tiny L=64 / script", "bert-tiny L=64 / strongest"]
    assert report.rows[0].note == "only ours learns sentence_pair too"
    assert report.written is None
    assert list(tmp_path.iterdir()) == []


def test_a_recipe_without_a_peer_is_measured_alone(monkeypatch):
    words = ["objective.kind=masked", "training.device=cpu", "tokenizer.published_vocabulary=300"]
    (row,) = bench("xlnet-tiny", words).rows
    assert (row.peer, row.ratio) == (None, None)
    assert row.note == "no peer: transformers trains no transformer_xl with the objective masked"
    monkeypatch.setattr(jobs.importlib.util, "find_spec", lambda _: None)
    (row,) = bench("xlnet-tiny", words[1:]).rows
    assert "transformers is not installed" in row.note


def test_the_answer_is_one_json_object(capsys):
    assert main(["bench", "training.device=cpu", "--rows", "bert base .*peak", "--json"]) == 0
    captured = capsys.readouterr()
    assert [row["name"] for row in json.loads(captured.out)["rows"]] == ["bert base L=512 / product peak"]
    assert captured.err == ""


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["--rows", "nothing"], "choose among: bert mini L=128 / script"),
        (["--rows", "["], "no regular expression"),
        (["bert-tinny"], "did you mean 'bert-tiny'?"),
        (["backbone.widht=3", "--rows", "bert mini L=128"], "did you mean 'width'?"),
    ],
)
def test_wrong_words_are_answered_in_one_line(words, hint, capsys):
    assert main(["bench", *words, "--quiet"]) == 2
    captured = capsys.readouterr()
    assert hint in captured.err
    assert captured.out == ""


def test_missing_packages_are_named_before_anything_is_measured(monkeypatch):
    found = jobs.importlib.util.find_spec
    monkeypatch.setattr(
        jobs.importlib.util, "find_spec", lambda name: None if name == "datasets" else found(name)
    )
    said = []
    with pytest.raises(
        UsageError, match=r"need datasets, not installed here: pip install 'bothways\[bench\]'"
    ):
        bench(None, ["training.device=cpu"], rows="shards", say=said.append)
    assert said == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_its_benchmark_says_so(capsys):
    assert main(["bench", "training.device=cuda"]) == 2
    assert "PyTorch sees no GPU here" in capsys.readouterr().err


def test_the_ceiling_has_a_best_shape_for_each_precision():
    ceiling = measure_ceiling(torch.device("cpu"), [(8, 8, 8), (64, 64, 64)], 2**12)
    assert ceiling.products.keys() == ceiling.shapes.keys() == {"bf16", "float32"}
    assert all(speed > 0 for speed in (*ceiling.products.values(), ceiling.copied))


@pytest.mark.parametrize(
    ("work", "rows"), [(2 * 8 * 4 * 4, [8]), (2 * 20 * 4 * 4, [8, 8, 4]), (2 * 4 * 4, [1])]
)
def test_products_amount_to_the_work_that_was_asked_for(work, rows, monkeypatch):
    made = []
    side = products((8, 4, 4), work, "float32", torch.device("cpu"))
    monkeypatch.setattr(torch, "mm", lambda left, right, out: made.append(len(left)))
    side.run()
    assert made == rows
