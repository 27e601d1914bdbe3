"""One sentence a question: what the evidence supports, or that it is not enough. Data in, words out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Literal

from bothways.compare.pairs import Pair
from bothways.compare.questions import Question

LEVEL = 0.05
"""A difference counts where chance shows one like it less often than this, after Holm's correction."""

Standing = Literal["supported", "partly supported", "not enough evidence"]


@dataclass(frozen=True)
class Verdict:
    """What the evidence says at one question."""

    question: Question
    standing: Standing
    """Whether the best recipe is ahead of all others, of some, or of none."""
    best: str
    """The recipe with the best mean, whatever chance has to do with it."""
    values: dict[str, float]
    """The mean of each recipe over its seeds, in the question's unit."""
    sentence: str


def verdict(question: Question, values: Mapping[str, Mapping[int, float]], pairs: Sequence[Pair]) -> Verdict:
    """Judge the best recipe by its pairs; `values` are those of each recipe and seed, `pairs` those of the question."""
    means = {recipe: mean(of_seeds.values()) for recipe, of_seeds in values.items()}
    best = sorted(means, key=lambda recipe: means[recipe], reverse=not question.is_paid)[0]
    ahead = [_seen_from(best, pair, question) for pair in pairs if best in (pair.first, pair.second)]
    won = [each for each in ahead if each.is_supported]
    open_ = [each for each in ahead if not each.is_supported]
    standing: Standing = "not enough evidence" if not won else "partly supported" if open_ else "supported"
    return Verdict(question, standing, best, means, _sentence(question, best, won, open_))


@dataclass(frozen=True)
class _Ahead:
    """By how much the best recipe is ahead of another one."""

    other: str
    amount: str
    """With its interval, and without a sign where it has the one that is meant."""
    seeds: int
    holm: float | None

    @property
    def is_supported(self) -> bool:
        return self.holm is not None and self.holm < LEVEL

    @property
    def chance(self) -> str:
        if self.seeds == 1:
            return "one seed"
        return "" if self.holm is None else f"Holm p = {self.holm:.2g}"


def _seen_from(best: str, pair: Pair, question: Question) -> _Ahead:
    """Return the pair with the best one first, and what is better above 0."""
    is_first = pair.first == best
    sign = 1 if is_first != question.is_paid else -1
    form = ".2f" if question.is_paid else ".1f"
    amount = format(sign * pair.value, form)
    if pair.difference is not None:
        limits = sorted((sign * pair.difference.low, sign * pair.difference.high))
        amount += f" [{limits[0]:{form}}, {limits[1]:{form}}]"
    return _Ahead(pair.second if is_first else pair.first, amount, pair.seeds, pair.holm)


def _sentence(question: Question, best: str, won: Sequence[_Ahead], open_: Sequence[_Ahead]) -> str:
    more = "less" if question.is_paid else "more"
    if not won:
        return f"not enough evidence {question.about}: {_open(question, best, open_)}"
    verb = "pays" if question.is_paid else "scores"
    first, *others = won
    parts = [f"{first.amount} {question.unit} {more} than {first.other} ({first.chance})"]
    parts += [f"{each.amount} {more} than {each.other} ({each.chance})" for each in others]
    said = f"{best} {verb} {_listed(parts)} {question.about} over {_seeds(won)}"
    return said + (f"; not enough evidence against {_against(open_)}" if open_ else "")


def _open(question: Question, best: str, open_: Sequence[_Ahead]) -> str:
    """Say how near the best recipe is to the others, and why that decides nothing."""
    if all(each.seeds == 1 for each in open_):
        apart = _listed([f"{each.amount} {question.unit} from {each.other}" for each in open_])
        return f"one seed says nothing of recipes (this {best} is {apart}); compare with --seeds 3 or more"
    apart = _listed([f"{each.amount} {question.unit} from {each.other} ({each.chance})" for each in open_])
    return f"{best} is {apart} over {_seeds(open_)}, which may be chance"


def _against(open_: Sequence[_Ahead]) -> str:
    return _listed([f"{each.other} ({each.amount}, {each.chance})" for each in open_])


def _seeds(ahead: Sequence[_Ahead]) -> str:
    counts = sorted({each.seeds for each in ahead})
    return f"{' or '.join(map(str, counts))} seeds"


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
