import math

import pytest

from bothways.claims import side_by_side as module
from bothways.claims.side_by_side import side_by_side


@pytest.mark.parametrize("processors", [1, 2])
def test_every_item_is_done_under_its_name_on_one_processor_or_several(monkeypatch, processors):
    monkeypatch.setattr(module, "default_count", lambda: processors)
    assert dict(side_by_side(math.sqrt, {"four": 4.0, "nine": 9.0, "one": 1.0})) == {
        "four": 2.0,
        "nine": 3.0,
        "one": 1.0,
    }


@pytest.mark.parametrize("processors", [1, 2])
def test_what_one_item_raises_is_raised(monkeypatch, processors):
    monkeypatch.setattr(module, "default_count", lambda: processors)
    with pytest.raises(ValueError, match="math domain error"):
        list(side_by_side(math.sqrt, {"four": 4.0, "minus": -1.0}))
