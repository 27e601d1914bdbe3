"""A bound on every run, whatever its budget: for trying things out."""

import os

from bothways.errors import UsageError

STEP_CAP = "BOTHWAYS_MAX_STEPS"
"""Environment variable: end the run after so many steps."""


def step_cap() -> int | None:
    """Return the bound in steps, if there is one; raise `UsageError` where it is no whole number."""
    text = os.environ.get(STEP_CAP, "")
    if text and not (text.isdecimal() and int(text)):
        raise UsageError(f"{STEP_CAP} is {text!r}; give a whole number of steps, or unset it")
    return int(text) if text else None
