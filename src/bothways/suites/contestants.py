"""The models that a suite compares, and what they are called."""

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bothways.errors import UsageError
from bothways.interop.folder import Description, describe
from bothways.objectives import OBJECTIVES
from bothways.tasks import SeveralSettings, TaskSettings
from bothways.training.run_folder import resolve_run

Say = Callable[[str], None]

_NUMBERED = re.compile(r"(step|seed)-\d+")


@dataclass(frozen=True)
class Contestant:
    """One model."""

    name: str
    """Its folder's name, in tables and in the folder of results."""
    folder: Path
    """The model folder: of a run, its best checkpoint."""
    about: Description

    @property
    def is_pretrained(self) -> bool:
        """Whether it still predicts tokens, as it did before any fine-tuning."""
        return not isinstance(self.about.objective, TaskSettings | SeveralSettings)

    @property
    def answers(self) -> frozenset[str]:
        """Which questions about tokens it can be asked: see `Objective`."""
        known = (
            kind.answers
            for settings, kind in OBJECTIVES.values()
            if isinstance(self.about.objective, settings)
        )
        return next(known, frozenset())

    @property
    def longest(self) -> int | None:
        """The longest row that it has positions for, in tokens; None: no limit."""
        longest: int | None = getattr(self.about.settings, "max_positions", None)
        return longest


def contestants(references: Sequence[str], say: Say) -> list[Contestant]:
    """Return the models that are named; raise `UsageError` where there is none, or two have one name."""
    if not references:
        raise UsageError("there is nothing to evaluate; give a run, a checkpoint or a Hugging Face folder")
    found = []
    for reference in references:
        folder = resolve_run(reference, say)
        found.append(Contestant(_name(Path(reference)), folder, describe(folder)))
    names = [each.name for each in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(
            f"two models are called {twice!r}, and each needs a folder of its own; name each once, or give one of "
            "the folders another name"
        )
    return found


def _name(given: Path) -> str:
    """Folders called step-00001000 or seed-1 are everywhere, so they are called after what they belong to, too."""
    names = [name for name in given.resolve().parts if name != "checkpoints"]
    parts = list(itertools.takewhile(_NUMBERED.fullmatch, reversed(names)))
    return "-".join(names[-len(parts) - 1 :])
