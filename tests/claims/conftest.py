"""What several tests of claims begin with."""

import pytest

from bothways.claims import plan, side_by_side


@pytest.fixture
def brief_plan(monkeypatch):
    """Make the plan's text short and its models brief, trained within this process."""
    monkeypatch.setattr(plan, "DOCUMENTS", 400)
    monkeypatch.setattr(side_by_side, "default_count", lambda: 1)
