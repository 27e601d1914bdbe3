"""The page and `latest.json` hold what was measured."""

import json

from bothways.bench.ceiling import Ceiling
from bothways.bench.measure import Row
from bothways.bench.page import Report, read, row_line, write

MACHINE = {
    "python": "3.11.7",
    "packages": {"torch": "2.13.0", "transformers": None},
    "commit": "abc",
    "processor": "AMD EPYC (TM) 9",
    "threads": 2,
    "gpus": [],
    "device": "cpu",
    "precision": "bf16 because",
    "load": "0.10",
    "effort": "quick",
}
ROWS = (
    Row(
        "xlnet small L=512 / script",
        1234.5,
        200.0,
        "tokens/s",
        6.17,
        (6.0, 6.3),
        6.0,
        2**20,
        3 * 2**20,
        "",
        0.512,
    ),
    Row("xlnet small L=512 / strongest", 1200.0, 800.0, "tokens/s", 1.5, (1.4, 1.6), 2.0, note="uncompiled"),
    Row("demo loader / a step", 0.03, 10.0, "ms", 0.003, None, 0.02, at_most=True),
    Row("xlnet-mini L=128", 99.0, None, "tokens/s", None, None, None),
)
REPORT = Report("2026-01-02", MACHINE, Ceiling({"bf16": 2e11}, {"bf16": (1, 2, 3)}, 1e10), ROWS, 61.0)


def test_what_is_written_reads_back(tmp_path):
    write(REPORT, tmp_path)
    assert read(tmp_path / "latest.json") == REPORT


def test_the_json_has_the_promised_names(tmp_path):
    write(REPORT, tmp_path)
    values = json.loads((tmp_path / "latest.json").read_text())
    assert {"date", "machine", "ceiling", "rows"} <= values.keys()
    assert {"name", "ours", "peer", "unit", "ratio", "spread", "target"} <= values["rows"][0].keys()
    assert [row["met"] for row in values["rows"]] == [True, False, True, None]


def test_the_page_is_named_after_day_and_processor_and_holds_every_row(tmp_path):
    page = write(REPORT, tmp_path)
    assert page.name == "2026-01-02-amd-epyc-tm-9.md"
    text = page.read_text()
    for row in ROWS:
        assert f"| {row.name} |" in text
    assert "| 1,234 tokens/s | 200 | 6.17 (6.00–6.30) | ≥ 6 met | 51% | 1, 3 MiB |" in text
    assert "≥ 2 missed" in text
    assert "≤ 0.02 met" in text
    assert "- xlnet small L=512 / strongest: uncompiled" in text
    assert "2 of 3 targets met" in text
    assert "bf16 200 GFLOP/s" in text
    assert "commit abc" in text


def test_a_gpu_gives_the_page_its_name(tmp_path):
    machine = MACHINE | {"gpus": ["NVIDIA H200"], "device": "cuda"}
    page = write(Report("2026-01-02", machine, REPORT.ceiling, ROWS, 1.0), tmp_path)
    assert page.name == "2026-01-02-nvidia-h200.md"


def test_the_terminal_shows_the_same_and_names_the_page():
    lines = Report(**REPORT.__dict__ | {"written": "benchmarks/page.md"}).lines()
    assert any("xlnet small L=512 / script" in line and "6.17 (6.00–6.30)" in line for line in lines)
    assert not any("…" in line for line in lines)
    assert lines[-1] == "page: benchmarks/page.md"


def test_a_row_is_told_in_one_line_while_others_are_measured():
    assert row_line(ROWS[0]) == (
        "xlnet small L=512 / script: 1,234 tokens/s, peer 200, ratio 6.17 (6.00–6.30), target ≥ 6 met"
    )
    assert row_line(ROWS[3]).endswith("peer –, ratio –, target –")
