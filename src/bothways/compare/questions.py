"""What a comparison asks: of held-out text, and of each task. Every question is answered by one number a model."""

from collections.abc import Sequence
from dataclasses import dataclass

from bothways.compare.results import Result
from bothways.finetuning.results import TaskResult

LANGUAGE = {
    "leave_one_out_nats": "for a held-out token given all others",
    "chain_span_nats_per_token": "for a token of a hidden span, asked jointly from left to right",
    "orders_span_nats_per_token": "for a token of a hidden span, asked jointly in any order",
    "left_to_right_nats": "for a token given those before it",
    "word_nats_per_character": "for a character of a hidden word",
}
"""Key of a measurement -> what is paid for, in the words of a sentence."""
OWN_TOKENIZERS = "word_nats_per_character"
"""The one number that compares models of different tokenizers; where it is there, it is asked alone."""


@dataclass(frozen=True)
class Question:
    """One thing that is asked of all recipes."""

    key: str
    """The key of a measurement, or the name of a task."""
    about: str
    """In the words of a sentence."""
    unit: str
    """`nats`, which are paid: fewer are better; or `points`, which are scored: a metric times 100."""

    @property
    def is_paid(self) -> bool:
        return self.unit == "nats"


def questions(results: Sequence[Result], tasks: Sequence[TaskResult]) -> list[Question]:
    """Return what at least two recipes have an answer to: of held-out text first, then task by task."""
    answered: dict[str, set[str]] = {}
    for result in results:
        for item in result.score.measurements:
            if item.model is not None:
                answered.setdefault(item.key, set()).add(result.recipe)
    keys = [OWN_TOKENIZERS] if OWN_TOKENIZERS in answered else list(LANGUAGE)
    found = [Question(key, LANGUAGE[key], "nats") for key in keys if len(answered.get(key, ())) > 1]
    for name in dict.fromkeys(result.task for result in tasks):
        of_task = [result for result in tasks if result.task == name]
        if len({result.model for result in of_task}) > 1:
            metric = of_task[0].metric.replace("_", " ")
            found.append(Question(name, f"on {name} ({metric})", "points"))
    return found
