"""Texts opened as pages, in the one Chromium of the session."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def opened(open_page: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    """Open a text as a page on disk; all that it says on the console, and all that it asks for, fails the test."""

    def open_text(text: str, *, width: int = 1000, scheme: str = "light") -> Any:
        path = tmp_path / "page.html"
        path.write_text(text, encoding="utf-8")
        return open_page(path, width, color_scheme=scheme, offline=True)

    return open_text
