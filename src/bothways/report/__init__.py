"""One page of all that was measured: a pure function of what comparisons, evaluations, claims and runs write down."""

from bothways.report.command import report, write
from bothways.report.reading import read

__all__ = ["read", "report", "write"]
