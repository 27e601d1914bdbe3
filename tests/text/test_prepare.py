"""Preparing a folder: held-out text apart, nothing done twice, nothing believed unchecked."""

import fcntl
import json
import random
import shutil
import threading

import pytest

from bothways.errors import DataError, UsageError
from bothways.text import heldout
from bothways.text.corpus import DataSettings, Document
from bothways.text.prepare import prepare
from bothways.text.tokenizer import TokenizerSettings, train_tokenizer, write_tokenizer

WORDS = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu".split()
TOKENIZER = TokenizerSettings()


def text_of(number: int) -> str:
    chosen = random.Random(number)
    return " ".join(chosen.choice(WORDS) for _ in range(20)).capitalize() + f". Number {number}."


@pytest.fixture
def corpus(tmp_path):
    folder = tmp_path / "corpus"
    folder.mkdir()
    rows = [json.dumps({"text": text_of(number)}) for number in range(300)]
    (folder / "a.jsonl").write_text("\n".join(rows))
    return folder


def run(corpus, folder, tokenizer=TOKENIZER, **data):
    said: list[str] = []
    return prepare(DataSettings(train=str(corpus), **data), tokenizer, folder, said.append), said


def texts_in(prepared, shards):
    return {prepared.tokenizer.decode(shards.document(i).tolist()) for i in range(shards.num_documents)}


def test_every_document_is_trained_on_or_held_out(corpus, tmp_path):
    prepared, said = run(corpus, tmp_path / "out", held_out=20)
    assert prepared.train.num_documents + prepared.valid.num_documents == 300
    assert 5 <= prepared.valid.num_documents <= 30
    assert texts_in(prepared, prepared.train).isdisjoint(texts_in(prepared, prepared.valid))
    documents = [Document(text_of(number), "") for number in range(300)]
    assert prepared.valid.num_documents == sum(held for held, _ in heldout.split(documents, 20))
    assert any("vocabulary of" in line for line in said)


def test_the_second_call_says_nothing_and_gives_the_same(corpus, tmp_path):
    first, _ = run(corpus, tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*") if path.is_file()}
    second, said = run(corpus, tmp_path / "out")
    assert said == []
    assert before == {
        path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*") if path.is_file()
    }
    assert second.train.fingerprint == first.train.fingerprint
    assert second.tokenizer.to_str() == first.tokenizer.to_str()
    assert second.notes == first.notes


def test_two_folders_from_the_same_text_are_the_same(corpus, tmp_path):
    first, _ = run(corpus, tmp_path / "one")
    second, _ = run(corpus, tmp_path / "two")
    assert first.train.fingerprint == second.train.fingerprint
    assert first.valid.fingerprint == second.valid.fingerprint


@pytest.mark.parametrize("change", ["text", "tokenizer", "settings"])
def test_a_change_is_noticed(corpus, tmp_path, change):
    first, _ = run(corpus, tmp_path / "out")
    tokenizer, data = TOKENIZER, {}
    if change == "text":
        (corpus / "b.txt").write_text("Something new is here.")
    elif change == "tokenizer":
        tokenizer = TokenizerSettings(kind="unigram")
    else:
        data = {"held_out": 7}
    second, said = run(corpus, tmp_path / "out", tokenizer, **data)
    assert said
    assert second.train.fingerprint != first.train.fingerprint


def test_an_unchanged_folder_is_prepared_again_after_an_interruption(corpus, tmp_path, monkeypatch):
    run(corpus, tmp_path / "whole")
    monkeypatch.setattr("bothways.text.prepare._refuse_empty", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(corpus, tmp_path / "out")
    monkeypatch.undo()
    again, said = run(corpus, tmp_path / "out")
    assert not any("learning" in line or "shard" in line for line in said)
    assert again.train.fingerprint == run(corpus, tmp_path / "whole")[0].train.fingerprint


def test_a_prepared_folder_is_used_as_it_is(corpus, tmp_path):
    first, _ = run(corpus, tmp_path / "out")
    second, said = run(tmp_path / "out", tmp_path / "elsewhere", TokenizerSettings(kind="bpe"))
    assert said == []
    assert second.folder == tmp_path / "out"
    assert second.train.fingerprint == first.train.fingerprint
    assert not (tmp_path / "elsewhere").exists()


def test_held_out_text_that_is_given_is_never_trained_on(corpus, tmp_path):
    valid = tmp_path / "valid.jsonl"
    valid.write_text("\n".join(json.dumps({"text": text_of(number)}) for number in range(290, 310)))
    prepared, _ = run(corpus, tmp_path / "out", valid=str(valid))
    assert prepared.valid.num_documents == 20
    assert prepared.train.num_documents == 290
    assert texts_in(prepared, prepared.train).isdisjoint(texts_in(prepared, prepared.valid))


def test_one_document_is_cut(tmp_path):
    (tmp_path / "a.txt").write_text("\n".join(text_of(number) for number in range(100)))
    prepared, _ = run(tmp_path / "a.txt", tmp_path / "out")
    assert (prepared.train.num_documents, prepared.valid.num_documents) == (1, 1)
    assert 0.02 < prepared.valid.num_tokens / prepared.train.num_tokens < 0.08


def test_an_existing_tokenizer_is_used(corpus, tmp_path):
    tokenizer = train_tokenizer([text_of(number) for number in range(50)], TokenizerSettings(kind="bpe"))
    write_tokenizer(tokenizer, "cls_first", tmp_path / "theirs", None)
    prepared, said = run(corpus, tmp_path / "out", TokenizerSettings(path=str(tmp_path / "theirs")))
    assert prepared.tokenizer.get_vocab() == tokenizer.get_vocab()
    assert not any("learning" in line for line in said)


@pytest.mark.parametrize(
    "name", ["train/shard-00000.bin", "valid/shard-00000.idx", "tokenizer.json", "manifest.json"]
)
def test_damage_is_found_and_named(corpus, tmp_path, name):
    run(corpus, tmp_path / "out")
    path = tmp_path / "out" / name
    content = path.read_text(encoding="latin-1")
    changed = content.replace("alpha", "alphb", 1) if path.suffix == ".json" else content[:-1] + "!"
    changed = changed.replace('"documents": 3', '"documents": 4', 1) if name == "manifest.json" else changed
    assert changed != content
    path.write_text(changed, encoding="latin-1")
    with pytest.raises(DataError, match=path.name) as error:
        run(corpus, tmp_path / "out")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda place: None, "no such file or folder"),
        (lambda place: place.mkdir(), "it is empty"),
        (lambda place: (place.mkdir(), (place / "a.txt").write_text(" ")), "empty"),
        (lambda place: (place.mkdir(), (place / "a.txt").write_text("x")), "no held-out text"),
    ],
)
def test_text_that_cannot_be_trained_on_is_refused_in_one_line(tmp_path, make, words):
    make(tmp_path / "corpus")
    with pytest.raises(DataError, match=words) as error:
        run(tmp_path / "corpus", tmp_path / "out")
    assert "\n" not in str(error.value)


def test_no_source_at_all_is_an_error(tmp_path):
    with pytest.raises(DataError, match="train is not set"):
        prepare(DataSettings(), TOKENIZER, tmp_path, print)


def test_two_processes_do_not_prepare_one_folder(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr("bothways.text.turns.PATIENCE", 0.0)
    (tmp_path / "out").mkdir()
    with (tmp_path / "out" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(DataError, match="another process"):
            run(corpus, tmp_path / "out")


@pytest.mark.parametrize("finished", [True, False])
def test_a_second_process_waits_for_the_first_and_goes_on_from_what_it_left(
    corpus, tmp_path, monkeypatch, finished
):
    monkeypatch.setattr("bothways.text.turns.PAUSE", 0.01)
    out, said = tmp_path / "out", []
    out.mkdir()
    lock = (out / ".lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    is_waiting = threading.Event()

    def first() -> None:
        with lock:
            assert is_waiting.wait(60)
            if finished:
                run(corpus, tmp_path / "elsewhere")
                shutil.copytree(tmp_path / "elsewhere", out, ignore=lambda *_: [".lock"], dirs_exist_ok=True)

    def say(line: str) -> None:
        said.append(line)
        is_waiting.set()

    other = threading.Thread(target=first)
    other.start()
    prepared = prepare(DataSettings(train=str(corpus)), TOKENIZER, out, say)
    other.join()
    assert prepared.folder == out
    assert "another process: waiting" in said[0]
    assert (len(said) == 1) is finished, said


def test_a_published_size_matters_only_where_the_size_is_automatic(corpus, tmp_path):
    def again(vocabulary, published):
        settings = TokenizerSettings(vocabulary=vocabulary, published_vocabulary=published)
        return run(corpus, tmp_path / str(vocabulary), settings)[1]

    assert again(80, 100)
    assert again(80, 200) == []
    assert again("auto", 100)
    assert again("auto", 200)


def test_a_folder_that_cannot_be_written_is_a_usage_error(corpus, tmp_path):
    (tmp_path / "out").write_text("a file stands here")
    with pytest.raises(UsageError, match="cannot write"):
        run(corpus, tmp_path / "out")


def test_a_run_that_is_killed_after_its_first_shard_goes_on_with_the_second(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr("bothways.text.encode.SHARD_CHARACTERS", 10_000)
    whole, _ = run(corpus, tmp_path / "whole")
    out = tmp_path / "out"

    def killed(line):
        if "shard-00000" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(DataSettings(train=str(corpus)), TOKENIZER, out, killed)
    assert not (out / "manifest.json").exists()
    kept = [out / "tokenizer.json", out / "train" / "shard-00000.bin"]
    before = [path.stat().st_mtime_ns for path in kept]
    again, said = run(corpus, out)
    assert [path.stat().st_mtime_ns for path in kept] == before
    assert not any("learning" in line or "train/shard-00000" in line for line in said)
    assert any("train/shard-00001" in line for line in said)
    assert again.train.fingerprint == whole.train.fingerprint
    assert again.valid.fingerprint == whole.valid.fingerprint


def test_an_interrupted_change_leaves_nothing_that_passes_for_finished(corpus, tmp_path):
    run(corpus, tmp_path / "out")

    def killed(line):
        if "shard" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(DataSettings(train=str(corpus)), TokenizerSettings(kind="bpe"), tmp_path / "out", killed)
    with pytest.raises(DataError, match="run `bothways prepare`"):
        run(tmp_path / "out", tmp_path / "other")
    again, said = run(corpus, tmp_path / "out")
    assert said
    assert again.tokenizer.get_vocab() == run(corpus, tmp_path / "new")[0].tokenizer.get_vocab()


def test_a_prepared_folder_with_a_damaged_manifest_is_not_read_as_text(corpus, tmp_path):
    run(corpus, tmp_path / "out")
    (tmp_path / "out" / "manifest.json").write_text("{")
    with pytest.raises(DataError, match=r"manifest\.json is damaged"):
        run(tmp_path / "out", tmp_path / "other")


@pytest.mark.parametrize("name", ["train/shard-00000.bin", "valid/shard-00000.idx", "train/manifest.json"])
def test_a_file_that_is_cut_short_or_missing_is_named(corpus, tmp_path, name):
    run(corpus, tmp_path / "out")
    path = tmp_path / "out" / name
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(DataError, match=f"{path.name}.* should be [0-9a-f]{{64}} but is [0-9a-f]{{64}}"):
        run(corpus, tmp_path / "out")
    path.unlink()
    with pytest.raises(DataError, match=rf"{path.name}.* is missing"):
        run(corpus, tmp_path / "out")


def test_the_size_of_an_automatic_vocabulary_is_explained(corpus, tmp_path):
    _, said = run(corpus, tmp_path / "auto", TokenizerSettings(published_vocabulary=30522))
    (line,) = [line for line in said if "vocabulary of" in line]
    assert "words seen 10 times" in line
    assert "30,522" in line
    _, said = run(corpus, tmp_path / "set", TokenizerSettings(vocabulary=80))
    assert "vocabulary of 80 tokens" in said
    with pytest.raises(DataError, match="larger than the text supports"):
        run(corpus, tmp_path / "large", TokenizerSettings(vocabulary=30522))


def test_what_was_met_is_said_once_and_kept(corpus, tmp_path):
    (corpus / "b.jsonl").write_text("{\n")
    first, said = run(corpus, tmp_path / "out")
    assert said.count("rows skipped that are not valid JSON: 1") == 1
    assert not set(first.lines()) & set(said)
    assert run(corpus, tmp_path / "out")[0].notes == first.notes
    assert "rows skipped that are not valid JSON: 1" in first.notes


def test_prepared_text_is_not_written_among_the_text(corpus, tmp_path):
    with pytest.raises(UsageError, match="inside the text folder") as error:
        run(corpus, corpus / "shards")
    assert "\n" not in str(error.value)
    assert not (corpus / "shards").exists()


def test_a_tokenizer_that_changed_in_its_place_is_noticed(corpus, tmp_path):
    for number, kind in enumerate(("wordpiece", "bpe")):
        tokenizer = train_tokenizer([text_of(n) for n in range(50)], TokenizerSettings(kind=kind))
        write_tokenizer(tokenizer, "cls_first", tmp_path / "theirs", None)
        prepared, said = run(corpus, tmp_path / "out", TokenizerSettings(path=str(tmp_path / "theirs")))
        assert said, number
        assert prepared.tokenizer.get_vocab() == tokenizer.get_vocab()


def test_a_link_to_nowhere_is_reported_and_not_fatal(corpus, tmp_path):
    (corpus / "gone.txt").symlink_to(tmp_path / "nowhere")
    prepared, _ = run(corpus, tmp_path / "out")
    assert any("could not be read to its end" in note and "gone.txt" in note for note in prepared.notes)
    again, said = run(corpus, tmp_path / "out")
    assert said == []
    assert again.train.fingerprint == prepared.train.fingerprint
