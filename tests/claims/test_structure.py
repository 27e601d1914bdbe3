"""Every claim about structure runs in a handful of steps and gives a finding that can be drawn and judged."""

import importlib
import math

import pytest
from model_cases import one_thread as one_thread

from bothways.claims import recall
from bothways.claims.base import Models
from bothways.claims.structure import STRUCTURE

EXACT = {"two_streams"}


@pytest.mark.parametrize("name", STRUCTURE)
def test_a_claim_measures_draws_and_previews(name, monkeypatch):
    claim = STRUCTURE[name]
    module = importlib.import_module(f"bothways.claims.{name}")
    for place in (module, recall):
        monkeypatch.setattr(place, "TESTED", 64, raising=False)
    models = Models({}, seeds=(3, 4), quick=True)
    finding = claim.measure(models) if name in EXACT else module.measure(models, 4)
    assert claim.name == name
    assert finding.verdict == "preview"
    assert finding.measures
    assert all(math.isfinite(each.value) for each in finding.measures)
    assert len({each.name for each in finding.measures}) == len(finding.measures)
    points = [point for series in finding.figure.series for point in series.points]
    assert points
    assert all(math.isfinite(point.y) for point in points)


@pytest.mark.parametrize("name", ["all_contexts", "two_streams"])
def test_what_is_exact_holds(name):
    assert STRUCTURE[name].measure(Models({}, seeds=())).verdict == "holds"
