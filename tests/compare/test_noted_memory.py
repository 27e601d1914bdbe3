"""What training needed of memory stands in the run's folder: the most of all its turns."""

import json

import pytest

from bothways.compare import memory
from bothways.compare.memory import memory_of, noting_memory


def test_the_most_that_any_turn_needed_is_noted_and_results_come_back(tmp_path, monkeypatch):
    for peak, noted in ((300, 300), (200, 300), (None, 300), (400, 400)):
        monkeypatch.setattr(memory, "peak_memory", lambda side, peak=peak: (side.run(), peak)[1])
        assert noting_memory(tmp_path, lambda: "trained") == "trained"
        assert memory_of(tmp_path) == noted


@pytest.mark.parametrize("written", [None, "", "{}", json.dumps({"bytes": None})])
def test_what_was_not_noted_is_not_known(tmp_path, written):
    if written is not None:
        (tmp_path / "memory.json").write_text(written)
    assert memory_of(tmp_path) is None
