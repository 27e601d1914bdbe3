import io
import json
import subprocess
import sys
import textwrap

import pytest
from processes import child_environment
from rich.console import Console

from bothways.errors import UsageError
from bothways.training.metrics import MetricsLog, Progress, describe, duration, read_metrics


def steps(path):
    return [record["step"] for record in read_metrics(path)]


def write(path, *numbers, resumed_step=0):
    with MetricsLog(path, resumed_step) as log:
        for step in numbers:
            log.write({"step": step, "loss": float(step)})


def test_one_line_a_step_is_readable_at_once(tmp_path):
    path = tmp_path / "run/metrics.jsonl"
    with MetricsLog(path) as log:
        log.write({"step": 1, "loss": 2.5, "parts": {"masked": 2.5}, "tokens": 128})
        assert read_metrics(path) == [{"step": 1, "loss": 2.5, "parts": {"masked": 2.5}, "tokens": 128}]
        log.sync()
    assert path.read_text().count("\n") == 1


def test_numbers_that_json_cannot_hold_become_null(tmp_path):
    with MetricsLog(tmp_path / "log") as log:
        log.write(
            {"step": 1, "loss": float("nan"), "parts": {"a": float("inf")}, "list": [1.0, float("-inf")]}
        )
    assert read_metrics(tmp_path / "log") == [
        {"step": 1, "loss": None, "parts": {"a": None}, "list": [1.0, None]}
    ]


def test_numbers_keep_every_bit(tmp_path):
    value = 0.1 + 0.2
    with MetricsLog(tmp_path / "log") as log:
        log.write({"step": 1, "loss": value})
    assert read_metrics(tmp_path / "log")[0]["loss"] == value


def test_a_resumed_run_drops_the_steps_it_will_repeat(tmp_path):
    path = tmp_path / "log"
    write(path, 10, 20, 30, 40)
    write(path, 30, 40, 50, resumed_step=25)
    assert steps(path) == [10, 20, 30, 40, 50]


def test_a_fresh_run_keeps_nothing_beyond_its_start(tmp_path):
    path = tmp_path / "log"
    write(path, 10, 20)
    write(path, 10)
    assert steps(path) == [10]


def test_no_step_stands_twice(tmp_path):
    with MetricsLog(tmp_path / "log") as log:
        log.write({"step": 2})
        with pytest.raises(ValueError, match="already"):
            log.write({"step": 2})
    with MetricsLog(tmp_path / "log", 2) as log, pytest.raises(ValueError, match="already"):
        log.write({"step": 1})
    assert steps(tmp_path / "log") == [2]


@pytest.mark.parametrize(
    "torn", ['{"step": 30, "lo', '{"step": 30}', "\x00\x00\x00", '{"loss": 1.0}\n', "[3]\n", "3"]
)
def test_a_torn_last_line_is_dropped(tmp_path, torn):
    path = tmp_path / "log"
    write(path, 10, 20)
    with path.open("a") as stream:
        stream.write(torn)
    assert steps(path) == [10, 20]
    write(path, 30, resumed_step=100)
    assert steps(path) == [10, 20, 30]
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_a_log_that_needs_no_repair_is_not_rewritten(tmp_path):
    path = tmp_path / "log"
    write(path, 10)
    before = path.stat().st_ino
    write(path, 20, resumed_step=10)
    assert path.stat().st_ino == before


def test_an_absent_log_reads_as_empty_and_an_impossible_one_is_explained(tmp_path):
    assert read_metrics(tmp_path / "absent") == []
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot write"):
        MetricsLog(tmp_path / "file" / "log")


WRITER = """
    import sys
    from pathlib import Path
    from bothways.training.metrics import MetricsLog
    with MetricsLog(Path(sys.argv[1])) as log:
        for step in range(1, 10**9):
            log.write({"step": step, "loss": 1 / step})
            if step == 100:
                print("ready", flush=True)
"""


def test_a_killed_writer_leaves_a_log_that_can_be_continued(tmp_path):
    path = tmp_path / "log"
    command = [sys.executable, "-c", textwrap.dedent(WRITER), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=child_environment()) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        writer.kill()
    write(path, 51, resumed_step=50)
    assert steps(path) == list(range(1, 52))


def test_many_logs_leak_no_file_handle(tmp_path, open_handles):
    before = open_handles()
    for step in range(200):
        write(tmp_path / "log", step + 1, resumed_step=step)
        read_metrics(tmp_path / "log")
    assert open_handles() == before
    assert len(steps(tmp_path / "log")) == 200


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (125, "2 min 05 s"), (3600 * 3 + 605, "3 h 10 min")],
)
def test_durations_are_words(seconds, words):
    assert duration(seconds) == words


def test_a_line_says_what_is_known():
    record = {"step": 1200, "loss": 5.1234, "tokens_per_second": 12345.6}
    assert describe(record, 0.34, 200) == "step 1,200 · 34% · loss 5.123 · 12,346 tokens/s · 3 min 20 s left"
    assert describe({"step": 1, "loss": None}, 0.0, None) == "step 1 · 0%"


def shown(is_terminal, quiet=False):
    out = io.StringIO()
    console = Console(file=out, force_terminal=is_terminal, width=100, color_system=None)
    with Progress(quiet=quiet, console=console) as progress:
        progress.say("[bold] begins")
        progress.show(0.25, {"step": 1, "loss": 4.0})
        progress.show(0.5, {"step": 2, "loss": 3.0})
    return out.getvalue()


def test_without_a_terminal_each_logged_step_is_one_plain_line():
    lines = shown(is_terminal=False).splitlines()
    assert lines[:2] == ["[bold] begins", "step 1 · 25% · loss 4.000"]
    assert lines[2].startswith("step 2 · 50% · loss 3.000 · ")
    assert lines[2].endswith(" left")
    assert len(lines) == 3


def test_on_a_terminal_there_is_a_bar_with_the_latest_numbers():
    text = shown(is_terminal=True)
    assert "[bold] begins" in text
    assert "━" in text
    assert "loss 3.000" in text


@pytest.mark.parametrize("is_terminal", [True, False])
def test_quiet_shows_nothing(is_terminal):
    assert shown(is_terminal, quiet=True) == ""


def test_time_left_counts_from_the_first_step_shown(monkeypatch):
    clock = iter([100.0, 110.0])
    monkeypatch.setattr("bothways.training.metrics.time.monotonic", lambda: next(clock))
    out = io.StringIO()
    with Progress(console=Console(file=out, width=100)) as progress:
        # A resumed run starts at 80%: the remaining 10% take as long as the last 10%.
        progress.show(0.8, {"step": 8})
        progress.show(0.9, {"step": 9})
    assert out.getvalue().splitlines()[1] == "step 9 · 90% · 10 s left"
