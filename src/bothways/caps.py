"""Bounds on every run, whatever its settings: for trying things out."""

import os

from bothways.errors import UsageError

STEP_CAP = "BOTHWAYS_MAX_STEPS"
"""Environment variable: end a run after so many steps."""
QUESTION_CAP = "BOTHWAYS_MAX_QUESTIONS"
"""Environment variable: ask a model for so many held-out tokens, spans and words at most."""


def step_cap() -> int | None:
    """Return the bound in steps, if there is one; raise `UsageError` where it is no whole number."""
    return _whole_number(STEP_CAP, "steps")


def question_cap() -> int | None:
    """Return the bound in questions of each kind, if there is one; raise `UsageError` where it is no whole number."""
    return _whole_number(QUESTION_CAP, "questions")


def _whole_number(variable: str, what: str) -> int | None:
    text = os.environ.get(variable, "")
    if text and not (text.isdecimal() and int(text)):
        raise UsageError(f"{variable} is {text!r}; give a whole number of {what}, or unset it")
    return int(text) if text else None
