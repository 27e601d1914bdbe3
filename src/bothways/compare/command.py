"""`bothways compare`: train every contender into a run folder of its own, ask all the same, show one table.

Whatever is finished already is not done again, so an interrupted comparison goes on where it stood.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bothways import files
from bothways.compare.contenders import Contender, contenders
from bothways.compare.results import RESULTS, Result, parameters, read_results, speed, write_results
from bothways.compare.table import WIDTH, comparison_table, margin_note
from bothways.dry_run import Estimate, dry_run
from bothways.errors import Interrupted, UsageError
from bothways.evaluate import lines_of, score_documents, unigram_nats
from bothways.pretrain import Pretrained, next_folder, prepared_text, pretrain
from bothways.recipe import Recipe, resolve
from bothways.recipe_files import flat
from bothways.text.prepare import Prepared
from bothways.trained import load
from bothways.training import run_folder

Say = Callable[[str], None]


@dataclass(frozen=True)
class Comparison:
    """What a comparison came to."""

    folder: Path
    results: list[Result]

    def lines(self) -> list[str]:
        """Return the table, what it was measured on, and where everything is."""
        return [
            "",
            *lines_of(comparison_table(self.results), width=WIDTH),
            self.results[0].score.note(),
            margin_note(self.results),
            f"all runs and {RESULTS}: {self.folder}",
        ]


@dataclass(frozen=True)
class Foreseen:
    """What a comparison would cost."""

    estimates: list[Estimate]

    def lines(self) -> list[str]:
        """Return every run's own estimate."""
        return [line for estimate in self.estimates for line in [*estimate.lines()[:-1], ""]] + [
            "nothing was written; leave out --dry-run to compare"
        ]


def planned(
    references: Sequence[str],
    words: Sequence[str],
    *,
    tokens: int | None,
    minutes: float | None,
    seeds: int = 1,
    out: Path | None = None,
    own_tokenizers: bool = False,
) -> list[Contender]:
    """Return who is trained, with the budget of each; raise `UsageError` where they cannot be compared."""
    budget = {"tokens": tokens, "minutes": minutes}
    given = [f"training.{unit}={value}" for unit, value in budget.items() if value is not None]
    if len(given) != 1:
        raise UsageError("a comparison needs one budget for each run; give either --tokens or --minutes")
    folder = out or next_folder("compare")
    words = ["training.stop_after=null", *words, *given]  # all use up the budget, unless it is said otherwise
    return contenders(references, words, seeds=seeds, out=folder, own_tokenizers=own_tokenizers)


def foresee(plan: Sequence[Contender]) -> Foreseen:
    """Check every contender and estimate what it costs; writes nothing."""
    return Foreseen([dry_run(contender.recipe) for contender in plan])


def compare(plan: Sequence[Contender], say: Say = lambda _line: None, *, quiet: bool = False) -> Comparison:
    """Train and score every contender that is not yet; raise every `BothwaysError` of `pretrain`."""
    folder = plan[0].folder.parent.parent
    budget = plan[0].recipe.training
    each = f"{budget.tokens:,} tokens" if budget.tokens else f"{budget.minutes:g} minutes"
    say(f"{len(plan)} runs of {each} each, in {folder}")
    known = {(result.recipe, result.seed): result for result in read_results(folder)}
    for number, contender in enumerate(plan, start=1):
        prepared = prepared_text(contender.recipe, say)
        key, digest = (contender.recipe.name, contender.recipe.seed), _digest(contender.recipe, prepared)
        if key in known and known[key].digest == digest:
            say(f"[{number}/{len(plan)}] {contender.title}: done before")
            continue
        say(f"[{number}/{len(plan)}] {contender.title}")
        known[key] = _judged(contender.recipe, _trained(contender, quiet=quiet), prepared, digest)
        write_results(folder, list(known.values()))
    return Comparison(folder, [known[each.recipe.name, each.recipe.seed] for each in plan])


def _digest(recipe: Recipe, prepared: Prepared) -> str:
    """Return a fingerprint of everything that decides a result; where files lie does not."""
    settings = recipe.model_dump(mode="json", exclude={"data"})
    return files.digest(json.dumps([settings, prepared.train.fingerprint, prepared.valid.fingerprint]))


def _trained(contender: Contender, *, quiet: bool) -> Pretrained:
    """Train a contender to the end of its budget, from wherever it stands."""
    begun = (contender.folder / "checkpoints").exists()
    if begun:
        _refuse_other_settings(contender)
    try:
        return pretrain(contender.recipe, contender.folder, resume=begun, quiet=quiet)
    except Interrupted as stop:
        raise Interrupted(
            f"stopped during {contender.title}, all is saved; go on with the same command and "
            f"--out {contender.folder.parent.parent}"
        ) from stop


def _refuse_other_settings(contender: Contender) -> None:
    """A run that was begun under other conditions, a smaller budget for one, is not the run that is compared."""
    before, now = (
        flat(each.model_dump(mode="json", exclude={"data", "evaluation"}))
        for each in (resolve(str(contender.folder / "recipe.yaml")), contender.recipe)
    )
    for name in before | now:
        if before.get(name) != now.get(name):
            raise UsageError(
                f"{contender.folder} was begun with {name}={before.get(name)}, now it is {now.get(name)}, which would "
                "be another run; compare in another folder, --out"
            )


def _judged(recipe: Recipe, run: Pretrained, prepared: Prepared, digest: str) -> Result:
    """Score the last checkpoint, which has read the whole budget as all others have."""
    checkpoint = run_folder.checkpoint_folder(run.folder, run.steps)
    subject, _ = load(checkpoint)
    unigram = unigram_nats(prepared.train, prepared.vocabulary)
    return Result(
        recipe=recipe.name,
        seed=recipe.seed,
        digest=digest,
        checkpoint=str(checkpoint),
        parameters=parameters(run.folder),
        steps=run.steps,
        tokens=run.tokens,
        seconds=run.seconds,
        tokens_per_second=speed(run.folder),
        score=score_documents(subject, prepared.valid, recipe.evaluation, unigram),
    )
