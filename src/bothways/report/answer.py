"""The answer first: one sentence for each question, and the differences behind it."""

from collections import Counter
from collections.abc import Iterator, Sequence

from bothways.claims.base import Verdict
from bothways.compare.questions import OWN_TOKENIZERS
from bothways.compare.results import Result
from bothways.finetuning.results import TaskResult
from bothways.pages.blocks import Answers, Block, Paragraph, Section
from bothways.report.held_out import NAMES, TOKENS, UNITS, measured, picture
from bothways.report.pairs import pairs_table
from bothways.report.records import Records, Told
from bothways.report.scores import answers as of_tasks
from bothways.report.told import verdicts

ONE_SEED = (
    "One seed each: this tells these models apart, and says nothing of recipes; for that, compare with --seeds 3 or "
    "more."
)


def answer(records: Records) -> Section | None:
    """Return what the evidence supports; nothing where there is nothing to compare."""
    judged = () if _has_one_seed(records) else records.verdicts
    unjudged = _unjudged(records) if judged else records.tasks
    answers = [*(judged or of_results(records.results)), *of_tasks(unjudged)]
    blocks: list[Block] = [Answers(answers)] if answers else []
    if answers and _has_one_seed(records):
        blocks.append(Paragraph(ONE_SEED, "note"))
    blocks += [Paragraph(note, "note") for note in records.notes]
    if records.claims:
        blocks += [Paragraph(_counted(records.claims), "lead"), *verdicts(records)]
    if records.pairs:
        blocks.append(pairs_table(records.pairs))
    return Section("The answer", blocks) if blocks else None


def _has_one_seed(records: Records) -> bool:
    """Whether each recipe was trained once: then verdicts on recipes are all open, and the models are ranked."""
    return len({result.seed for result in records.results}) == 1


def _unjudged(records: Records) -> tuple[TaskResult, ...]:
    """Return the scores that no verdict of a comparison speaks of already."""
    judged = {result.recipe for result in records.results}
    return tuple(result for result in records.tasks if result.model not in judged)


def of_results(results: Sequence[Result]) -> Iterator[tuple[str, str]]:
    """Yield for each measure who pays least and who follows, of models that no comparison judged over seeds.

    No verdict: what tells recipes apart are paired differences over seeds, which `bothways compare` writes down. Of
    models with tokenizers of their own, whole words alone compare.
    """
    keys = measured(results)
    for key in [OWN_TOKENIZERS] if OWN_TOKENIZERS in keys else keys:
        shown = picture(results, key)
        (series,) = shown.series
        if len(series.points) < 2:
            continue
        best, second, *_ = sorted(series.points, key=lambda point: point.y)
        gap = second.y - best.y
        apart = (best.high or best.y) < (second.low or second.y)
        yield (
            NAMES[key],
            f"{best.x} pays least, {best.y:.3f} {UNITS.get(key, TOKENS)}; {second.x} follows, {gap:.3f} more"
            + "".join(f" (the {name} pays {nats:.3f})" for name, nats in shown.references)
            + ("." if apart else ", which is within the intervals: not enough evidence."),
        )


def _counted(claims: Sequence[Told]) -> str:
    """Say how many sentences hold."""
    counts = Counter(told.finding.verdict for told in claims)
    what: dict[Verdict, str] = {
        "holds": "hold",
        "does not hold here": "do not hold here",
        "inconclusive": "stay open",
        "preview": "are previews without a verdict",
    }
    said = [f"{counts[verdict]} {words}" for verdict, words in what.items() if counts[verdict]]
    return f"Of {len(claims)} sentences that people repeat, " + ", ".join(said) + "."
