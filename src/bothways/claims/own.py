"""A user's own model, and the held-out text that a claim asks it about."""

import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from bothways.errors import UsageError
from bothways.evaluate import Documents, HeldOutText, Subject
from bothways.evaluate.estimate import estimate
from bothways.evaluate.windows import select_windows
from bothways.metrics.interval import Interval
from bothways.text.corpus import EMBEDDED, CorpusReport, DataSettings, read_documents
from bothways.text.shards import MANIFEST, Shards
from bothways.trained import load

WINDOW = 62
"""Longest window, in tokens of text."""
WINDOWS = 200
_POOL = 200_000
_EMBEDDED_DOCUMENTS = 50


def windows_of(run: Path, count: int = WINDOWS) -> tuple[Subject, list[np.ndarray]]:
    """Return a user's model and windows of text, int [text tokens] each, that it was not trained on where known.

    The text is what the run held out, where its shards are still at hand, else the corpus that comes with Python.
    Raises `CheckpointError` where there is no model, and `UsageError` for one that sees a blank's left side only.
    """
    subject, tokenizer = load(run)
    if not {"leave one out", "joint spans"} <= subject.objective.answers:
        raise UsageError(
            f"{run} was trained by the objective {subject.objective.name}, which reads from the left and has no "
            "blanks; give a masked or permutation model with --model"
        )
    if subject.objective.answered_by:
        raise UsageError(
            f"{run} answers by {subject.objective.answered_by}, not by itself; give a masked or permutation model "
            "with --model"
        )
    text = held_out(run) or _embedded(tokenizer)
    windows = select_windows(
        text, subject.vocabulary, limit=min(WINDOW, subject.limit(WINDOW + 2)), pool_tokens=_POOL, seed=0
    )
    return subject, _evenly([window for window in windows if len(window) > 1], count)


def held_out(run: Path) -> HeldOutText | None:
    """Return the text that a run held out, or None where the very shards it was trained on are not at hand."""
    place = run.resolve()
    records = (folder / "environment.json" for folder in (place, place.parent.parent))
    try:
        record = next(file for file in records if file.is_file())
        data = json.loads(record.read_text(encoding="utf-8"))["data"]
        shards, fingerprint = Path(data["shards"]), data["fingerprint"]
    except (StopIteration, OSError, ValueError, KeyError, TypeError):
        return None
    if not all((shards / part / MANIFEST).is_file() for part in ("train", "valid")):
        return None
    if Shards.open(shards / "train", verify=False).fingerprint != fingerprint:
        return None
    return Shards.open(shards / "valid", verify=False)


def by_window(values: np.ndarray, windows: np.ndarray) -> Interval:
    """Return the mean of `values` (float [items]) and its interval, the items of one window being dependent."""
    found = estimate(values, np.ones(len(values), dtype=np.int64), windows)
    margin = found.margin or 0.0
    return Interval(found.mean, found.mean - margin, found.mean + margin)


def _embedded(tokenizer: Tokenizer) -> Documents:
    documents = read_documents(EMBEDDED, DataSettings(), CorpusReport())
    texts = [each.text for each in itertools.islice(documents, _EMBEDDED_DOCUMENTS)]
    return Documents([np.array(tokenizer.encode(text, add_special_tokens=False).ids) for text in texts])


def _evenly(windows: Sequence[np.ndarray], count: int) -> list[np.ndarray]:
    """Return at most `count` of the windows, evenly spread."""
    step = max(1, len(windows) // count)
    return list(windows[::step])[:count]
