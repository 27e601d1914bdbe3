import os
from pathlib import Path

import pytest

import bothways


@pytest.fixture(scope="session")
def child_environment():
    """The environment of a process that a test starts: it finds this package, and takes one thread."""
    return os.environ | {"PYTHONPATH": str(Path(bothways.__file__).parents[1]), "OMP_NUM_THREADS": "1"}


@pytest.fixture
def open_handles():
    """How many files this process has open, as a function."""
    return lambda: len(list(Path("/dev/fd").iterdir()))
