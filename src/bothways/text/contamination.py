"""Which examples of a test set stand in the training text: a model that has read them is not tested by them."""

import re
from collections.abc import Iterable, Sequence

from bothways.text.duplicates import GRAM

_WORD = re.compile(r"\w+")


def stand_in(corpus: Iterable[str], examples: Sequence[str]) -> list[bool]:
    """Say of each example whether more than half of its runs of 8 words occur in the corpus.

    A shorter example is one run; one without words never stands there. Case does not count. The corpus is read once,
    and only what the examples need is kept of it.
    """
    runs = [_runs(_words(example)) for example in examples]
    wanted = {run for example in runs for run in example}
    lengths: dict[str, set[int]] = {}
    for run in wanted:
        lengths.setdefault(run[0], set()).add(len(run))
    found: set[tuple[str, ...]] = set()
    for text in corpus:
        words = _words(text)
        for place, word in enumerate(words):
            for length in lengths.get(word, ()):
                run = tuple(words[place : place + length])
                if run in wanted:
                    found.add(run)
    return [2 * sum(run in found for run in example) > len(example) for example in runs]


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _runs(words: Sequence[str]) -> list[tuple[str, ...]]:
    if not words:
        return []
    return [tuple(words[start : start + GRAM]) for start in range(max(1, len(words) - GRAM + 1))]
