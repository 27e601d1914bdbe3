"""The doctor looks, and changes nothing."""

from pathlib import Path

from bothways.doctor import Finding, examine, report


def test_everything_a_run_depends_on_is_looked_at(tmp_path: Path) -> None:
    findings = {finding.name: finding for finding in examine(tmp_path)}
    assert {
        "python",
        "torch",
        "device",
        "precision",
        "threads",
        "memory",
        "disk",
        "writing",
        "compiler",
    } <= set(findings)
    assert "because" in findings["precision"].value
    assert findings["writing"].advice is None
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_found_out(tmp_path: Path) -> None:
    findings = {finding.name: finding for finding in examine(tmp_path / "missing")}
    assert findings["writing"].value.startswith("refused")
    assert "--out" in str(findings["writing"].advice)


def test_advice_stands_below_what_it_is_about() -> None:
    lines = report([Finding("disk", "1 GiB free", "free some space"), Finding("writing", "works here")])
    assert lines == ["disk     1 GiB free", "         -> free some space", "writing  works here"]
