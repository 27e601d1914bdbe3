"""What holds in every test: no network, at most two threads, and a reason for everything that is skipped."""

import importlib.util
import ipaddress
import os
import socket
from typing import Any

import chromium
import pytest
from chromium import browser as browser
from chromium import open_page as open_page
from hypothesis import settings

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
MOST_THREADS = 1 if "PYTEST_XDIST_WORKER" in os.environ else 2
"""Of a process; several of them share the processors."""

# Read by the libraries when they are imported, so this stands before any of them, for subprocesses too.
# PyTorch listens to MKL's number before OMP's, so all of them follow OMP_NUM_THREADS.
_wanted = os.environ.get(THREADS[0], "")
for _name in THREADS:
    os.environ[_name] = str(min(int(_wanted), MOST_THREADS) if _wanted.isdecimal() else MOST_THREADS)
for _name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"):
    os.environ[_name] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

# The same examples on every machine, and no deadline: a shared processor may stall for seconds.
settings.register_profile("bothways", derandomize=True, deadline=None, database=None)
settings.load_profile("bothways")

MARKERS = {
    "browser": "needs Chromium",
    "gpu": "needs a CUDA device",
    "slow": "takes more than ten seconds",
}


class NetworkBlockedError(RuntimeError):
    """A test tried to reach another machine."""


def pytest_configure(config: pytest.Config) -> None:
    for name, meaning in MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("there is no CUDA device here")
    if item.get_closest_marker("browser") and (missing := what_a_browser_lacks()):
        pytest.skip(f"{missing} is not installed here, so pages are not tried in a browser")


def what_a_browser_lacks() -> str | None:
    """Return what is missing for tests in a browser, nothing where all is there."""
    if importlib.util.find_spec("playwright") is None:
        return "playwright"
    return None if chromium.found() else "Chromium"


@pytest.fixture(autouse=True)
def _only_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse connections and name look-ups that leave this machine."""

    def guarded(name: str) -> Any:
        original = getattr(socket.socket, name)

        def connect(self: socket.socket, address: Any, *rest: Any) -> Any:
            if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_local(address[0]):
                raise NetworkBlockedError(f"tests reach no other machine, and {address[0]} is one")
            return original(self, address, *rest)

        return connect

    look_up = socket.getaddrinfo

    def getaddrinfo(host: Any, *rest: Any, **more: Any) -> Any:
        if host is not None and not _is_local(host):
            raise NetworkBlockedError(f"tests reach no other machine, and {host} is one")
        return look_up(host, *rest, **more)

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, guarded(name))
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def _is_local(host: str | bytes) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name in {"", "localhost", socket.gethostname()}
