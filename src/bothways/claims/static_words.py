"""One vector a word, or one for each of its uses: can the sense of a word be read off its vector?

A probe sees the vectors of a word with two senses and names the sense: that of the nearer of two centroids, the means
over labelled uses. It is asked of static vectors and of a tiny masked model's states, both learned from the same text.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from tokenizers import Tokenizer

from bothways.batch import Examples
from bothways.claims.base import Claim, Finding, Models
from bothways.claims.curves import curve
from bothways.claims.practice import ROWS, encoded, fresh_encoder, practise, tokenizer_of
from bothways.claims.static_vectors import word_vectors
from bothways.claims.two_senses import CLAUSE, PAIRS, WORDS, Sighting, sightings
from bothways.claims.verdict import in_words, measured
from bothways.claims.verdict import judge as verdict_on
from bothways.formats.packed import Packed, PackedSettings
from bothways.objectives import build_objective
from bothways.objectives.layout import lay_out
from bothways.objectives.masked import MaskedSettings
from bothways.objectives.quiet import without_training
from bothways.pages.figures import Figure
from bothways.text.tokenizer import vocabulary_of

MARGIN = 0.1
"""Accuracy that states must have over static vectors."""
NEAR = 2
"""How many words to each side are averaged where static vectors are given the neighbours."""
SLOTS = 2 * CLAUSE + 4
"""Of a row: a sentence with its comma and its shared word between CLS and SEP."""

STATIC, SENTENCE, NEIGHBOURS, STATES = (
    "static, the word",
    "static, mean of the sentence",
    f"static, mean of {NEAR} words to each side",
    "contextual, the word",
)
TRUTHS = {STATIC: 0.5, SENTENCE: 0.5, STATES: 1.0}
"""What the language itself allows: one vector a word, and words without order, say nothing; the clause says all."""

Vectors = Callable[[Sequence[Sighting]], np.ndarray]
"""What a probe sees of sentences: float [sentences, width]."""


@dataclass(frozen=True)
class Size:
    """How much is read and asked."""

    sentences: int = 4000
    steps: int = 600
    labelled: int = 400
    judged: int = 400


FULL = Size()
QUICK = Size(sentences=1500, steps=400, labelled=200, judged=200)


@dataclass(frozen=True)
class Scores:
    """What one seed came to."""

    accuracy: dict[str, float]
    """Of each kind of vectors."""
    learned_by: str
    """How the static ones were learned."""


def measure(models: Models) -> Finding:
    """Learn vectors and states from the same text, and ask for senses, with each seed."""
    size = QUICK if models.quick else FULL
    return judge([scores(seed, size) for seed in models.seeds], quick=models.quick)


def scores(seed: int, size: Size) -> Scores:
    """Return how often the probe is right, on a text of the seed's own."""
    draw = np.random.default_rng(seed)
    text, labelled, judged = (
        sightings(count, draw) for count in (size.sentences, size.labelled, size.judged)
    )
    static, learned_by = word_vectors([list(each.words) for each in text], seed)
    kinds = static_kinds(static) | {STATES: contextual(text, seed, size.steps)}
    return Scores(
        {name: probed(vectors, labelled, judged) for name, vectors in kinds.items()},
        learned_by,
    )


def judge(by_seed: Sequence[Scores], *, quick: bool) -> Finding:
    """Return what the accuracies of all seeds say."""
    found = {
        name: [each.accuracy[name] for each in by_seed] for name in (STATIC, SENTENCE, NEIGHBOURS, STATES)
    }
    gains = [ours - static for ours, static in zip(found[STATES], found[STATIC], strict=True)]
    static, states = (measured(name, found[name]).value for name in (STATIC, STATES))
    because = (
        f"the sense is read off a word's static vector in {static:.1%} of its uses and off its contextual state in "
        f"{states:.1%}: a gain of {in_words(gains)}, where {MARGIN} is asked for"
    )
    figure = Figure(
        kind="bars",
        title="Which sense of a word is meant",
        x="vectors",
        y="accuracy of a nearest-centroid probe",
        series=(curve("accuracy", found.items()),),
        references=(("chance", 0.5),),
        note=f"Static vectors by {by_seed[0].learned_by}. In this language the words of a sentence without their order "
        "say nothing of the sense.",
    )
    measures = tuple(measured(f"accuracy, {name}", found[name], TRUTHS.get(name)) for name in found)
    return Finding(measures, verdict_on(gains, MARGIN, quick=quick), because, figure)


def static_kinds(static: dict[str, np.ndarray]) -> dict[str, Vectors]:
    """Return what static vectors can say of a word in a sentence: its own, and means over words around it."""

    def of_word(part: Sequence[Sighting]) -> np.ndarray:
        return np.stack([static[each.words[each.place]] for each in part])

    def of_sentence(part: Sequence[Sighting]) -> np.ndarray:
        return np.stack([np.mean([static[word] for word in each.words], axis=0) for each in part])

    def of_neighbours(part: Sequence[Sighting]) -> np.ndarray:
        return np.stack([np.mean([static[word] for word in _around(each)], axis=0) for each in part])

    return {STATIC: of_word, SENTENCE: of_sentence, NEIGHBOURS: of_neighbours}


def contextual(text: Sequence[Sighting], seed: int, steps: int) -> Vectors:
    """Train a masked model on the text, and return the last layer's state at the word."""
    tokenizer = tokenizer_of(WORDS)
    vocabulary = vocabulary_of(tokenizer)
    encoder = fresh_encoder(vocabulary, seed)
    objective = build_objective(MaskedSettings(rate=0.2), [], vocabulary, encoder)
    source = encoded(tokenizer, [[" ".join(each.words)] for each in text])
    rows = Packed(PackedSettings(length=SLOTS), source, vocabulary, seed, ROWS)
    practise(encoder, objective, rows, seed=seed, steps=steps, rate=4e-3)

    def states(part: Sequence[Sighting]) -> np.ndarray:
        examples = _rows(part, tokenizer)
        nothing = np.zeros(examples.tokens.shape, dtype=bool)
        with without_training(encoder):
            hidden, _ = encoder(lay_out(examples, examples.tokens, nothing, vocabulary))
        places = [each.place + 1 for each in part]  # after CLS
        return hidden.numpy()[np.arange(len(part)), places]

    return states


def probed(vectors: Vectors, labelled: Sequence[Sighting], judged: Sequence[Sighting]) -> float:
    """Return how often the nearer centroid is that of the right sense, each word with centroids of its own."""
    seen, asked = vectors(labelled), vectors(judged)
    right = 0
    for pair in range(PAIRS):
        ours = np.array([each.pair == pair for each in labelled])
        theirs = np.array([each.pair == pair for each in judged])
        senses = np.array([each.sense for each in labelled])
        centroids = np.stack([seen[ours & (senses == sense)].mean(axis=0) for sense in (0, 1)])
        distances = np.square(asked[theirs][:, None] - centroids).sum(axis=-1)
        truth = np.array([each.sense for each in judged])[theirs]
        right += int((distances.argmin(axis=1) == truth).sum())
    return right / len(judged)


def _around(each: Sighting) -> list[str]:
    before, after = each.words[max(0, each.place - NEAR) : each.place], each.words[each.place + 1 :]
    return [*before, *after[:NEAR]]


def _rows(part: Sequence[Sighting], tokenizer: Tokenizer) -> Examples:
    """Lay sentences out as the model read them, `CLS` words `SEP`."""
    vocabulary = vocabulary_of(tokenizer)
    tokens = np.array(
        [
            [vocabulary.cls, *(tokenizer.token_to_id(word) for word in each.words), vocabulary.sep]
            for each in part
        ],
        dtype=np.int32,
    )
    positions = np.tile(np.arange(tokens.shape[1], dtype=np.int32), (len(tokens), 1))
    return Examples(tokens, np.zeros_like(tokens), positions)


STATIC_WORDS = Claim(
    name="static_words",
    sentence="word2vec gives a word one vector, whatever it means; BERT gives each of its uses one of its own.",
    experiment=(
        "In a language where only the clause says which of its two senses a word has, a nearest-centroid probe names "
        "the sense from static vectors and from a masked model's states."
    ),
    source="Mikolov et al. 2013; Peters et al. 2018, section 5.3; Devlin et al. 2019, section 2",
    measure=measure,
)
