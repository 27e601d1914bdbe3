"""The answer first: one sentence for each question."""

from collections import Counter
from collections.abc import Iterator, Sequence

from bothways.claims.base import Verdict
from bothways.compare.pairs import Pair
from bothways.compare.questions import LANGUAGE, OWN_TOKENIZERS
from bothways.compare.results import Result
from bothways.finetuning.results import TaskResult
from bothways.pages.blocks import Answers, Block, Paragraph, Section
from bothways.pages.figures import Point
from bothways.report.held_out import NAMES, TOKENS, UNITS, measured, picture
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
    answers = [*(judged or of_results(records.results, records.pairs)), *of_tasks(unjudged)]
    blocks: list[Block] = [Answers(answers)] if answers else []
    if answers and _has_one_seed(records):
        blocks.append(Paragraph(ONE_SEED, "note"))
    blocks += [Paragraph(note, "note") for note in records.notes]
    if records.claims:
        blocks += [Paragraph(_counted(records.claims), "lead"), *verdicts(records)]
    return Section("The answer", blocks) if blocks else None


def _has_one_seed(records: Records) -> bool:
    """Whether each recipe was trained once: then verdicts on recipes are all open, and the models are ranked."""
    return len({result.seed for result in records.results}) == 1


def _unjudged(records: Records) -> tuple[TaskResult, ...]:
    """Return the scores that no verdict of a comparison speaks of already."""
    judged = {result.recipe for result in records.results}
    return tuple(result for result in records.tasks if result.model not in judged)


def of_results(results: Sequence[Result], pairs: Sequence[Pair] = ()) -> Iterator[tuple[str, str]]:
    """Yield for each question who pays least and who follows, of models that no comparison judged over seeds.

    No verdict: what tells recipes apart are paired differences over seeds, which `bothways compare` writes down.
    `pairs` tell these very models apart, by the windows that both were asked about. Of models with tokenizers of their
    own, whole words alone compare.
    """
    keys = [key for key in measured(results) if key in LANGUAGE]
    for key in [OWN_TOKENIZERS] if OWN_TOKENIZERS in keys else keys:
        shown = picture(results, key)
        (series,) = shown.series
        if len(series.points) < 2:
            continue
        best, second, *_ = sorted(series.points, key=lambda point: point.y)
        gap, is_apart = _gap(best, second, [pair for pair in pairs if pair.question == key])
        yield (
            NAMES[key],
            f"{best.x} pays least, {best.y:.3f} {UNITS.get(key, TOKENS)}; {second.x} follows, {gap} more"
            + "".join(f" (the {name} pays {nats:.3f})" for name, nats in shown.references)
            + ("." if is_apart else ", which may be chance: not enough evidence."),
        )


def _gap(best: Point, second: Point, pairs: Sequence[Pair]) -> tuple[str, bool]:
    """Return how much more the second pays, and whether that is more than chance: by their pair where it is known."""
    for pair in pairs:
        if {pair.first, pair.second} == {best.x, second.x} and pair.difference is not None:
            low, high = sorted(map(abs, (pair.difference.low, pair.difference.high)))
            if pair.difference.low * pair.difference.high > 0:
                return f"{abs(pair.value):.3f} [{low:.3f}, {high:.3f}]", True
            return f"{abs(pair.value):.3f}", False
    return f"{second.y - best.y:.3f}", (best.high or best.y) < (second.low or second.y)


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
