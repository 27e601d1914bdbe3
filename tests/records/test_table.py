import csv
import io
import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st
from labelled_files import PACKERS, write

from bothways.errors import DataError
from bothways.records.cells import text_in, tidy
from bothways.records.delimited import csv_rows, delimiter_of, has_header, tab_rows
from bothways.records.reading import Reading
from bothways.records.table import read_table

ROWS = [{"text": 'He said "no", twice', "label": "1"}, {"text": "Große 我", "label": "0"}]


def parquet(rows):
    stream = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), stream)
    return stream.getvalue()


CONTENTS = {
    "csv": 'text,label\r\n"He said ""no"", twice",1\r\nGroße 我,0\r\n',
    "tsv": 'text\tlabel\nHe said "no", twice\t1\nGroße 我\t0\n',
    "txt": 'text\tlabel\nHe said "no", twice\t1\nGroße 我\t0',
    "jsonl": "\n".join(json.dumps(row) for row in ROWS),
    "json": json.dumps(ROWS, indent=2),
    "parquet": parquet(ROWS),
}


def read(path, **settings):
    return read_table(Path(path), Reading(path), **settings)


@pytest.mark.parametrize("packing", ["", *PACKERS])
@pytest.mark.parametrize("kind", CONTENTS)
def test_every_format_gives_the_same_rows(kind, packing, tmp_path):
    table = read(write(tmp_path, f"train.{kind}{packing}", CONTENTS[kind]))
    assert [dict(zip(row.names, row.cells, strict=True)) for row in table.rows] == ROWS
    assert [row.number for row in table.rows] == ([2, 3] if kind in ("csv", "tsv", "txt") else [1, 2])


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "json"])
def test_a_byte_order_mark_is_no_part_of_the_first_name(kind, tmp_path):
    table = read(write(tmp_path, f"train.{kind}", "\ufeff" + CONTENTS[kind]))
    assert table.columns == ["text", "label"]


def test_a_json_list_of_lines_is_read_under_the_name_json(tmp_path):
    assert len(read(write(tmp_path, "train.json", CONTENTS["jsonl"])).rows) == 2


def test_quotes_are_text_between_tabs(tmp_path):
    table = read(write(tmp_path, "a.tsv", 'sentence\tlabel\n"Open\t1\nend"\t0\n'))
    assert table.cells("sentence") == ['"Open', 'end"']


def test_a_row_of_csv_is_numbered_by_the_line_on_which_it_begins(tmp_path):
    table = read(write(tmp_path, "a.csv", 'text,label\n"two\nlines",1\n\nlast,0\n'))
    assert [(row.number, row["text"]) for row in table.rows] == [(2, "two\nlines"), (5, "last")]


def test_separators_of_unicode_do_not_end_a_line(tmp_path):
    table = read(write(tmp_path, "a.tsv", "text\tlabel\none\u2028two\x85three\t1\n"))
    assert table.cells("text") == ["one\u2028two\x85three"]


def test_files_of_old_programs_end_lines_with_a_lone_carriage_return(tmp_path):
    assert len(read(write(tmp_path, "a.csv", "text,label\rone,1\rtwo,0\r")).rows) == 2


def test_text_that_is_not_utf8_is_one_error_with_its_row(tmp_path):
    path = write(tmp_path, "a.csv", "text,label\nfine,1\ncafé,0\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"a\.csv, row 3: the byte 0xe9 is not UTF-8, .* save it as UTF-8"):
        read(path)
    with pytest.raises(DataError, match="the file is in UTF-16"):
        read(write(tmp_path, "b.csv", "text,label\n".encode("utf-16")))


def test_half_a_packed_file_is_an_error(tmp_path):
    path = Path(write(tmp_path, "a.csv.gz", CONTENTS["csv"] * 100))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="is cut off or damaged"):
        read(str(path))


def test_a_file_that_is_not_there_and_one_that_is_no_parquet_are_errors(tmp_path):
    with pytest.raises(DataError, match="there is no such file"):
        read(str(tmp_path / "none.csv"))
    with pytest.raises(DataError, match="is no Parquet file"):
        read(write(tmp_path, "a.parquet", "text,label"))


def test_a_quote_that_is_never_closed_is_an_error_at_its_row(tmp_path):
    path = write(tmp_path, "a.csv", 'text,label\nfine,1\n"open,0\nswallowed,1\n')
    with pytest.raises(DataError, match=r"row 3: a quote opens here and is never closed"):
        read(path)


def test_rows_that_do_not_parse_are_counted_by_reason(tmp_path):
    path = write(tmp_path, "a.jsonl", '{"text": "a"}\n{"text": \n[1]\n{"text": "b"}\n')
    reading = Reading(path)
    assert len(read_table(Path(path), reading).rows) == 2
    assert list(reading.bad) == ["the row is not valid JSON", "the row is no JSON object"]
    path = write(tmp_path, "a.csv", 'text,label\na, with a comma,1\n"b" c,1\nd,0\n')
    reading = Reading(path)
    assert len(read_table(Path(path), reading).rows) == 1
    assert {reason: rows.first for reason, rows in reading.bad.items()} == {
        "the row is not valid CSV": f"{path}, row 3 (',' expected after '\"')",
        "the row has more columns than the header": f"{path}, row 2 (3, 2 in the header)",
    }


def test_a_header_within_a_file_is_a_bad_row(tmp_path):
    path = write(tmp_path, "joined.csv", "text,label\na,1\ntext, label\ntext,0\n")
    reading = Reading(path)
    assert read_table(Path(path), reading).cells("text") == ["a", "text"]
    assert reading.bad["it is a header within the file"].first == f"{path}, row 3"


def test_a_lone_carriage_return_in_a_cell_costs_its_row_alone(tmp_path):
    path = write(tmp_path, "a.csv", 'text,label\na\rb,1\n"c\rd",0\ne,1\n')
    reading = Reading(path)
    assert read_table(Path(path), reading).cells("text") == ["c\rd", "e"]
    assert reading.bad["the row is not valid CSV"].count == 1


def test_rows_of_varying_length_are_numbered_from_both_ends(tmp_path):
    table = read(write(tmp_path, "sts.csv", "a,5.0,b\nc,1.2,d,from,there\n"), header="no")
    first, second = table.rows
    assert (first[-1], second[-1], second[2]) == ("b", "there", "d")
    assert not first.has(3)
    assert not first.has(-4)
    assert table.cells(4) == ["there"]
    assert table.columns == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("rows", "wanted", "expected"),
    [
        ([["sentence", "x"], ["good", "1"]], (), True),
        ([["Quality", "#1 ID"], ["1", "7"]], (), True),
        ([["review_body", "grade"], ["good", "1"], ["bad", "0"]], (), True),  # a word above numbers alone
        ([["good", "1"], ["bad", "0"]], (), False),
        ([["so good", "positive"], ["so bad", "negative"], ["nice", "positive"]], (), False),
        ([["label", "a"], ["label", "b"]], (), False),  # names do not occur below themselves
        ([["text", "label"], ["good", "pos"], ["text", "pos"]], (), True),  # two known names are no chance
        ([["body", "label"], ["good", "pos"], ["body", "label"]], (), True),  # files that were joined
        ([["body", "tone"], ["x", "y"]], ("tone",), True),
        ([["body", "tone"], ["x", "y"]], ("other",), False),
    ],
)
def test_a_header_is_recognised(rows, wanted, expected):
    assert has_header(rows, frozenset(wanted)) is expected


@pytest.mark.parametrize(("mark", "expected"), [(",", ","), (";", ";"), ("\t", "\t"), ("|", "|")])
def test_the_delimiter_is_what_cuts_rows_evenly(mark, expected):
    rows = [["text", "label"], ["well, well; so", "1"], ["no", "0"]]
    assert delimiter_of("\n".join(mark.join(f'"{cell}"' for cell in row) for row in rows)) == expected


def test_a_comma_is_meant_where_there_is_one_column():
    assert delimiter_of("text\nall; of it\n") == ","


cells = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=12)
tables = st.lists(st.tuples(cells.filter(str.strip), cells), min_size=1, max_size=6)


@given(tables)
def test_what_is_written_as_csv_is_read_back(rows):
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows([("text", "label"), *rows])
    text = stream.getvalue().replace("\r\n", "\n")
    assert [tuple(row) for _, row in csv_rows(text, Reading("x.csv"))][1:] == rows


@given(tables)
def test_what_is_written_between_tabs_is_read_back(rows):
    rows = [tuple(cell.replace("\t", " ").replace("\n", " ") for cell in row) for row in rows]
    rows = [row for row in rows if row[0].strip()]
    assert [tuple(row) for _, row in tab_rows("\n".join(map("\t".join, rows)))] == rows


@given(tables)
def test_what_is_written_as_json_lines_is_read_back(tmp_path_factory, rows):
    lines = "\n".join(json.dumps({"text": text, "label": label}, ensure_ascii=False) for text, label in rows)
    path = write(tmp_path_factory.mktemp("rows"), "a.jsonl", lines)
    assert [row.cells for row in read(path).rows] == rows


def test_cells_become_tidy_text():
    assert tidy(" a\0b\r\nc e\u0301 \ud83d") == "ab\nc é \ufffd"
    assert [text_in(cell) for cell in (1, 1.0, 2.5, True, None, float("nan"), [1], "x ")] == [
        "1", "1", "2.5", "True", "", "", "", "x",
    ]  # fmt: skip
