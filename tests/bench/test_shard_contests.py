"""Shards against their peers: both sides make the same tokens, and leave nothing behind."""

import os
import sys
from functools import partial

import pytest

from bothways.bench import shards as bench
from bothways.errors import UsageError
from bothways.text.shards import Shards

TEXTS = [
    f"Chapter {n} begins. It isn't [MASK] the end, is it?\nA naïve line of {n * 7} words." for n in range(60)
]


@pytest.fixture
def datasets(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    pytest.importorskip("datasets", reason="the peer, datasets, is not installed")
    return bench._datasets()


def our_tokens(folder) -> list[list[int]]:
    shards = Shards.open(folder)
    return [shards.document(i).tolist() for i in range(shards.num_documents)]


@pytest.mark.parametrize("processes", [None, 2])
@pytest.mark.parametrize("is_direct", [False, True])
def test_both_sides_make_the_same_tokens(datasets, tmp_path, processes, is_direct):
    tokenizer = bench.learn_tokenizer(TEXTS, tmp_path)
    bench.ours_to_shards(bench.write_text(TEXTS, tmp_path), tokenizer, tmp_path / "shards")
    arrow = bench.write_arrow(TEXTS, tmp_path, datasets)
    tokenize = (
        partial(bench.directly, tokenizer=tokenizer) if is_direct else bench.through_transformers(tokenizer)
    )
    theirs = bench.theirs_to_arrow(arrow, tokenize, processes, tmp_path)
    raw = bench.tokenize_only(TEXTS, tokenizer)
    assert our_tokens(tmp_path / "shards") == [list(row) for row in theirs["input_ids"]]
    assert our_tokens(tmp_path / "shards") == [row.ids for row in raw]
    assert str(theirs.features["input_ids"].feature.dtype) == "int32"


def test_every_side_runs_twice_and_leaves_nothing(datasets, tmp_path):
    found = bench.contests(TEXTS, tmp_path, datasets)
    before = sorted(path.name for path in tmp_path.iterdir())
    for contest in found:
        for side in (contest.ours, contest.peer, contest.ours, contest.peer):
            side.run()
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert {contest.unit for contest in found} == {"MB/s"}
    assert {contest.work for contest in found} == {sum(len(text.encode()) for text in TEXTS) / 1e6}
    assert [contest.target for contest in found] == [1.5, None, 0.9]


def test_the_peers_threads_are_only_borrowed(monkeypatch):
    for before in ("false", None):
        if before is None:
            monkeypatch.delenv("TOKENIZERS_PARALLELISM", raising=False)
        else:
            monkeypatch.setenv("TOKENIZERS_PARALLELISM", before)
        with bench._rust_threads(True):
            assert os.environ["TOKENIZERS_PARALLELISM"] == "true"
        assert os.environ.get("TOKENIZERS_PARALLELISM") == before


@pytest.mark.parametrize("name", ["datasets", "transformers"])
def test_a_missing_peer_is_named_with_its_remedy(monkeypatch, name):
    if name == "transformers":
        pytest.importorskip("datasets", reason="the peer, datasets, is not installed")
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UsageError, match=rf"{name}, is not installed.*bothways\[bench\]"):
        bench.shard_contests(quick=True)


def test_the_text_is_the_embedded_corpus_each_document_once(datasets, monkeypatch):
    seen = {}
    documents = [bench.embedded.Document(text, "x") for text in TEXTS]
    monkeypatch.setattr(bench.embedded, "documents", lambda: iter(documents))
    monkeypatch.setattr(
        bench, "contests", lambda texts, folder, datasets: seen.setdefault(len(texts), folder)
    )
    assert bench.shard_contests(quick=False) != bench.shard_contests(quick=True)
    assert sorted(seen) == [30, 60]
    assert all(folder.is_dir() for folder in seen.values())
