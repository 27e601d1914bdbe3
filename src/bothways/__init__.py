"""Bothways pretrains BERT, XLNet and their relatives, faithful to the papers, on your own text.

The names below are the whole public surface; each is imported when it is first asked for, so that
`import bothways` costs nothing. Everything else may change without notice.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bothways.batch import Batch, Examples, Loss, Memory
    from bothways.checks import check
    from bothways.config import Settings
    from bothways.errors import (
        BothwaysError,
        CheckpointError,
        DataError,
        Interrupted,
        NumericError,
        UsageError,
    )
    from bothways.recipe import Recipe, resolve
    from bothways.vocabulary import Vocabulary

__version__ = "0.1.0"

__all__ = [
    "Batch",
    "BothwaysError",
    "CheckpointError",
    "DataError",
    "Examples",
    "Interrupted",
    "Loss",
    "Memory",
    "NumericError",
    "Recipe",
    "Settings",
    "UsageError",
    "Vocabulary",
    "__version__",
    "check",
    "resolve",
]

_HOMES = {
    "batch": ("Batch", "Examples", "Loss", "Memory"),
    "checks": ("check",),
    "config": ("Settings",),
    "errors": (
        "BothwaysError",
        "CheckpointError",
        "DataError",
        "Interrupted",
        "NumericError",
        "UsageError",
    ),
    "recipe": ("Recipe", "resolve"),
    "vocabulary": ("Vocabulary",),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"bothways.{home}"), name)
    raise AttributeError(f"module 'bothways' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
