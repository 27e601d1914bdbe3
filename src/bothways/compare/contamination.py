"""How much of each task's test set a comparison's models have read before, in their training text."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bothways.compare.tasks import Task
from bothways.text.contamination import stand_in
from bothways.text.corpus import DataSettings
from bothways.text.prepare import is_prepared, texts_of


@dataclass(frozen=True)
class Contamination:
    """Of one task."""

    task: str
    examples: int
    found: int | None
    """How many stand in the training text; None where only its tokens are at hand."""

    @property
    def share(self) -> float | None:
        return None if self.found is None else self.found / self.examples

    def line(self) -> str:
        """Say it in a sentence."""
        if self.found is None:
            return f"{self.task}: whether test examples stand in the training text is unknown, it was prepared before"
        return (
            f"{self.task}: {self.found:,} of {self.examples:,} test examples ({self.share:.1%}) stand in the training "
            "text"
        )


def contamination(data: DataSettings, tasks: Sequence[Task]) -> list[Contamination]:
    """Read the training text once, and return what of each task's test examples stands in it."""
    if not tasks:
        return []
    texts = {task.name: task.test_texts() for task in tasks}
    if data.train is not None and is_prepared(Path(data.train).expanduser()):
        return [Contamination(name, len(of_task), None) for name, of_task in texts.items()]
    every = [text for of_task in texts.values() for text in of_task]
    stands = iter(stand_in(texts_of(data, held_out=False), every))
    return [
        Contamination(name, len(of_task), sum(next(stands) for _ in of_task))
        for name, of_task in texts.items()
    ]
