"""The public surface is written down once, and small."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import bothways

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("name", bothways.__all__)
def test_every_public_name_can_be_imported(name: str) -> None:
    assert getattr(bothways, name) is not None


def test_the_lazy_names_are_exactly_all() -> None:
    lazy = [name for names in bothways._HOMES.values() for name in names]
    assert sorted([*lazy, "__version__"]) == sorted(bothways.__all__)
    assert sorted(dir(bothways)) == sorted(bothways.__all__)


def test_no_public_name_is_also_a_module() -> None:
    modules = {path.stem for path in (ROOT / "src/bothways").iterdir()}
    assert not modules & set(bothways.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'berd'"):
        _ = bothways.berd


def test_the_version_is_that_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert bothways.__version__ == project["version"]


def test_importing_bothways_does_not_import_torch() -> None:
    question = "import bothways, bothways.cli, sys; print('torch' in sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", question], capture_output=True, text=True, check=True, cwd=ROOT / "src"
    )
    assert answer.stdout.strip() == "False"
