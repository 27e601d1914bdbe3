import dataclasses
import json

import pytest

from bothways.claims import command, side_by_side
from bothways.claims.base import Claim, Finding, Measure
from bothways.cli import main
from bothways.errors import DataError, Interrupted, UsageError
from bothways.pages.figures import Figure, Point, Series

FIGURE = Figure("bars", "title", "x", "y", (Series("one", (Point("a", 1.0),)),))


@pytest.fixture
def measured(monkeypatch):
    """Replace the claims by two without models, and count how often each is measured."""
    calls = []

    def measure(models):
        calls.append((tuple(models.seeds), models.quick))
        verdict = "preview" if models.quick else "holds"
        return Finding((Measure("nats", 1.0, 0.9, 1.1, 0.5),), verdict, "1.0 is more than 0.5", FIGURE)

    def ask(run):
        calls.append(run)
        return measure_alone

    measure_alone = Finding((Measure("nats", 2.0),), "inconclusive", "2.0 may be chance", FIGURE)
    words = ("a sentence", "an experiment", "a paper, section 1")
    claims = {
        "plain": Claim("plain", *words, measure),
        "asked": Claim("asked", *words, measure, ask=ask),
    }
    monkeypatch.setattr(command, "CLAIMS", claims)
    monkeypatch.setattr(side_by_side, "default_count", lambda: 1)
    return calls


def test_findings_are_kept_so_that_the_same_command_goes_on(measured, tmp_path):
    first = command.claims(["plain"], out=tmp_path)
    assert measured == [((1, 2, 3, 4, 5), False)]
    both = command.claims(out=tmp_path)
    assert len(measured) == 2
    assert both.results[0] == first.results[0]
    assert [result.claim for result in both.results] == ["plain", "asked"]


def test_what_was_measured_before_an_interruption_is_kept_and_the_way_on_is_said(
    measured, monkeypatch, tmp_path
):
    def stopped(_models):
        raise KeyboardInterrupt

    claims = dict(command.CLAIMS)
    claims["asked"] = dataclasses.replace(claims["asked"], measure=stopped)
    monkeypatch.setattr(command, "CLAIMS", claims)
    with pytest.raises(Interrupted, match=f"--out {tmp_path}"):
        command.claims(out=tmp_path)
    command.claims(["plain"], out=tmp_path)
    assert len(measured) == 1


def test_other_seeds_and_a_quick_look_are_measured_anew_beside_what_is_known(measured, tmp_path):
    command.claims(["plain"], out=tmp_path)
    command.claims(["plain"], out=tmp_path, seeds=2)
    quick = command.claims(["plain"], out=tmp_path, quick=True)
    assert measured == [((1, 2, 3, 4, 5), False), ((1, 2), False), ((1,), True)]
    assert quick.results[0].finding.verdict == "preview"
    assert len((tmp_path / "findings.jsonl").read_text().splitlines()) == 3


def test_everything_is_repeated_with_fresh_seeds_from_the_first_that_is_named(measured, tmp_path):
    command.claims(["plain"], out=tmp_path, first=11)
    command.claims(["plain"], out=tmp_path, first=11, quick=True)
    assert measured == [((11, 12, 13, 14, 15), False), ((11,), True)]
    with pytest.raises(UsageError, match="--first is -1"):
        command.claims(["plain"], out=tmp_path, first=-1)


def test_a_line_of_findings_says_all_that_a_report_needs(measured, tmp_path):
    command.claims(["plain"], out=tmp_path)
    (line,) = (tmp_path / "findings.jsonl").read_text().splitlines()
    record = json.loads(line)
    assert {"claim", "sentence", "experiment", "source", "finding"} <= set(record)
    assert record["finding"]["measures"][0]["truth"] == 0.5
    assert record["finding"]["figure"]["series"][0]["points"][0]["x"] == "a"


def test_a_finding_is_told_with_its_numbers_its_verdict_and_why(measured, tmp_path):
    told = []
    command.claims(["plain"], out=tmp_path, say=told.append)
    assert told[:4] == [
        "plain: HOLDS",
        "  a sentence",
        "    nats  1.000 [0.900, 1.100], at best 0.500",
        "  because 1.0 is more than 0.5",
    ]


def test_a_users_model_is_asked_the_claims_that_can_be(measured, tmp_path):
    answered = command.ask([], tmp_path / "run", out=tmp_path)
    assert measured == [tmp_path / "run"]
    assert [result.claim for result in answered.results] == ["asked"]
    assert answered.results[0].model == str(tmp_path / "run")


def test_claims_that_do_not_exist_or_cannot_be_asked_are_refused(measured, tmp_path):
    with pytest.raises(UsageError, match="did you mean 'plain'"):
        command.claims(["plan"], out=tmp_path)
    with pytest.raises(UsageError, match="choose among: asked"):
        command.ask(["plain"], tmp_path, out=tmp_path)
    with pytest.raises(UsageError, match="1 or more"):
        command.claims(seeds=0, out=tmp_path)
    assert not measured


def test_a_damaged_line_is_named(measured, tmp_path):
    (tmp_path / "findings.jsonl").write_text('{"claim": "plain"}\n')
    with pytest.raises(DataError, match="is no finding"):
        command.claims(["plain"], out=tmp_path)


def test_the_verb_lists_claims_and_refuses_a_quick_look_at_a_model(capsys, tmp_path):
    assert main(["claims", "--list", "--json"]) == 0
    assert "New York" in json.loads(capsys.readouterr().out)["independence"]
    assert main(["claims", "--quick", "--model", str(tmp_path)]) == 2
    assert "--quick" in capsys.readouterr().err
