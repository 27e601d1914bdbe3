"""Reading files and folders of every kind, clean and dirty, in bounded memory."""

import gzip
import io
import json
import subprocess
import sys
import textwrap
import time

import pyarrow
import pyarrow.parquet
import pytest
import zstandard

from bothways.errors import DataError
from bothways.text import cleaning, readers
from bothways.text.corpus import CorpusReport, DataSettings, read_documents, readable_files

TEXTS = ["Ein schöner Tag.", "Second text\nof two lines.", "第三。"]


def parquet(texts, name="text"):
    stream = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({name: texts, "id": list(range(len(texts)))}), stream)
    return stream.getvalue()


def read(path, **settings):
    report = CorpusReport()
    return [document.text for document in read_documents(str(path), DataSettings(**settings), report)], report


KINDS = {
    "jsonl": "".join(json.dumps({"text": text}) + "\n" for text in TEXTS).encode(),
    "json": json.dumps([{"text": text} for text in TEXTS], indent=2).encode(),
    "parquet": parquet(TEXTS),
}
PACKERS = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.ZstdCompressor().compress}


@pytest.mark.parametrize("compression", PACKERS)
@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_read_from_every_kind_and_compression(tmp_path, kind, compression):
    path = tmp_path / f"corpus.{kind}{compression}"
    path.write_bytes(PACKERS[compression](KINDS[kind]))
    texts, report = read(path)
    assert texts == TEXTS
    assert report.documents == 3
    assert report.characters == sum(map(len, TEXTS))


@pytest.mark.parametrize("compression", PACKERS)
def test_a_text_file_is_one_document(tmp_path, compression):
    path = tmp_path / f"a.TXT{compression}"
    path.write_bytes(PACKERS[compression](b"one\n\ntwo\n"))
    assert read(path)[0] == ["one\n\ntwo"]
    assert read(path, documents="file")[0] == ["one\n\ntwo"]
    assert read(path, documents="line")[0] == ["one", "two"]
    assert read(path, documents="paragraph")[0] == ["one", "two"]


def test_a_folder_is_read_in_sorted_order_without_hidden_files(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "b" / "2.txt").write_text("two")
    (tmp_path / "b" / "1.jsonl").write_text('{"text": "one"}\n')
    (tmp_path / "c.txt").write_text("three")
    (tmp_path / ".hidden" / "x.txt").write_text("no")
    (tmp_path / ".x.txt").write_text("no")
    (tmp_path / "README.md").write_text("no")
    (tmp_path / "b" / "loop").symlink_to(tmp_path)
    texts, report = read(tmp_path)
    assert texts == ["three", "one", "two"] or texts == ["one", "two", "three"]
    assert report.files == 3
    assert report.unknown_files == [str(tmp_path / "README.md")]
    assert any("README.md" in line for line in report.lines())


def test_dirty_rows_are_counted_and_the_rest_is_read(tmp_path):
    rows = [
        b'\xef\xbb\xbf{"text": "one"}',
        b'{"text": "tw',
        b"",
        b'{"title": "no text"}',
        b'{"text": 3}',
        b"[1, 2]",
        b'{"text": "caf\xe9"}',
        b'{"text": "nul \\u0000 and \\ud800 half"}',
        b'{"text": " \\n"}',
        b'{"text": "one"}',
        b"[" * 100_000,
    ]
    (tmp_path / "a.jsonl").write_bytes(b"\r\n".join(rows))
    texts, report = read(tmp_path)
    assert texts == ["one", "caf�", "nul  and � half"]
    assert report.bad_rows == 2
    assert report.rows_without_text == 3
    assert report.invalid_bytes == 2
    assert report.nul_characters == 1
    assert report.byte_order_marks == 1
    assert report.empty_documents == 1
    assert report.duplicates == 1


def test_a_broken_value_in_a_json_list_costs_one_row(tmp_path, monkeypatch):
    monkeypatch.setattr(cleaning, "CHUNK_BYTES", 16)
    (tmp_path / "a.json").write_text('[\n{"text": "one, two, three"},\n{"text": oops},\n{"text": "four"}\n]')
    texts, report = read(tmp_path)
    assert texts == ["one, two, three", "four"]
    assert report.bad_rows == 1


def test_a_row_that_is_too_long_is_skipped(tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "ROW_BYTES", 1000)
    (tmp_path / "a.jsonl").write_text(f'{{"text": "{"x" * 5000}"}}\n{{"text": "short"}}\n')
    texts, report = read(tmp_path)
    assert texts == ["short"]
    assert report.bad_rows == 1


def test_parquet_without_the_column_and_with_nulls(tmp_path):
    (tmp_path / "a.parquet").write_bytes(parquet(["x", "y"], name="body"))
    (tmp_path / "b.parquet").write_bytes(parquet(["z", None]))
    texts, report = read(tmp_path)
    assert texts == ["z"]
    assert report.rows_without_text == 3
    assert read(tmp_path, text_field="body")[0] == ["x", "y"]


@pytest.mark.parametrize("name", ["a.txt.gz", "a.txt.zst", "a.parquet", "a.jsonl.gz"])
def test_damaged_files_are_named_and_never_fatal(tmp_path, name):
    (tmp_path / name).write_bytes(b"this is not what the name says")
    (tmp_path / "good.txt").write_text("good")
    texts, report = read(tmp_path)
    assert texts == ["good"]
    assert len(report.unreadable_files) == 1
    assert name in report.unreadable_files[0]


@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_a_download_that_was_cut_off_gives_what_it_holds(tmp_path, ending):
    text = "\n".join(f"line {number}" for number in range(100_000))
    content = PACKERS[ending](text.encode())
    (tmp_path / f"a.txt{ending}").write_bytes(content[: len(content) // 2])
    texts, report = read(tmp_path)
    assert texts[0].startswith("line 0\nline 1\n")
    assert len(report.unreadable_files) == 1


def test_a_file_of_several_zstd_frames_is_read_to_its_end(tmp_path):
    first, second = (zstandard.compress(b"line\n" * count) for count in (10_000, 1))
    skippable = b"\x50\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"note"
    whole = first + skippable + zstandard.compress(b"") + second
    for name, content in {"a": whole, "b": whole[:-1], "c": first + first[:3]}.items():
        (tmp_path / f"{name}.txt.zst").write_bytes(content)
    texts, report = read(tmp_path)
    assert [text.count("line") for text in texts] == [10_001, 10_000]
    assert [each.partition(": ")[2] for each in report.unreadable_files] == [
        "the file ends within a frame"
    ] * 2


def test_empty_files_and_exact_duplicates_are_counted(tmp_path):
    for name, text in {
        "a": "",
        "b": " \n",
        "c": "same",
        "d": "same\n",
        "e": "cafe\u0301",
        "f": "caf\u00e9",
    }.items():
        (tmp_path / f"{name}.txt").write_text(text)
    texts, report = read(tmp_path)
    assert texts == ["same", "café"]
    assert (report.empty_files, report.empty_documents, report.duplicates) == (1, 1, 2)


@pytest.mark.parametrize(("make", "words"), [(False, "no such file or folder"), (True, "it is empty")])
def test_nothing_to_read_is_one_clear_line(tmp_path, make, words):
    place = tmp_path / "corpus"
    if make:
        place.mkdir()
    with pytest.raises(DataError, match=words) as error:
        readable_files(str(place))
    assert "\n" not in str(error.value)


def test_a_long_text_file_is_cut_into_documents(tmp_path):
    (tmp_path / "a.txt").write_text("\n\n".join(f"{number} " + "word " * 200 for number in range(300)))
    texts, report = read(tmp_path)
    assert len(texts) == report.long_documents_cut + 1 == 4
    assert all(50_000 <= len(text) <= 100_001 for text in texts[:-1])


def test_one_line_of_a_hundred_megabytes_is_read_in_bounded_memory(tmp_path):
    path = tmp_path / "line.txt"
    with path.open("wb") as stream:
        for number in range(100):
            stream.write((b"word%d " % number) * 150_000)
    program = """
        import resource, sys
        from bothways.text.corpus import CorpusReport, DataSettings, read_documents
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        report = CorpusReport()
        longest = max(len(line) for d in read_documents(sys.argv[1], DataSettings(), report) for line in d.text.split())
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(report.long_lines_cut, longest, after - before)
    """
    found = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(path)],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    cuts, longest, kilobytes = map(int, found.stdout.split())
    assert cuts >= path.stat().st_size // 1_000_000
    assert longest <= 7
    assert kilobytes < 40_000


def test_json_rows_are_read_in_linear_time(tmp_path):
    rows = [{"text": f"number {number}"} for number in range(60_000)]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    start = time.process_time()
    texts, report = read(tmp_path)
    assert time.process_time() - start < 10
    assert texts == [row["text"] for row in rows]
    assert report.bad_rows == 0


def test_a_link_to_nowhere_is_named_and_never_fatal(tmp_path):
    (tmp_path / "a.txt").symlink_to(tmp_path / "absent.txt")
    (tmp_path / "b.txt").write_text("good")
    texts, report = read(tmp_path)
    assert texts == ["good"]
    assert len(report.unreadable_files) == 1
    assert "a.txt" in report.unreadable_files[0]
