"""What a number depends on, as checksums."""

import os

import pytest

from bothways.suites import fingerprints


def test_a_file_that_is_written_again_is_read_again(tmp_path):
    file = tmp_path / "train.csv"
    file.write_text("text,label", encoding="utf-8")
    before = fingerprints.of_data(file), fingerprints.of_data(tmp_path)
    file.write_text("text,score", encoding="utf-8")
    os.utime(file, ns=(1, 1))
    after = fingerprints.of_data(file), fingerprints.of_data(tmp_path)
    assert before[0] != after[0]
    assert before[1] != after[1]


@pytest.mark.parametrize(
    "part", ["model.safetensors", "generator/model.safetensors", "generator/config.json"]
)
def test_all_parts_of_an_electra_decide_what_it_answers(tmp_path, part):
    (tmp_path / "generator").mkdir()
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (tmp_path / name).write_text("its detector", encoding="utf-8")
        (tmp_path / "generator" / name).write_text("its generator", encoding="utf-8")
    before = fingerprints.of_model(tmp_path)
    (tmp_path / part).write_text("another one's", encoding="utf-8")
    assert fingerprints.of_model(tmp_path) != before
