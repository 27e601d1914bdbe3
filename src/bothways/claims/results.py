"""What became of each claim: one JSON object a line, from which every report is made."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from bothways import files
from bothways.claims.base import Claim, Finding, Measure
from bothways.evaluate.result_lines import read_lines, write_lines

FINDINGS = "findings.jsonl"


@dataclass(frozen=True)
class Result:
    """A claim and what measuring it came to."""

    claim: str
    sentence: str
    experiment: str
    source: str
    finding: Finding
    seeds: tuple[int, ...] = ()
    """Of the models that it was measured on; none for a user's own."""
    quick: bool = False
    model: str | None = None
    """A user's own model that was asked."""
    digest: str = ""
    """Of the claim and the settings of its models: another one is measured anew."""

    def lines(self) -> list[str]:
        """Return the verdict, the numbers and why, for a person."""
        whose = f" of {self.model}" if self.model else ""
        width = max(len(each.name) for each in self.finding.measures)
        return [
            f"{self.claim}{whose}: {self.finding.verdict.upper()}",
            f"  {self.sentence}",
            *(f"    {each.name:<{width}}  {_number(each)}" for each in self.finding.measures),
            f"  because {self.finding.because}",
        ]


_RESULT = TypeAdapter(Result)


def result_of(
    claim: Claim,
    finding: Finding,
    *,
    seeds: Sequence[int] = (),
    quick: bool = False,
    model: Path | None = None,
) -> Result:
    """Return the record of a finding."""
    named = None if model is None else str(model)
    return Result(
        claim.name,
        claim.sentence,
        claim.experiment,
        claim.source,
        finding,
        tuple(seeds),
        quick,
        named,
        digest_of(claim, seeds=seeds, quick=quick, model=named),
    )


def digest_of(claim: Claim, *, seeds: Sequence[int], quick: bool, model: str | None) -> str:
    """Return a fingerprint of what decides a finding but the code itself."""
    decides = [claim.name, claim.experiment, claim.variants, list(seeds), quick, model]
    return files.digest(json.dumps(decides, sort_keys=True))[:12]


def read_findings(folder: Path) -> list[Result]:
    """Return the results in `folder`, none where there is no file; raise `DataError` for a line that is none."""
    return read_lines(folder / FINDINGS, _RESULT, each="finding", again="measure")


def write_findings(folder: Path, results: Sequence[Result]) -> None:
    """Write all results, atomically."""
    write_lines(folder / FINDINGS, _RESULT, results)


def _number(measure: Measure) -> str:
    interval = "" if measure.low is None else f" [{measure.low:.3f}, {measure.high:.3f}]"
    return f"{measure.value:.3f}{interval}" + (
        "" if measure.truth is None else f", at best {measure.truth:.3f}"
    )
