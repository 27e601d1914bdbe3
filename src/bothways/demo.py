"""`bothways demo`: a BERT and an XLNet from English that every machine already has, in a few minutes.

Both learn from the embedded corpus with the same tokenizer, size and minutes of wall clock, and are then asked about
the same held-out modules. The sizes are chosen so that two processor cores get somewhere in two minutes
(docs/lab-notes.md tells how); on real text, use the real recipes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bothways import files
from bothways.compare.budget import Budget, Unit
from bothways.compare.memory import memory_of, noting_memory
from bothways.compare.record import Fill, concluded, write_comparison
from bothways.compare.results import Result, curve_of, device_of, parameters, speed, write_results
from bothways.evaluate import Filled, Score, lines_of, score_documents, unigram_nats
from bothways.evaluate.score import held_out_table
from bothways.pretrain import Pretrained, next_folder, prepared_text, pretrain
from bothways.recipe import Recipe, resolve
from bothways.report import write
from bothways.trained import fill, load
from bothways.training.metrics import Progress
from bothways.training.settings import TrainingSettings

RECIPES = {"BERT": "demo-bert", "XLNet": "demo-xlnet"}
SENTENCES = ("Return a [?] of the given [?].", "If the file does not [?], an [?] is raised.")


@dataclass(frozen=True)
class Demo:
    """What the demo ends with."""

    runs: dict[str, Pretrained]
    scores: dict[str, Score]
    fills: dict[str, list[Filled]]
    report: Path
    """The page that shows all of it."""

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
        return [*lines, "", f"report: {self.report}"]


def demo(out: Path | None = None, words: Sequence[str] = (), *, quiet: bool = False) -> Demo:
    """Train both models, score and question them; `words` are settings for both recipes."""
    folder = out or next_folder("demo")
    recipes = {name: resolve(recipe, words) for name, recipe in RECIPES.items()}
    # The text comes first, so that it is not taken for memory that the first training needed.
    with Progress(quiet=quiet) as bar:
        prepared_text(next(iter(recipes.values())), bar.say)
    runs = {
        name: noting_memory(
            folder / name.lower(), partial(pretrain, recipe, folder / name.lower(), quiet=quiet)
        )
        for name, recipe in recipes.items()
    }
    scores = {name: _score(recipes[name], run) for name, run in runs.items()}
    fills = {name: [fill(run.checkpoint, sentence) for sentence in SENTENCES] for name, run in runs.items()}
    results = [_result(name, recipes[name], runs[name], scores[name]) for name in runs]
    record(folder, _budget(next(iter(recipes.values())).training), results, fills)
    return Demo(runs, scores, fills, write(folder))


def record(
    folder: Path,
    budget: Budget | None,
    results: Sequence[Result],
    fills: Mapping[str, Sequence[Filled]],
) -> None:
    """Write down a comparison as `bothways compare` does, with the best filling of each sentence."""
    write_results(folder, results)
    found = [
        Fill(sentence, name, best.texts, best.probability)
        for name, filled in fills.items()
        for sentence, best in zip(SENTENCES, (each.joint[0] for each in filled), strict=True)
    ]
    write_comparison(concluded(folder, budget, results, [], fills=found))


def _budget(training: TrainingSettings) -> Budget | None:
    units: tuple[Unit, ...] = ("minutes", "tokens")
    amounts = ((unit, getattr(training, unit)) for unit in units)
    return next((Budget(unit, amount) for unit, amount in amounts if amount is not None), None)


def _result(name: str, recipe: Recipe, run: Pretrained, score: Score) -> Result:
    return Result(
        recipe=name,
        seed=recipe.seed,
        digest=files.digest(recipe.model_dump_json(exclude={"data"})),
        checkpoint=str(run.checkpoint),
        parameters=parameters(run.folder),
        steps=run.steps,
        tokens=run.tokens,
        seconds=run.seconds,
        tokens_per_second=speed(run.folder),
        score=score,
        memory=memory_of(run.folder),
        curve=curve_of(run.folder),
        device=device_of(run.folder),
    )


def _score(recipe: Recipe, run: Pretrained) -> Score:
    """Score a model on its held-out documents, beside the add-one unigram of its training text."""
    subject, _ = load(run.checkpoint)
    prepared = prepared_text(recipe, lambda _line: None)
    unigram = unigram_nats(prepared.train, prepared.vocabulary)
    return score_documents(subject, prepared.valid, recipe.evaluation, unigram, by_window=True)
