"""`bothways claims`: train the plan's models, measure every claim on them, and keep what came out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bothways.claims.base import Claim, Finding, Models
from bothways.claims.plan import train
from bothways.claims.registry import CLAIMS
from bothways.claims.results import FINDINGS, Result, digest_of, read_findings, result_of, write_findings
from bothways.claims.side_by_side import side_by_side
from bothways.config import nearest
from bothways.errors import Interrupted, UsageError
from bothways.pretrain import next_folder

Say = Callable[[str], None]


@dataclass(frozen=True)
class Answered:
    """What the claims came to."""

    folder: Path
    results: list[Result]

    def lines(self) -> list[str]:
        """Return the verdicts in a table of one line each, and where everything is."""
        width = max(len(result.claim) for result in self.results)
        return [
            *(f"{result.claim:<{width}}  {result.finding.verdict}" for result in self.results),
            f"all findings: {self.folder / FINDINGS}",
        ]


def chosen(names: Sequence[str], *, asking: bool = False) -> list[Claim]:
    """Return the claims of these names, all without any; `asking`: those that a user's model can be asked.

    Raises `UsageError` for an unknown name, and for one that cannot be asked of a model.
    """
    for name in names:
        if name not in CLAIMS:
            raise UsageError(f"there is no claim {name!r}; {nearest(name, list(CLAIMS))}")
    claims = [CLAIMS[name] for name in names or CLAIMS]
    if not asking:
        return claims
    able = [claim.name for claim in CLAIMS.values() if claim.ask]
    for name in names:
        if name not in able:
            raise UsageError(
                f"{name} needs the synthetic language, so it cannot be asked of a model; with --model choose among: "
                f"{', '.join(able)}"
            )
    return [claim for claim in claims if claim.ask]


def listing() -> dict[str, str]:
    """Return every claim's name and sentence."""
    return {name: claim.sentence for name, claim in CLAIMS.items()}


def claims(
    names: Sequence[str] = (),
    *,
    quick: bool = False,
    seeds: int = 5,
    first: int = 1,
    out: Path | None = None,
    say: Say = lambda _line: None,
) -> Answered:
    """Measure claims on models of `seeds` seeds, from `first` on; what `out` holds already is not done again.

    `quick` takes one seed and a fraction of the steps: previews, no verdicts. Raises `UsageError` for unknown names,
    and every `BothwaysError` of training.
    """
    if seeds < 1:
        raise UsageError(f"--seeds is {seeds}; give 1 or more")
    if first < 0:
        raise UsageError(f"--first is {first}; give 0 or more")
    wanted = chosen(names)
    numbers = [first] if quick else list(range(first, first + seeds))
    folder = out or next_folder("claims")
    digests = {claim.name: digest_of(claim, seeds=numbers, quick=quick, model=None) for claim in wanted}
    known = {result.digest: result for result in read_findings(folder)}
    missing = [claim for claim in wanted if digests[claim.name] not in known]
    try:
        trained = _train(missing, numbers, folder, say, quick=quick)
        asked = {claim.name: (claim.name, Models(trained[claim.name], numbers, quick)) for claim in missing}
        for name, finding in side_by_side(_measure, asked):
            result = result_of(CLAIMS[name], finding, seeds=numbers, quick=quick)
            known[result.digest] = result
            write_findings(folder, list(known.values()))
            _tell(result, say)
    except (KeyboardInterrupt, Interrupted) as stop:
        raise Interrupted(
            f"stopped, what is done is kept; go on with the same command and --out {folder}"
        ) from stop
    return Answered(folder, [known[digests[claim.name]] for claim in wanted])


def ask(
    names: Sequence[str], model: Path, *, out: Path | None = None, say: Say = lambda _line: None
) -> Answered:
    """Ask a user's own model those claims that it can be asked, anew each time.

    Raises `UsageError` for claims that need the language, and `CheckpointError` where there is no model.
    """
    folder = out or next_folder("claims")
    known = {result.digest: result for result in read_findings(folder)}
    results = []
    for claim in chosen(names, asking=True):
        assert claim.ask is not None
        result = result_of(claim, claim.ask(model), model=model)
        known[result.digest] = result
        write_findings(folder, list(known.values()))
        results.append(result)
        _tell(result, say)
    return Answered(folder, results)


def _train(
    wanted: Sequence[Claim], seeds: Sequence[int], folder: Path, say: Say, *, quick: bool
) -> dict[str, dict[str, list[Path]]]:
    """Train all models of all claims at once, and return each claim's own by variant."""
    variants = {(claim.name, name): variant for claim in wanted for name, variant in claim.variants.items()}
    named = {"/".join(key): variant for key, variant in variants.items()}
    trained = train(named, seeds, folder, say, quick=quick)
    return {
        claim.name: {name: trained[f"{claim.name}/{name}"] for name in claim.variants} for claim in wanted
    }


def _measure(asked: tuple[str, Models]) -> Finding:
    name, models = asked
    return CLAIMS[name].measure(models)


def _tell(result: Result, say: Say) -> None:
    for line in [*result.lines(), ""]:
        say(line)
