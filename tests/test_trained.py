"""What goes wrong when a trained model is asked is said before anything slow begins (the rest: test_readme)."""

from pathlib import Path

import pytest

from bothways.errors import CheckpointError, DataError, UsageError
from bothways.trained import fill, score


def test_a_run_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="not a folder"):
        fill(tmp_path / "nowhere", "A [?] .")


def test_an_empty_text_is_refused_before_the_model_is_looked_for(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("")
    with pytest.raises(DataError):
        score(tmp_path / "nowhere", str(tmp_path / "text.txt"))


def test_an_unknown_setting_of_a_score_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'tokens'"):
        score(tmp_path / "nowhere", "text.txt", ["tokenz=5"])
