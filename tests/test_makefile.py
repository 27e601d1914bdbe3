"""`make` explains itself, and says what is missing on a machine that lacks something."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed here")


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(ROOT / "Makefile", folder)
    for name in ("pyproject.toml", "constraints.txt"):
        if not (folder / name).exists():
            (folder / name).touch()
    # These tests run under `make test`, and a make below a make speaks of itself.
    alone = {
        name: value
        for name, value in os.environ.items()
        if name not in {"MAKELEVEL", "MAKEFLAGS", "MFLAGS", "ARGS"}
    }
    return subprocess.run(
        ["make", *words], cwd=folder, env=alone, capture_output=True, text=True, check=False
    )


def fake_python(folder: Path, *, version_check: int, venv: int) -> Path:
    """Write a Python that answers the version check and `-m venv` with the given exit codes."""
    path = folder / "fake-python"
    path.write_text(
        "#!/bin/sh\n"
        'case "$*" in\n'
        f"  *version_info\\ \\<*) exit {version_check} ;;\n"
        f"  *venv\\ --clear*) exit {venv} ;;\n"
        "  --version) echo Python 3.9.1 ;;\n"
        "  *) echo python3.12-venv ;;\n"
        "esac\n"
    )
    path.chmod(0o755)
    return path


def test_help_describes_every_target_from_its_own_comment(tmp_path: Path) -> None:
    answer = make(tmp_path)
    targets = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[0].split()
    assert answer.returncode == 0
    assert [line.split()[1] for line in answer.stdout.splitlines()] == targets
    assert all(len(line.split()) > 3 for line in answer.stdout.splitlines())


def test_a_missing_python_is_named(tmp_path: Path) -> None:
    answer = make(tmp_path, "test", "PYTHON=no-such-python")
    assert answer.returncode == 2
    assert "error: 'no-such-python' was not found; install Python 3.11 or newer" in answer.stderr


def test_an_old_python_is_refused_with_its_version(tmp_path: Path) -> None:
    answer = make(tmp_path, "test", f"PYTHON={fake_python(tmp_path, version_check=1, venv=0)}")
    assert answer.returncode == 2
    assert "error: Python 3.9.1 is too old, Bothways needs 3.11 or newer" in answer.stderr


def test_where_venv_fails_the_missing_package_is_named_and_nothing_half_made_stays(tmp_path: Path) -> None:
    answer = make(tmp_path, "test", f"PYTHON={fake_python(tmp_path, version_check=0, venv=1)}")
    assert answer.returncode == 2
    assert "install the system package python3.12-venv" in answer.stderr
    assert not (tmp_path / ".venv").exists()


def test_the_second_time_nothing_is_installed(tmp_path: Path) -> None:
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    make(tmp_path)
    for name in ("bin/python", ".core", ".dev"):
        (tmp_path / ".venv" / name).touch()
    answer = make(tmp_path, "--dry-run", "test")
    assert shlex.split(answer.stdout) == [
        *(".venv/bin/python", "-m", "pytest"),
        *("--numprocesses", "auto", "--maxprocesses", "4", "--dist", "worksteal"),
        *("-m", "not browser"),
    ]


def test_benchmarks_are_measured_in_an_installation_of_their_own_and_take_words(tmp_path: Path) -> None:
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    make(tmp_path)
    for name in ("bin/python", ".core", ".dev"):
        (tmp_path / ".venv" / name).touch()
    assert "--editable '.[dev,bench]'" in make(tmp_path, "--dry-run", "bench").stdout
    (tmp_path / ".venv" / ".bench").touch()
    answer = make(tmp_path, "--dry-run", "bench", "QUICK=1", "ARGS=--rows mini")
    assert answer.stdout.split() == [".venv/bin/bothways", "bench", "--quick", "--rows", "mini"]


def test_without_a_gpu_its_benchmark_ends_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    make(tmp_path)
    python = tmp_path / ".venv" / "bin" / "python"
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    (tmp_path / ".venv" / ".bench").touch()
    answer = make(tmp_path, "bench-gpu")
    assert answer.returncode == 2
    assert "error: PyTorch sees no GPU here" in answer.stderr


def test_constraints_pin_every_direct_dependency_exactly() -> None:
    pins = dict(re.findall(r"^([\w.-]+)==([\w.]+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    known = {name.lower().replace("_", "-") for name in pins}
    text = (ROOT / "pyproject.toml").read_text()
    wanted = re.findall(
        r'^    "([\w-]+)(?:>=[\d.]+)?",$', text.partition("[project.scripts]")[0], re.MULTILINE
    )
    assert {name.lower() for name in wanted} <= known
    assert pins["torch"] == "2.13.0"
