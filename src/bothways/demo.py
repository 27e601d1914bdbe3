"""`bothways demo`: a BERT and an XLNet from English that every machine already has, in a few minutes.

Both learn from the embedded corpus with the same tokenizer, size and minutes of wall clock, and are then asked about
the same held-out modules. The sizes are chosen so that two processor cores get somewhere in two minutes
(docs/lab-notes.md tells how); on real text, use the real recipes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bothways.evaluate import Filled, Score, lines_of, score_documents, unigram_nats
from bothways.evaluate.score import held_out_table
from bothways.pretrain import Pretrained, next_folder, prepared_text, pretrain
from bothways.recipe import Recipe, resolve
from bothways.trained import fill, load

RECIPES = {"BERT": "demo-bert", "XLNet": "demo-xlnet"}
SENTENCES = ("Return a [?] of the given [?].", "If the file does not [?], an [?] is raised.")


@dataclass(frozen=True)
class Demo:
    """What the demo ends with."""

    runs: dict[str, Pretrained]
    scores: dict[str, Score]
    fills: dict[str, list[Filled]]

    def lines(self) -> list[str]:
        """Return the held-out table, the filled sentences, and where the models are."""
        table = held_out_table({name: score.measurements for name, score in self.scores.items()})
        lines = ["", *lines_of(table), next(iter(self.scores.values())).note(), ""]
        for number, sentence in enumerate(SENTENCES):
            lines.append(f"  {sentence}")
            for name, fills in self.fills.items():
                best = fills[number].joint[0]
                lines.append(f"  {name:<5} {best.probability:6.1%}  {best.sentence}")
            lines.append("")
        lines.append("Each model is a folder that transformers loads:")
        lines += [f"  {name:<5} {run.checkpoint}" for name, run in self.runs.items()]
        return lines


def demo(out: Path | None = None, words: Sequence[str] = (), *, quiet: bool = False) -> Demo:
    """Train both models, score and question them; `words` are settings for both recipes."""
    folder = out or next_folder("demo")
    recipes = {name: resolve(recipe, words) for name, recipe in RECIPES.items()}
    runs = {name: pretrain(recipe, folder / name.lower(), quiet=quiet) for name, recipe in recipes.items()}
    return Demo(
        runs,
        {name: _score(recipes[name], run) for name, run in runs.items()},
        {name: [fill(run.checkpoint, sentence) for sentence in SENTENCES] for name, run in runs.items()},
    )


def _score(recipe: Recipe, run: Pretrained) -> Score:
    """Score a model on its held-out documents, beside the add-one unigram of its training text."""
    subject, _ = load(run.checkpoint)
    prepared = prepared_text(recipe, lambda _line: None)
    unigram = unigram_nats(prepared.train, prepared.vocabulary)
    return score_documents(subject, prepared.valid, recipe.evaluation, unigram)
