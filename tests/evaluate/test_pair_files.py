import gzip
import json
import os
from collections import Counter
from pathlib import Path

import pytest
import zstandard

from bothways.errors import DataError
from bothways.evaluate.pair_files import MinimalPair, read_pairs

SHARED = os.environ.get("BOTHWAYS_SHARED_DATA")


def row(number=0, **more):
    return {"sentence_good": f"Good {number}.", "sentence_bad": f"Bad {number}.", **more}


def lines(*rows):
    return "".join(json.dumps(each) + "\n" for each in rows).encode()


def test_pairs_are_read_with_their_paradigm_and_its_groups(tmp_path):
    named = {"UID": "npi_present_1", "field": "semantics", "linguistics_term": "npi_licensing"}
    file = tmp_path / "some.jsonl"
    file.write_bytes(lines(row(1, **named)))
    assert read_pairs(file) == [
        MinimalPair("some.jsonl, line 1", "Good 1.", "Bad 1.", "npi_present_1", "semantics", "npi_licensing")
    ]


def test_a_list_of_ones_own_is_named_by_its_file(tmp_path):
    (tmp_path / "mine.jsonl.gz").write_bytes(gzip.compress(lines(row())))
    (pair,) = read_pairs(tmp_path)
    assert (pair.paradigm, pair.field, pair.phenomenon) == ("mine", None, None)


def test_a_folder_is_read_in_the_order_of_names_through_any_compression(tmp_path):
    (tmp_path / "b.jsonl").write_bytes(lines(row(2)))
    (tmp_path / "a.jsonl.zst").write_bytes(zstandard.compress(lines(row(0), row(1))))
    (tmp_path / "README.md").write_text("no pairs here")
    assert [pair.where for pair in read_pairs(tmp_path)] == [
        "a.jsonl.zst, line 1",
        "a.jsonl.zst, line 2",
        "b.jsonl, line 1",
    ]


def test_the_two_spellings_of_a_field_are_one(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_bytes(lines(row(field="syntax/semantics"), row(field="syntax_semantics")))
    assert {pair.field for pair in read_pairs(file)} == {"syntax_semantics"}


def test_marks_blank_lines_and_decomposed_letters_do_no_harm(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_bytes(
        b"\xef\xbb\xbf" + lines(row()) + b"\r\n\n" + lines({**row(), "sentence_good": " e\u0301 "})
    )
    assert [(pair.where, pair.good) for pair in read_pairs(file)] == [
        ("a.jsonl, line 1", "Good 0."),
        ("a.jsonl, line 4", "é"),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{oops}\n", "not a JSON object"),
        (b"[1, 2]\n", "not a JSON object; give one pair a line"),
        (b'{"sentence_good": "\xff"}\n', "not a JSON object"),
        (lines({"sentence_good": "Good."}), "'sentence_bad' holds no text"),
        (lines(row(sentence_good=" ")), "'sentence_good' holds no text"),
        (lines(row(sentence_bad=3)), "'sentence_bad' holds no text"),
    ],
)
def test_a_line_that_is_no_pair_is_named(tmp_path, line, message):
    (tmp_path / "a.jsonl").write_bytes(lines(row()) + line)
    with pytest.raises(DataError, match=f"a.jsonl, line 2: {message}") as refused:
        read_pairs(tmp_path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("ending", "pack"), [("gz", gzip.compress), ("zst", zstandard.compress)])
def test_a_damaged_file_is_refused(tmp_path, ending, pack):
    (tmp_path / "whole.jsonl").write_bytes(lines(row()))
    whole = pack(lines(*map(row, range(5000))))
    damaged = {"gz": whole[: len(whole) // 2], "zst": b"no frame" + whole}
    (tmp_path / f"a.jsonl.{ending}").write_bytes(damaged[ending])
    with pytest.raises(DataError, match=r"a.jsonl.\w+ is damaged after [\d,]+ pairs: .*; get the file again"):
        read_pairs(tmp_path)


def test_a_place_without_pairs_is_refused(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        read_pairs(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"holds no .jsonl file"):
        read_pairs(tmp_path)
    (tmp_path / "a.jsonl").write_bytes(b"\n")
    (tmp_path / "b.jsonl").write_bytes(lines(row()))
    with pytest.raises(DataError, match=r"a.jsonl holds no pair"):
        read_pairs(tmp_path)


@pytest.mark.skipif(SHARED is None, reason="set BOTHWAYS_SHARED_DATA to a folder that holds tasks/blimp")
def test_blimp_has_its_67_paradigms_of_1000_pairs():
    pairs = read_pairs(Path(SHARED) / "tasks" / "blimp")
    counts = Counter(pair.paradigm for pair in pairs)
    assert len(counts) == 67
    assert set(counts.values()) == {1000}
    assert {pair.field for pair in pairs} == {"morphology", "semantics", "syntax", "syntax_semantics"}
