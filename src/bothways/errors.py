"""The errors a person can cause, each with a stable exit code.

Every message is one line in three parts: what went wrong, why, and what to do about it. The command line
prints the message and exits with the code; a traceback is reserved for our own mistakes.
"""


class BothwaysError(Exception):
    """Base of all errors that are reported to the user as one line."""

    exit_code = 1


class UsageError(BothwaysError):
    """A wrong command, setting, or combination of settings."""

    exit_code = 2


class DataError(BothwaysError):
    """Text, a tokenizer or token shards that cannot be used."""

    exit_code = 3


class CheckpointError(BothwaysError):
    """A checkpoint that is missing, incomplete, corrupted or of another model."""

    exit_code = 4


class NumericError(BothwaysError):
    """Training diverged: the loss stayed non-finite."""

    exit_code = 5


class Interrupted(BothwaysError):
    """A signal asked the run to stop; its state was saved (EX_TEMPFAIL of sysexits.h)."""

    exit_code = 75
