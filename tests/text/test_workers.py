"""Worker processes: answers in order, errors handed back, and none left behind."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bothways.errors import DataError
from bothways.text.workers import Workers, default_count


def test_answers_come_in_the_order_of_the_questions():
    with Workers(2) as workers:
        assert list(workers.ordered(abs, range(-20, 0))) == list(range(20, 0, -1))


def test_an_error_in_a_worker_is_raised_here_and_the_worker_lives_on():
    with Workers(1) as workers:
        with pytest.raises(json.JSONDecodeError):
            workers.submit(json.loads, "{").result()
        assert workers.submit(json.loads, "[1]").result() == [1]


def test_a_worker_that_dies_is_an_error_in_one_line():
    with Workers(1) as workers, pytest.raises(DataError, match="worker process stopped"):
        workers.submit(os._exit, 9).result()


def test_workers_end_when_the_parent_is_killed():
    program = (
        "import os, sys, time\nfrom bothways.text.workers import Workers\n"
        "with Workers(2) as w:\n"
        "    print(*[w.submit(os.getpid).result() for _ in range(2)], flush=True)\n"
        "    time.sleep(60)\n"
    )
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=environment
    ) as parent:
        assert parent.stdout is not None
        children = {int(word) for word in parent.stdout.readline().split()}
        parent.kill()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and any(is_running(child) for child in children):
        time.sleep(0.05)
    assert not any(is_running(child) for child in children)


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_there_is_at_least_one_processor():
    assert default_count() >= 1
