"""What is asked of a trained contender: the same questions as of all others, about the same held-out text."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from bothways.compare.contenders import Contender
from bothways.compare.memory import memory_of
from bothways.compare.results import Result, curve_of, device_of, parameters, speed
from bothways.evaluate import score_documents, unigram_nats
from bothways.evaluate.score import measure_words
from bothways.text.prepare import Prepared
from bothways.trained import load
from bothways.training import run_folder
from bothways.training.going_on import standing


def last_checkpoint(contender: Contender) -> Path:
    """Return the model after the whole budget, which has read as much as all others have."""
    return run_folder.checkpoint_folder(contender.folder, standing(contender.folder).step)


def judged(
    contender: Contender, prepared: Prepared, digest: str, held_out: Sequence[str] | None = None
) -> Result:
    """Score the last checkpoint of a contender.

    `held_out` are documents as text: given, whole words are scored in nats per character besides.
    """
    recipe, folder = contender.recipe, contender.folder
    state, checkpoint = standing(folder), last_checkpoint(contender)
    subject, tokenizer = load(checkpoint)
    unigram = unigram_nats(prepared.train, prepared.vocabulary)
    score = score_documents(subject, prepared.valid, recipe.evaluation, unigram, by_window=True)
    if held_out is not None:
        words = measure_words(subject, tokenizer, held_out, recipe.evaluation)
        score = dataclasses.replace(score, measurements=[*score.measurements, words])
    return Result(
        recipe=recipe.name,
        seed=recipe.seed,
        digest=digest,
        checkpoint=str(checkpoint),
        parameters=parameters(folder),
        steps=state.step,
        tokens=state.tokens,
        seconds=round(state.seconds, 1),
        tokens_per_second=speed(folder),
        score=score,
        memory=memory_of(folder),
        curve=curve_of(folder),
        device=device_of(folder),
    )
