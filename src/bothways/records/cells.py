"""What a single cell holds, whether it was written in CSV, JSON or Parquet."""

import math
import unicodedata
from typing import Any

from bothways.text.cleaning import clean
from bothways.text.report import CorpusReport


def tidy(text: str) -> str:
    """Return a text as pretraining sees it: NFC, newlines as line ends, no NUL, lone surrogate or outer space."""
    # Repairs are counted in corpora only; a labelled text is too small for them to matter.
    return unicodedata.normalize("NFC", clean(text, CorpusReport())).strip()


def text_in(value: Any) -> str:
    """Return a cell as tidy text: a whole number without decimals, "" where there is nothing or no plain value."""
    if isinstance(value, float):
        # Missing values of a table come as NaN, and turn its whole numbers into 1.0 and 2.0.
        value = int(value) if value.is_integer() else "" if math.isnan(value) else value
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return tidy(str(value)) if isinstance(value, str | int | float) else ""


def number_in(value: Any) -> float | None:
    """Return a cell as a finite number, or None."""
    try:
        number = float(text_in(value))
    except ValueError:
        return None
    return number if math.isfinite(number) else None
