"""What `bothways explain` does: read a sentence and an order, ask models if there are any, write one page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bothways import files
from bothways.explain.asked import Said, ask_model
from bothways.explain.page import render
from bothways.explain.sentence import Sentence, read_sentence
from bothways.trained import load

Say = Callable[[str], None]


@dataclass(frozen=True)
class Explained:
    """What was written, and about what."""

    page: Path
    sentence: Sentence
    said: tuple[Said, ...]

    def lines(self) -> list[str]:
        """Return what a terminal shows."""
        order = " → ".join(str(place + 1) for place in self.sentence.order)
        return [f"order: {order}", *(f"asked: {each.name}" for each in self.said), f"page: {self.page}"]

    def as_json(self) -> dict[str, Any]:
        """Return the same for programs, and what the models said."""
        return {
            "page": str(self.page),
            "words": self.sentence.words,
            "order": [place + 1 for place in self.sentence.order],
            "models": [each.as_json() for each in self.said],
        }


def explain(text: str, order: str | None, models: Sequence[Path], out: Path, say: Say) -> Explained:
    """Write the page for a sentence to `out`.

    Raises `UsageError` for a sentence or an order that cannot be shown, before any model is loaded.
    """
    sentence = read_sentence(text, order)
    said = tuple(_ask(name, run, " ".join(sentence.words), say) for name, run in _named(models).items())
    files.write_text(out, render(sentence, said))
    return Explained(out, sentence, said)


def _ask(name: str, run: Path, text: str, say: Say) -> Said:
    say(f"asking {name}")
    subject, tokenizer = load(run, say)
    return ask_model(name, subject, tokenizer, text)


def _named(models: Sequence[Path]) -> dict[str, Path]:
    """Return each model once under the end of its path: two parts, or as many as tell it from the others."""
    runs = list(dict.fromkeys(models))
    longest = max((len(run.parts) for run in runs), default=0)
    for length in range(2, longest):
        names = ["/".join(run.parts[-length:]) for run in runs]
        if len(set(names)) == len(runs):
            return dict(zip(names, runs, strict=True))
    return {str(run): run for run in runs}
